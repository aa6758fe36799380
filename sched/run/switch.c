/* SPDX-License-Identifier: MIT */
/*
 * Switching. After wf_ctx_switch a coroutine may be on another thread: everything is
 * fetched again through me->worker, which the worker that switched it in has set.
 */
#include "worker.h"

static void finish_switch(struct wf_worker *w)
{
	w->publish(w, w->leaving);
}

static void enter_co(struct wf_worker *w, struct wf_co *co)
{
	w->current = co;
	wf_atomic_store_relaxed(&co->worker, w); /* WK1 relaxed: see co.h */
	*w->errno_ptr = co->saved_errno;
	wf_count(&w->count.switches, 1u); /* statistics: relaxed */
}

void wf_switch_out(struct wf_worker *w, struct wf_co *me)
{
	wf_switch_to(w, me, wf_likely(--w->budget > 0) ? wf_next(w) : NULL);
}

void wf_switch_to(struct wf_worker *w, struct wf_co *me, struct wf_co *next)
{
	w->leaving = me;
	me->saved_errno = *w->errno_ptr;
	if (wf_likely(next != NULL)) {
		enter_co(w, next);
		wf_fiber_leave(&me->fiber, &next->fiber, 0);
		wf_ctx_switch(&me->sp, next->sp);
	} else {
		w->current = NULL;
		wf_fiber_leave(&me->fiber, &w->loop_fiber, 0);
		wf_ctx_switch(&me->sp, w->loop_sp);
	}
	wf_fiber_enter(&me->fiber, NULL);
	finish_switch(me->worker);
}

/* The loop has nothing to publish: what it left it comes back to. */
static void publish_loop(struct wf_worker *w, struct wf_co *co)
{
	(void)w, (void)co;
}

void wf_switch_in(struct wf_worker *w, struct wf_co *co)
{
	w->leaving = NULL;
	w->publish = publish_loop;
	enter_co(w, co);
	wf_fiber_leave(&w->loop_fiber, &co->fiber, 0);
	wf_ctx_switch(&w->loop_sp, co->sp);
	wf_fiber_enter(&w->loop_fiber, NULL);
	finish_switch(w);
}
