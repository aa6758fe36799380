/* SPDX-License-Identifier: MIT */
/*
 * Things that one waits for: an event, a count that reaches 0, something done once. What is
 * waited for changes only under the lock, and who finds it so takes the lock too: when its
 * call returns, whoever changed it has left, and the object may be freed.
 *
 * EV1  state: store_seq under the lock  <->  load_seq by weft_event_is_set and, before it
 *      takes the lock or not at all, by weft_once_do. Who sees it sees what came before.
 */
#include <errno.h>

#include "../../sched/sched.h"
#include "event.h"

struct event {
	struct wf_waitq q;
	uint32_t state; /* EV1: enum state */
	union {
		int32_t count; /* a wait group: q.lock */
		bool outside;  /* an event: fixed before it is used */
	};
};

enum state { NOT_YET, RUNNING, DONE };

_Static_assert(sizeof(struct event) <= sizeof(struct weft_event), "lib/weft/sync.h");
_Static_assert(sizeof(struct event) <= sizeof(struct weft_wg), "lib/weft/sync.h");
_Static_assert(sizeof(struct event) <= sizeof(struct weft_once), "lib/weft/sync.h");

static const struct wf_awaited awaited_event[] = {{.text = "an event"},
						  {.text = "an event", .outside = true}},
			       awaited_wg = {.text = "a wait group"},
			       awaited_once = {.text = "the end of a once"};

static int wait_for(struct event *e, bool hard)
{
	struct wf_waiter me = {.what = &awaited_event[e->outside]};
	uintptr_t who;
	int rc = hard ? 0 : wf_may_wait(&who);

	while (!rc) {
		wf_spin_lock(&e->q.lock);
		if (e->state == DONE) {
			wf_spin_unlock(&e->q.lock);
			return 0;
		}
		rc = wf_waitq_wait(&e->q, &me, hard);
		if (rc == 0)
			return 0;
		if (rc == WF_WAIT_AGAIN)
			rc = 0;
	}
	return rc;
}

void weft_event_outside(struct weft_event *event)
{
	((struct event *)event)->outside = true;
}

int weft_event_wait(struct weft_event *event)
{
	return wait_for((struct event *)event, false);
}

void weft__event_await(struct weft_event *event)
{
	wait_for((struct event *)event, true);
}

void weft_event_set(struct weft_event *event)
{
	struct event *e = (struct event *)event;

	wf_spin_lock(&e->q.lock);
	wf_atomic_store_seq(&e->state, (uint32_t)DONE); /* EV1 */
	struct wf_waiter *all = wf_waitq_take_all(&e->q);
	wf_spin_unlock(&e->q.lock);
	wf_waiters_wake(all);
}

void weft_event_reset(struct weft_event *event)
{
	struct event *e = (struct event *)event;

	wf_spin_lock(&e->q.lock);
	wf_atomic_store_seq(&e->state, (uint32_t)NOT_YET); /* EV1 */
	wf_spin_unlock(&e->q.lock);
}

bool weft_event_is_set(const struct weft_event *event)
{
	return wf_atomic_load_seq(&((const struct event *)event)->state) ==
	       DONE; /* EV1 */
}

int weft_wg_add(struct weft_wg *wg, int32_t n)
{
	struct event *e = (struct event *)wg;
	struct wf_waiter *all = NULL;

	wf_spin_lock(&e->q.lock);
	int64_t count = (int64_t)e->count + n;
	bool fits = count >= 0 && count <= INT32_MAX;
	if (fits) {
		e->count = (int32_t)count;
		if (count == 0)
			all = wf_waitq_take_all(&e->q);
	}
	wf_spin_unlock(&e->q.lock);
	wf_waiters_wake(all);
	if (wf_misuse(count < 0, "the count would be negative"))
		return -EINVAL;
	return fits ? 0 : -EINVAL;
}

int weft_wg_done(struct weft_wg *wg)
{
	return weft_wg_add(wg, -1);
}

int weft_wg_wait(struct weft_wg *wg)
{
	struct event *e = (struct event *)wg;
	struct wf_waiter me = {.what = &awaited_wg};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (!rc) {
		wf_spin_lock(&e->q.lock);
		if (e->count == 0) {
			wf_spin_unlock(&e->q.lock);
			return 0;
		}
		rc = wf_waitq_wait(&e->q, &me, false);
		if (rc == 0)
			return 0;
		if (rc == WF_WAIT_AGAIN)
			rc = 0;
	}
	return rc;
}

static int run_once(struct event *o, int (*fn)(void *arg), void *arg)
{
	int rc = fn(arg);

	wf_spin_lock(&o->q.lock);
	wf_atomic_store_seq(&o->state, (uint32_t)(rc < 0 ? NOT_YET : DONE)); /* EV1 */
	struct wf_waiter *all = wf_waitq_take_all(&o->q);
	wf_spin_unlock(&o->q.lock);
	wf_waiters_wake(all);
	return rc < 0 ? rc : 0;
}

int weft_once_do(struct weft_once *once, int (*fn)(void *arg), void *arg)
{
	struct event *o = (struct event *)once;
	struct wf_waiter me = {.what = &awaited_once};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (rc >= 0 && wf_atomic_load_seq(&o->state) != DONE) { /* EV1 */
		wf_spin_lock(&o->q.lock);
		if (o->state == NOT_YET) {
			wf_atomic_store_seq(&o->state, (uint32_t)RUNNING); /* EV1 */
			wf_spin_unlock(&o->q.lock);
			return run_once(o, fn, arg);
		}
		if (o->state == RUNNING)
			rc = wf_waitq_wait(&o->q, &me, false);
		else
			wf_spin_unlock(&o->q.lock);
	}
	return rc < 0 ? rc : 0;
}
