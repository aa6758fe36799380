/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "../../sched/sched.h"
#include "weft/sync.h"

struct rwlock {
	struct wf_waitq q;
	uint32_t readers; /* q.lock */
	bool writer;      /* q.lock */
};

_Static_assert(sizeof(struct rwlock) <= sizeof(struct weft_rwlock), "lib/weft/sync.h");

struct party {
	struct wf_waiter waiter; /* first */
	bool writes;
};

/* lock held. */
static bool may_enter(const struct rwlock *l, bool writes)
{
	return !l->writer && !(writes && l->readers);
}

static void enter(struct rwlock *l, bool writes)
{
	if (writes)
		l->writer = true;
	else
		l->readers++;
}

/* Let in, in order, whoever can be; lock held and released. */
static void serve(struct rwlock *l)
{
	struct wf_waiter *list = NULL, **end = &list, *first;

	while ((first = l->q.first) && may_enter(l, ((struct party *)first)->writes)) {
		if (!wf_waiter_take(first))
			continue;
		enter(l, ((struct party *)first)->writes);
		*end = first;
		end = &first->next;
	}
	wf_spin_unlock(&l->q.lock);
	wf_waiters_wake(list);
}

static const struct wf_awaited awaited = {.text = "a reader/writer lock"};

static int take(struct rwlock *l, bool writes)
{
	struct party me = {.waiter.what = &awaited, .writes = writes};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (!rc) {
		wf_spin_lock(&l->q.lock);
		if (!l->q.first && may_enter(l, writes)) {
			enter(l, writes);
			wf_spin_unlock(&l->q.lock);
			return 0;
		}
		rc = wf_waitq_wait(&l->q, &me.waiter, false);
		if (rc == 0)
			return 0; /* let in */
		wf_spin_lock(&l->q.lock);
		serve(l); /* others may have waited behind us only */
		if (rc == WF_WAIT_AGAIN)
			rc = 0;
	}
	return rc;
}

int weft_rwlock_rdlock(struct weft_rwlock *l)
{
	return take((struct rwlock *)l, false);
}

int weft_rwlock_wrlock(struct weft_rwlock *l)
{
	return take((struct rwlock *)l, true);
}

int weft_rwlock_unlock(struct weft_rwlock *rwlock)
{
	struct rwlock *l = (struct rwlock *)rwlock;

	wf_spin_lock(&l->q.lock);
	bool held = l->writer || l->readers;
	if (l->writer)
		l->writer = false;
	else if (l->readers)
		l->readers--;
	serve(l);
	return wf_misuse(!held, "nobody holds it") ? -EPERM : 0;
}
