/* SPDX-License-Identifier: MIT */
/* What the incoming side does with an outgoing coroutine that parked or yielded. */
#include <errno.h>

#include "../sched.h"
#include "switch.h"

void wf_publish_park(struct wf_worker *w, struct wf_co *co)
{
	struct wf_spin *lock = w->leave_lock;
	bool kicked = wf_co_publish(co, w->leave_word); /* PK1 PK2 */

	if (lock)
		wf_spin_unlock(lock);
	/* From here co may run elsewhere; wf_abort looks at its word and can bear that. */
	if (wf_unlikely(kicked))
		wf_abort(w, co);
}

static void publish_yield(struct wf_worker *w, struct wf_co *co)
{
	if (wf_likely(!co->traits))
		wf_push(w, co);
	else
		wf_ready(w, co);
}

/*
 * The clock is read every `pace` checkpoints, some four times a slice: more seldom while
 * they follow fast upon each other, at once more often when they do not.
 */
static void set_pace(struct wf_worker *w, uint64_t now)
{
	const uint64_t wanted = WF_SLICE_NS / 4;
	uint64_t took = now - w->checked_at;

	w->checked_at = now;
	if (took < wanted / 2)
		w->pace = w->pace * 2 < WF_CHECKS_MAX ? w->pace * 2 + 1 : WF_CHECKS_MAX;
	else if (took > wanted)
		w->pace = (int)((uint64_t)w->pace * wanted / took) | 1;
	wf_atomic_store_relaxed(&w->checks, w->pace); /* CK1 relaxed: own */
}

int wf_checkpoint_slow(struct wf_worker *w)
{
	if (!w)
		return wf_no_coroutine();
	struct wf_co *me = w->current;
	uint64_t now = wf_clock_ns();
	int rc = wf_verdict(me);

	set_pace(w, now);
	if (rc || now - w->now < WF_SLICE_NS)
		return rc;
	w->budget = 0; /* by way of the loop, which looks around */
	w->publish = publish_yield;
	wf_switch_out(w, me, false);
	return 0;
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
	wf_switch_out(w, me, false);
	return 0;
}
