/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../arch/where.h"
#include "../base/sys.h"

enum { SIGNAL = SIGURG, FRAMES = 64, PATIENCE = 500 };

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

static struct sigaction before;
static bool installed;

static bool asked(uint32_t to)
{
	uint32_t state = ASKED;

	return wf_atomic_cas_seq(&note.state, &state, to); /* TR1 */
}

/* In the handler. false: the signal is somebody else's. */
static bool noted(const void *context)
{
	const struct wf_worker *w = wf_worker_self();

	if (!w || !asked(NOTING))
		return false;
	bool mine = note.of == w;

	if (mine) {
		note.where = wf_interrupted_at(context);
		note.n = note.co == w->current ? backtrace(note.frame, FRAMES) : 0;
	}
	wf_atomic_store_seq(&note.state, mine ? NOTED : ASKED); /* TR1 */
	if (mine)
		wf_sys.futex_wake(&note.state, 1);
	return mine;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	int err = errno;

	if (!noted(context)) {
		if (before.sa_flags & SA_SIGINFO && before.sa_sigaction)
			before.sa_sigaction(sig, info, context);
		else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
			before.sa_handler(sig);
	}
	errno = err;
}

int wf_trace_open(void)
{
	struct sigaction act = {.sa_sigaction = on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	void *frame[1];

	backtrace(frame, 1); /* loads the unwinder, which no handler may do */
	sigemptyset(&act.sa_mask);
	note.state = IDLE;
	if (sigaction(SIGNAL, &act, &before))
		return -errno;
	installed = true;
	return 0;
}

void wf_trace_close(void)
{
	if (!installed)
		return;
	sigaction(SIGNAL, &before, NULL);
	installed = false;
}

void wf_trace_thread_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Names. */

static size_t describe(const void *pc, char *buf, size_t size)
{
	const char *at = (const char *)pc - 1; /* within the call */
	Dl_info info;
	int n;

	if (!dladdr(at, &info) || !info.dli_fname)
		n = snprintf(buf, size, "%p\n", pc);
	else if (info.dli_sname)
		n = snprintf(buf, size, "%s+0x%zx (%s+0x%zx)\n", info.dli_sname,
			     (size_t)(at - (const char *)info.dli_saddr), info.dli_fname,
			     (size_t)(at - (const char *)info.dli_fbase));
	else
		n = snprintf(buf, size, "(%s+0x%zx)\n", info.dli_fname,
			     (size_t)(at - (const char *)info.dli_fbase));
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* The handler's own frames come before the one that was interrupted. */
static int first_frame(void)
{
	for (int i = 0; i < note.n; i++)
		if (note.frame[i] == note.where)
			return i;
	return 0;
}

static void write_lines(char *buf, size_t size)
{
	for (int i = first_frame(); i < note.n; i++) {
		size_t n = describe(note.frame[i], buf, size);

		if (!n)
			break;
		buf += n;
		size -= n;
	}
	*buf = '\0';
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
	if (!installed)
		return;
	note.of = w;
	note.co = co;
	note.n = 0;
	wf_atomic_store_seq(&note.state, ASKED); /* TR1 */
	if (!pthread_kill(w->thread, SIGNAL))
		await_answer();
	if (wf_atomic_load_seq(&note.state) == NOTED) /* TR1 */
		write_lines(buf, size);
	wf_atomic_store_seq(&note.state, IDLE); /* TR1 */
}
