/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "mutex.h"

/* calls: so that a signal between letting go of the mutex and waiting is not missed. */
struct cond {
	struct wf_waitq q;
	uint64_t calls; /* q.lock */
};

_Static_assert(sizeof(struct cond) <= sizeof(struct weft_cond), "lib/weft/sync.h");

static const struct wf_awaited awaited = {.text = "a condition"};

static int wait(struct cond *c, struct mutex *m)
{
	struct wf_waiter me = {.what = &awaited};

	wf_spin_lock(&c->q.lock);
	uint64_t seen = c->calls;
	wf_spin_unlock(&c->q.lock);
	weft__mutex_leave(m);
	wf_spin_lock(&c->q.lock);
	if (c->calls == seen)
		return wf_waitq_wait(&c->q, &me, false);
	wf_spin_unlock(&c->q.lock);
	return 0;
}

int weft_cond_wait(struct weft_cond *cond, struct weft_mutex *mutex)
{
	struct mutex *m = (struct mutex *)mutex;
	uintptr_t who;
	int rc = wf_may_wait(&who);

	bool mine = wf_atomic_load_relaxed(&m->owner) ==
		    who; /* MX1 relaxed: only we write that */

	if (wf_misuse(!mine, "the caller does not hold the mutex"))
		return -EPERM;
	if (rc)
		return rc;
	rc = wait((struct cond *)cond, m);
	weft__mutex_take(m, who, true);
	return rc < 0 ? rc : 0;
}

void weft_cond_signal(struct weft_cond *cond)
{
	struct cond *c = (struct cond *)cond;

	wf_spin_lock(&c->q.lock);
	c->calls++;
	struct wf_waiter *one = wf_waitq_take(&c->q);
	wf_spin_unlock(&c->q.lock);
	wf_waiters_wake(one);
}

void weft_cond_broadcast(struct weft_cond *cond)
{
	struct cond *c = (struct cond *)cond;

	wf_spin_lock(&c->q.lock);
	c->calls++;
	struct wf_waiter *all = wf_waitq_take_all(&c->q);
	wf_spin_unlock(&c->q.lock);
	wf_waiters_wake(all);
}
