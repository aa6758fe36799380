/* SPDX-License-Identifier: MIT */
#include "rescue.h"

#include "../base/sys.h"
#include "io.h"
#include "monitor.h"
#include "signal.h"

/* The stalled worker. */

void wf_rescue_lend(struct wf_worker *w)
{
	struct wf_ring *r = &w->ring;

	if (!wf_loan_asked(&r->loan))
		return;
	/* In its loop it looks by itself, and may be in the middle of it. */
	bool lend = wf_atomic_load_relaxed(&w->current) != NULL; /* CU1 relaxed: own */

	if (lend)
		r->engine->lend(r);
	wf_loan_answer(&r->loan, lend);
	wf_sys.futex_wake(&r->loan.state, 1);
}

/* The monitor. */

/* Only the ring's own thread can cancel: asked by message, it will. */
static void cancel_later(struct wf_ring *here, struct wf_fd *f)
{
	(void)here;
	f->state &= (uint16_t)~WF_FD_CANCELLING;
	if (!(f->state & WF_FD_CHAIN))
		wf_fd_ask_home(f);
}

static const struct wf_engine rescuer = {.name = "rescuer",
					 .stream_cancel = cancel_later};

static void await_answer(const struct wf_loan *l, uint64_t until)
{
	uint64_t now;

	while (wf_loan_asked(l) && (now = wf_clock_ns()) < until) {
		const struct timespec ts = {.tv_nsec = (long)(until - now)};
		wf_sys.futex_wait((uint32_t *)&l->state, WF_LOAN_ASKED, &ts);
	}
}

static unsigned reap(struct wf_ring *r, struct wf_co **ret_ready)
{
	struct wf_ring here = {.engine = &rescuer, .of = r, .leaving = true};

	here.ready_tail = &here.ready;
	unsigned n = r->engine->rescue(&here);

	*ret_ready = here.ready;
	return n;
}

void wf_rescue_ask(struct wf_worker *w)
{
	if (w->ring.engine->stuck(&w->ring) && wf_loan_ask(&w->ring.loan))
		wf_signal_send(w);
}

void wf_rescue_reap(struct wf_worker *w, uint64_t until)
{
	struct wf_co *co, *next;

	await_answer(&w->ring.loan, until);
	if (!wf_loan_take(&w->ring.loan))
		return;
	unsigned n = reap(&w->ring, &co);

	wf_loan_give_back(&w->ring.loan);
	wf_count(&wf_stalls.rescued, n);
	for (; co; co = next) {
		next = co->next;
		wf_ready(NULL, co);
	}
}

struct overdue {
	uint64_t now;
	bool (*is_stalled)(const struct wf_worker *w);
};

static void end_wait(struct wf_co *co, void *arg)
{
	const struct overdue *o = arg;

	if (wf_atomic_load_seq(&co->due) > o->now) /* TM1 (deadline.c) */
		return;
	int32_t owner = wf_atomic_load_seq(&co->timer.owner); /* TM1 */

	if (owner >= 0 && o->is_stalled(wf_rt.workers[owner]))
		wf_abort(NULL, co);
}

void wf_rescue_timers(bool (*is_stalled)(const struct wf_worker *w))
{
	struct overdue o = {.now = wf_clock_ns(), .is_stalled = is_stalled};

	wf_co_for_each(end_wait, &o);
}
