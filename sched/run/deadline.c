/* SPDX-License-Identifier: MIT */
/*
 * Deadlines: scopes on the stack (scope.c), one timer in the coroutine object.
 *
 * The timer belongs to the worker whose heap it is in. It is moved lazily: a later
 * deadline touches nothing, and when the timer fires it looks at what the coroutine wants
 * now. A request loop that opens a new deadline each time thus touches the heap once per
 * period.
 *
 * TM1  StoreLoad: store due, then read owner and at (the coroutine)  <->  store owner or
 *      at, then read due (the heap's worker). One of the two sees the other, so an
 * earlier deadline is never left to a timer that has gone or was put later. Leaving the
 * state "in no heap" is by cas on owner: one of the two arms.
 *      model: tests/model/timer.pml
 */
#include <errno.h>
#include <stddef.h>

#include "../sched.h"
#include "scope.h"
#include "switch.h"
#include "width.h"

static void heap_add(struct wf_worker *w, struct wf_co *co, uint64_t due)
{
	do
		wf_timers_add(&w->timers, &co->timer, due);
	while ((due = wf_atomic_load_seq(&co->due)) < co->timer.at && /* TM1 */
	       (wf_timers_remove(&w->timers, &co->timer), true));
}

static bool adopt(struct wf_worker *w, struct wf_co *co)
{
	int32_t none = -1;

	return wf_atomic_cas_seq(&co->timer.owner, &none, (int32_t)w->id); /* TM1 */
}

static void on_move(struct wf_worker *w, struct wf_msg *msg);

/* Ask `to` to look at the timer, unless somebody has been asked already. */
static void post_move(struct wf_worker *to, struct wf_co *co)
{
	if (wf_atomic_xchg_seq(&co->timer_posted, 1u)) /* AM1 (wake.c) */
		return;
	co->timer_msg.fn = on_move;
	wf_send(to, &co->timer_msg);
}

/*
 * Another worker needs the timer earlier than our heap has it; or its heap was given up and
 * it is in none. Meanwhile it may have gone to a third one's heap, and who needs it earlier
 * than that was not heard, since this message was under way: then it goes there.
 */
static void on_move(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_co *co = wf_container_of(msg, struct wf_co, timer_msg);

	wf_atomic_store_seq(&co->timer_posted, 0u);           /* AM1 (wake.c) */
	int32_t owner = wf_atomic_load_seq(&co->timer.owner); /* TM1 */
	uint64_t due = wf_atomic_load_seq(&co->due);          /* TM1 */

	if (owner == (int32_t)w->id) {
		if (due >= co->timer.at)
			return;
		wf_timers_remove(&w->timers, &co->timer);
		heap_add(w, co, due);
	} else if (owner < 0 && due != WF_NEVER) {
		if (w->off_duty)
			post_move(wf_heir(w), co);
		else if (adopt(w, co))
			heap_add(w, co, due);
	} else if (owner >= 0 && due < wf_atomic_load_seq(&co->timer.at)) { /* TM1 */
		post_move(wf_rt.workers[owner], co);
	}
}

/* Who wanted it meanwhile earlier has asked us, or finds it in no heap (TM1). */
void wf_timers_give(struct wf_worker *w)
{
	struct wf_timer *t;

	while ((t = wf_timers_expire(&w->timers, WF_NEVER - 1))) {
		struct wf_co *co = wf_container_of(t, struct wf_co, timer);

		wf_atomic_store_seq(&co->timer.owner, -1);    /* TM1 */
		if (wf_atomic_load_seq(&co->due) != WF_NEVER) /* TM1 */
			post_move(wf_heir(w), co);
	}
}

void wf_timer_arm(struct wf_worker *w, struct wf_co *co)
{
	int32_t owner = wf_atomic_load_seq(&co->timer.owner); /* TM1 */
	uint64_t due = co->due;

	/* An old one: publish_park looks for a new one after the word is out. */
	if (wf_atomic_load_relaxed(&co->kick) & WF_KICK_TIMER)          /* PK2 relaxed */
		wf_atomic_and_seq(&co->kick, ~(uint32_t)WF_KICK_TIMER); /* PK2 */

	if (owner < 0 && adopt(w, co)) {
		heap_add(w, co, due);
		return;
	}
	owner = wf_atomic_load_seq(&co->timer.owner);               /* TM1 */
	if (wf_atomic_load_seq(&co->timer.at) <= due && owner >= 0) /* TM1 */
		return;
	if (owner == (int32_t)w->id) {
		wf_timers_remove(&w->timers, &co->timer);
		heap_add(w, co, due);
	} else if (owner < 0) {
		wf_timer_arm(w, co);
	} else {
		post_move(wf_rt.workers[owner], co);
	}
}

static void fire(struct wf_worker *w, struct wf_co *co)
{
	uint64_t due = wf_atomic_load_seq(&co->due); /* TM1 */

	if (due != WF_NEVER && due > w->now) {
		heap_add(w, co, due);
		return;
	}
	wf_atomic_store_seq(&co->timer.owner, -1); /* TM1 */
	due = wf_atomic_load_seq(&co->due);        /* TM1 */
	if (due == WF_NEVER)
		return;
	if (due > w->now) {
		if (adopt(w, co))
			heap_add(w, co, due);
		return;
	}
	wf_count(&w->count.timers_fired, 1u);                 /* statistics: relaxed */
	wf_atomic_or_seq(&co->kick, (uint32_t)WF_KICK_TIMER); /* PK2 */
	wf_abort(w, co);
}

/* A million that come due at once must not keep the worker from its ring, nor fill its
 * queue with what will be cold when its turn comes: the rest is due at the next look. */
void wf_timers_fire(struct wf_worker *w)
{
	struct wf_timer *t;

	for (unsigned n = 0; n < WF_FIRE_MAX; n++) {
		t = wf_timers_expire(&w->timers, w->now);
		if (!t)
			return;
		fire(w, wf_container_of(t, struct wf_co, timer));
	}
}

int wf_sleep_until(uint64_t at)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	if (!me)
		return wf_no_coroutine();
	int rc = wf_may_begin(w, me);
	uint64_t outer = me->due;

	while (!rc && wf_clock_ns() < at) {
		wf_set_due(me, at < outer ? at : outer);
		wf_park(wf_worker_self(), me, WF_WAIT_SLEEP, NULL);
		wf_set_due(me, outer);
		rc = wf_verdict(me);
	}
	return rc;
}
