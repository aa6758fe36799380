/* SPDX-License-Identifier: MIT */
/*
 * The count changes only under the lock, whose release is the last that a post does to the
 * semaphore: the one that it lets go on may free it.
 */
#include <errno.h>

#include "../../sched/sched.h"
#include "weft/sync.h"

struct sem {
	struct wf_waitq q;
	uint32_t permits; /* q.lock */
	bool outside;     /* fixed before it is used */
};

_Static_assert(sizeof(struct sem) <= sizeof(struct weft_sem), "lib/weft/sync.h");

/* lock held. Serve in order, as far as the permits go; returns those to be woken. */
static struct wf_waiter *serve(struct sem *s)
{
	struct wf_waiter *list = NULL, **end = &list, *first;

	while ((first = s->q.first) && first->n <= s->permits) {
		if (!wf_waiter_take(first))
			continue;
		s->permits -= first->n;
		*end = first;
		end = &first->next;
	}
	return list;
}

static void serve_others(struct sem *s)
{
	wf_spin_lock(&s->q.lock);
	struct wf_waiter *list = serve(s);
	wf_spin_unlock(&s->q.lock);
	wf_waiters_wake(list);
}

static bool take(struct sem *s, uint32_t n)
{
	if (s->q.first || s->permits < n)
		return false;
	s->permits -= n;
	return true;
}

static const struct wf_awaited awaited[] = {{.text = "a semaphore"},
					    {.text = "a semaphore", .outside = true}};

void weft_sem_outside(struct weft_sem *sem)
{
	((struct sem *)sem)->outside = true;
}

int weft_sem_wait(struct weft_sem *sem, uint32_t n)
{
	struct sem *s = (struct sem *)sem;
	struct wf_waiter me
		__attribute__((aligned(64))) = {.n = n, .what = &awaited[s->outside]};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (!rc) {
		wf_spin_lock(&s->q.lock);
		if (take(s, n)) {
			wf_spin_unlock(&s->q.lock);
			return 0;
		}
		rc = wf_waitq_wait(&s->q, &me, false);
		if (rc == 0)
			return 0; /* served */
		if (rc < 0)
			serve_others(s); /* they may have waited behind us only */
		else
			rc = 0;
	}
	return rc;
}

int weft_sem_trywait(struct weft_sem *sem, uint32_t n)
{
	struct sem *s = (struct sem *)sem;

	wf_spin_lock(&s->q.lock);
	bool mine = take(s, n);
	wf_spin_unlock(&s->q.lock);
	return mine ? 0 : -EBUSY;
}

int weft_sem_post(struct weft_sem *sem, uint32_t n)
{
	struct sem *s = (struct sem *)sem;
	struct wf_waiter *list = NULL;

	wf_spin_lock(&s->q.lock);
	bool fits = n <= UINT32_MAX - s->permits;
	if (fits) {
		s->permits += n;
		list = serve(s);
	}
	wf_spin_unlock(&s->q.lock);
	wf_waiters_wake(list);
	return fits ? 0 : -EOVERFLOW;
}
