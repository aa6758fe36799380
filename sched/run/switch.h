/* SPDX-License-Identifier: MIT */
/*
 * Switching and parking. Inline, so that between a parking call and the switch there is no
 * call that the CPU expects to return from: each would be mispredicted on the other side.
 *
 * After wf_ctx_switch a coroutine may be on another thread: everything is fetched again
 * through me->worker, which the worker that switched it in has set.
 */
#ifndef WF_RUN_SWITCH_H
#define WF_RUN_SWITCH_H

#include "worker.h"

static inline void wf_switch_enter(struct wf_worker *w, struct wf_co *co)
{
	wf_atomic_store_relaxed(&w->current, co); /* CU1 relaxed: a look from outside */
	wf_atomic_store_relaxed(&co->worker, w);  /* WK1 relaxed: see co.h */
	*w->errno_ptr = co->saved_errno;
	wf_count(&w->count.switches, 1u); /* statistics: relaxed */
}

/* Leave `me` for `next`, which the caller owns, or for the loop (NULL); returns when `me`
 * runs again. w->publish tells what becomes of `me`; ends: it never will run again. */
static inline void wf_switch_to(struct wf_worker *w, struct wf_co *me, struct wf_co *next,
				bool ends)
{
	w->leaving = me;
	me->saved_errno = *w->errno_ptr;
	if (wf_likely(next != NULL)) {
		wf_switch_enter(w, next);
		wf_fiber_leave(&me->fiber, &next->fiber, ends);
		wf_ctx_switch(&me->sp, next->sp);
	} else {
		wf_atomic_store_relaxed(&w->current,
					(struct wf_co *)NULL); /* CU1 relaxed */
		wf_fiber_leave(&me->fiber, &w->loop_fiber, ends);
		wf_ctx_switch(&me->sp, w->loop_sp);
	}
	wf_fiber_enter(&me->fiber, NULL);
	w = me->worker;
	w->publish(w, w->leaving);
}

/* The same for the next runnable coroutine; or for the loop, which takes messages and looks
 * at the ring. */
static inline void wf_switch_out(struct wf_worker *w, struct wf_co *me, bool ends)
{
	bool on =
		--w->budget > 0 &&
		!wf_atomic_load_relaxed(&w->inbox.head); /* IB1 relaxed: the loop looks */

	wf_switch_to(w, me, wf_likely(on) ? wf_next(w) : NULL, ends);
}

void wf_publish_park(struct wf_worker *w, struct wf_co *co);

/*
 * Park the running coroutine; returns its result. The incoming side calls publish, which
 * publishes w->leave_word, and from then on others may claim. me->wait_obj was set by the
 * caller.
 */
static inline int32_t wf_park_as(struct wf_worker *w, struct wf_co *me, enum wf_wait kind,
				 void (*publish)(struct wf_worker *w, struct wf_co *co))
{
	wf_assert(w->current == me);
	if (wf_unlikely(me->due != WF_NEVER) && !wf_wait_is_hard(kind))
		wf_timer_arm(w, me);
	w->leave_word = wf_co_next_word(me, kind);
	w->publish = publish;
	wf_switch_out(w, me, false);
	return me->result;
}

/* The same; lock: held, released when others may claim, or NULL. */
static inline int32_t wf_park(struct wf_worker *w, struct wf_co *me, enum wf_wait kind,
			      struct wf_spin *lock)
{
	w->leave_lock = lock;
	return wf_park_as(w, me, kind, wf_publish_park);
}

#endif
