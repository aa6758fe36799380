/* SPDX-License-Identifier: MIT */
#include "rescue.h"

#include "../base/sys.h"
#include "io.h"
#include "monitor.h"
#include "signal.h"

/* The stalled worker. */

static void grant(struct wf_worker *w)
{
	for (unsigned i = 0; i < w->wishes.n; i++) {
		const struct wf_wish *wish = &w->wishes.wish[i];

		if (!wish->op ||
		    wf_atomic_load_seq(&wish->co->park) == wish->word) /* PK1 */
			w->ring.engine->cancel_now(&w->ring, wish);
	}
}

void wf_rescue_lend(struct wf_worker *w)
{
	struct wf_ring *r = &w->ring;

	if (!wf_loan_asked(&r->loan))
		return;
	/* In its loop it looks by itself, and may be in the middle of it. */
	bool lend = wf_atomic_load_relaxed(&w->current) != NULL; /* CU1 relaxed: own */

	if (lend)
		r->engine->lend(r); /* a request is submitted before it is cancelled */
	if (lend && w->wishes.n) {
		grant(w);
		r->engine->lend(r);
	}
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

/* A message to cancel something: note it for the handler. */
bool wf_rescue_take(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_wishes *l = &w->wishes;
	struct wf_wish *wish = &l->wish[l->n];

	if (wf_rt.conf.rescue <= 0 || !w->ring.cancels_now || l->n == WF_WISHES ||
	    wf_loan_asked(&w->ring.loan))
		return false;
	struct wf_co *co = wf_msg_aborts(msg);

	if (co && !wf_abort_wish(w, co, wish)) {
		wf_abort_again(co); /* it waits for something else by now */
		return true;
	}
	if (!co && !wf_fd_wish(msg, wish))
		return false;
	wish->msg = msg;
	l->n++;
	return true;
}

/* The handler has done what it could. What is not ended yet is asked for again, by who waits
 * for it or by wf_abort. */
static void fulfil(struct wf_ring *here, const struct wf_wish *wish)
{
	if (wish->op)
		wf_abort_again(wish->co);
	else
		wf_fd_asked(here, wish->f);
}

static void send_back(struct wf_worker *w)
{
	for (unsigned i = 0; i < w->wishes.n; i++)
		wf_send(w, w->wishes.wish[i].msg);
	w->wishes.n = 0;
}

static void reap(struct wf_worker *w)
{
	struct wf_ring here = {.engine = &rescuer, .of = &w->ring, .leaving = true};
	struct wf_co *co;

	here.ready_tail = &here.ready;
	wf_count(&wf_stalls.rescued, w->ring.engine->rescue(&here));
	for (unsigned i = 0; i < w->wishes.n; i++)
		fulfil(&here, &w->wishes.wish[i]);
	w->wishes.n = 0;
	wf_loan_give_back(&w->ring.loan);
	while ((co = here.ready)) {
		here.ready = co->next;
		wf_ready(NULL, co);
	}
}

void wf_rescue_ask(struct wf_worker *w)
{
	if ((w->wishes.n || w->ring.engine->stuck(&w->ring)) &&
	    wf_loan_ask(&w->ring.loan))
		wf_signal_send(w);
}

void wf_rescue_reap(struct wf_worker *w, uint64_t until)
{
	await_answer(&w->ring.loan, until);
	if (wf_loan_take(&w->ring.loan))
		reap(w);
	else if (w->wishes.n && !wf_loan_asked(&w->ring.loan))
		send_back(w);
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

void wf_rescue_close(void)
{
	struct wf_worker *w;

	for (unsigned i = 0; (w = wf_worker_from(i)); i = w->id + 1)
		send_back(w);
}
