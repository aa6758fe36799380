/* SPDX-License-Identifier: MIT */
/* Parking and yielding: what the incoming side does with the outgoing coroutine. */
#include <errno.h>

#include "../sched.h"
#include "worker.h"

static void publish_park(struct wf_worker *w, struct wf_co *co)
{
	struct wf_spin *lock = w->leave_lock;
	bool kicked = wf_co_publish(co, w->leave_word); /* PK1 PK2 */

	if (lock)
		wf_spin_unlock(lock);
	/* From here co may run elsewhere; wf_abort looks at its word and can bear that.
	 */
	if (wf_unlikely(kicked))
		wf_abort(w, co);
}

int32_t wf_park(struct wf_worker *w, struct wf_co *me, enum wf_wait kind,
		struct wf_spin *lock)
{
	wf_assert(w->current == me);
	if (wf_unlikely(
		    wf_atomic_load_relaxed(&me->kick) & /* PK2 relaxed: own, a stale */
		    WF_KICK_TIMER))                     /* one is looked at by publish */
		wf_atomic_and_seq(&me->kick, ~(uint32_t)WF_KICK_TIMER); /* PK2 */
	if (me->due != WF_NEVER && kind != WF_WAIT_HARD)
		wf_timer_arm(w, me);
	w->leave_word = wf_co_next_word(me, kind);
	w->leave_lock = lock;
	w->publish = publish_park;
	wf_switch_out(w, me);
	return me->result;
}

static void publish_yield(struct wf_worker *w, struct wf_co *co)
{
	wf_ready(w, co);
}

int wf_yield(void)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	if (wf_unlikely(!me))
		return wf_no_coroutine();
	int rc = wf_may_begin(w, me);
	if (wf_unlikely(rc))
		return rc;
	w->publish = publish_yield;
	wf_switch_out(w, me);
	return 0;
}
