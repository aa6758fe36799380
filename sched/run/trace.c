/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <execinfo.h>

#include "../arch/where.h"
#include "../base/sys.h"
#include "frames.h"
#include "signal.h"

enum { FRAMES = 64, PATIENCE = 500 };

enum { IDLE, ASKED, NOTING, NOTED };

/*
 * TR1  state: store_seq of ASKED after `of` and `co` by who asks  <->  cas_seq to NOTING by the
 *      handler. store_seq of NOTED after the frames by the handler  <->  load_seq by who
 *      asked. Who is tired of waiting takes ASKED back by cas_seq: then no handler is at it.
 */
static struct {
	uint32_t state; /* TR1 */
	const struct wf_worker *of;
	const struct wf_co *co;
	void *frame[FRAMES], *where;
	int n;
} note;

static bool asked(uint32_t to)
{
	uint32_t state = ASKED;

	return wf_atomic_cas_seq(&note.state, &state, to); /* TR1 */
}

void wf_trace_note(struct wf_worker *w, const void *context)
{
	if (!asked(NOTING))
		return;
	bool mine = note.of == w;

	if (mine) {
		note.where = wf_interrupted_at(context);
		note.n = note.co == w->current ? backtrace(note.frame, FRAMES) : 0;
	}
	wf_atomic_store_seq(&note.state, mine ? NOTED : ASKED); /* TR1 */
	if (mine)
		wf_sys.futex_wake(&note.state, 1);
}

void wf_trace_prepare(void)
{
	wf_frames_prepare();
	note.state = IDLE;
}

/* The handler's own frames come before the one that was interrupted. */
static int first_frame(void)
{
	for (int i = 0; i < note.n; i++)
		if (note.frame[i] == note.where)
			return i;
	return 0;
}

static void await_answer(void)
{
	const struct timespec ts = {.tv_nsec = 10000000};
	uint32_t state;

	for (int i = 0; (state = wf_atomic_load_seq(&note.state)) != NOTED;
	     i++) { /* TR1 */
		if (i >= PATIENCE && asked(IDLE))
			return;
		wf_sys.futex_wait(&note.state, state, &ts);
	}
}

void wf_trace_take(struct wf_worker *w, const struct wf_co *co, char *buf, size_t size)
{
	buf[0] = '\0';
	note.of = w;
	note.co = co;
	note.n = 0;
	wf_atomic_store_seq(&note.state, ASKED); /* TR1 */
	if (wf_signal_send(w))
		await_answer();
	if (wf_atomic_load_seq(&note.state) == NOTED) /* TR1 */
		wf_frames_describe(note.frame + first_frame(), note.n - first_frame(),
				   buf, size);
	wf_atomic_store_seq(&note.state, IDLE); /* TR1 */
}
