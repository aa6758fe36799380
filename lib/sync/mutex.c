/* SPDX-License-Identifier: MIT */
#include "mutex.h"

#include <errno.h>

static bool take_free(struct mutex *m, uintptr_t who)
{
	uint32_t free = FREE;

	if (!wf_atomic_cas_seq(&m->state, &free, (uint32_t)HELD)) /* MX1 */
		return false;
	wf_atomic_store_relaxed(&m->owner, who); /* MX1 relaxed: we hold it */
	return true;
}

static uintptr_t holder(const struct wf_waitq *q)
{
	const struct mutex *m = wf_container_of(q, const struct mutex, q);

	return wf_atomic_load_relaxed(&m->owner); /* MX1 relaxed: a look from outside */
}

static const struct wf_awaited awaited = {.text = "a mutex", .holder = holder};

int weft__mutex_take(struct mutex *m, uintptr_t who, bool hard)
{
	struct wf_waiter me = {.what = &awaited};

	while (!me.granted) {
		wf_spin_lock(&m->q.lock);
		if (wf_atomic_xchg_seq(&m->state, (uint32_t)BUSY) == FREE) { /* MX1 */
			if (!m->q.first)
				wf_atomic_store_seq(&m->state, (uint32_t)HELD); /* MX1 */
			wf_spin_unlock(&m->q.lock);
			break;
		}
		int rc = wf_waitq_wait(&m->q, &me, hard);
		if (rc < 0)
			return rc;
		me.passed = me.passed || rc == 0;
	}
	wf_atomic_store_relaxed(&m->owner, who); /* MX1 relaxed: we hold it */
	return 0;
}

/* It may not begin, or it is held. Apart, so that the fast path saves no registers for it. */
static __attribute__((noinline)) int lock_slowly(struct mutex *m)
{
	uintptr_t who;
	int rc = wf_may_wait(&who);

	if (rc)
		return rc;
	if (wf_atomic_load_relaxed(&m->owner) ==
	    who) /* MX1 relaxed: only we write that */
		return -EDEADLK;
	return weft__mutex_take(m, who, false);
}

int weft_mutex_lock(struct weft_mutex *mutex)
{
	struct mutex *m = (struct mutex *)mutex;
	uintptr_t who = wf_who_may_wait();

	return wf_likely(who && take_free(m, who)) ? 0 : lock_slowly(m);
}

int weft_mutex_trylock(struct weft_mutex *mutex)
{
	return take_free((struct mutex *)mutex, wf_who()) ? 0 : -EBUSY;
}

/*
 * The first in the queue is woken, and takes m if nobody was faster; one that was not fast
 * enough before gets it handed over.
 */
static void leave_busy(struct mutex *m)
{
	wf_spin_lock(&m->q.lock);
	struct wf_waiter *next = wf_waitq_take(&m->q);

	if (next)
		next->granted = next->passed;
	if (!next || !next->granted)
		wf_atomic_store_seq(&m->state, (uint32_t)FREE); /* MX1 */
	else if (!m->q.first)
		wf_atomic_store_seq(&m->state, (uint32_t)HELD); /* MX1 */
	wf_spin_unlock(&m->q.lock);
	wf_waiters_wake(next);
}

void weft__mutex_leave(struct mutex *m)
{
	uint32_t held = HELD;

	wf_atomic_store_relaxed(&m->owner, (uintptr_t)0); /* MX1 relaxed: we hold it */
	if (!wf_atomic_cas_seq(&m->state, &held, (uint32_t)FREE)) /* MX1 */
		leave_busy(m);
}

int weft_mutex_unlock(struct weft_mutex *mutex)
{
	struct mutex *m = (struct mutex *)mutex;
	bool mine = wf_atomic_load_relaxed(&m->owner) ==
		    wf_who(); /* MX1 relaxed: only we write that */

	if (wf_misuse(!mine, "the caller does not hold it"))
		return -EPERM;
	weft__mutex_leave(m);
	return 0;
}
