/* SPDX-License-Identifier: MIT */
/* Futures as they end. A future's lock is taken before its queue's. */
#include <errno.h>
#include <stdlib.h>

#include "future.h"

struct doneq {
	struct wf_waitq q; /* its lock is the queue's */
	struct list {
		struct weft_future *first, *last;
	} watched, done;
};

_Static_assert(sizeof(struct doneq) <= sizeof(struct weft_doneq), "lib/weft/exec.h");

static void link_in(struct list *l, struct weft_future *f)
{
	f->dq_next = NULL;
	f->dq_prev = l->last;
	*(l->last ? &l->last->dq_next : &l->first) = f;
	l->last = f;
}

static void link_out(struct list *l, struct weft_future *f)
{
	*(f->dq_prev ? &f->dq_prev->dq_next : &l->first) = f->dq_next;
	*(f->dq_next ? &f->dq_next->dq_prev : &l->last) = f->dq_prev;
}

struct wf_waiter *weft__doneq_push(struct weft_future *f)
{
	struct doneq *q = f->dq;

	wf_spin_lock(&q->q.lock);
	link_out(&q->watched, f);
	link_in(&q->done, f);
	struct wf_waiter *one = wf_waitq_take(&q->q);
	wf_spin_unlock(&q->q.lock);
	return one;
}

int weft_doneq_add(struct weft_doneq *doneq, struct weft_future *f)
{
	struct doneq *q = (struct doneq *)doneq;
	struct wf_waiter *woken = NULL;

	wf_spin_lock(&f->q.lock);
	int rc = f->dq ? -EBUSY : 0;
	if (!rc) {
		f->dq = q;
		wf_spin_lock(&q->q.lock);
		link_in(&q->watched, f);
		wf_spin_unlock(&q->q.lock);
		if (f->state == FUTURE_DONE)
			woken = weft__doneq_push(f);
	}
	wf_spin_unlock(&f->q.lock);
	wf_waiters_wake(woken);
	return rc;
}

/* Its owner has not freed it, so it is there. True: it was in the queue. */
static bool take_out(struct doneq *q, struct weft_future *f)
{
	wf_spin_lock(&f->q.lock);
	bool mine = f->dq == q;
	if (mine) {
		wf_spin_lock(&q->q.lock);
		link_out(f->state == FUTURE_DONE ? &q->done : &q->watched, f);
		wf_spin_unlock(&q->q.lock);
		f->dq = NULL;
	}
	wf_spin_unlock(&f->q.lock);
	return mine;
}

static const struct wf_awaited awaited = {.text = "one of its futures", .outside = true};

/* [waits] One that has ended, still linked; NULL: *ret_rc. */
static struct weft_future *await_one(struct doneq *q, uint64_t at, int *ret_rc)
{
	struct wf_waiter me = {.until = at ? at : 1, .what = &awaited};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (rc >= 0) {
		wf_spin_lock(&q->q.lock);
		struct weft_future *f = q->done.first;
		if (f || !q->watched.first) {
			wf_spin_unlock(&q->q.lock);
			*ret_rc = -ENOENT;
			return f;
		}
		rc = wf_waitq_wait(&q->q, &me, false);
	}
	*ret_rc = rc;
	return NULL;
}

int weft_doneq_next(struct weft_doneq *doneq, weft_time at,
		    struct weft_future **ret_future)
{
	struct doneq *q = (struct doneq *)doneq;
	struct weft_deadline d;
	bool scope = at != WEFT_NEVER && weft_deadline_open(&d, at) == 0;
	struct weft_future *f;
	int rc = 0;

	do
		f = await_one(q, at, &rc);
	while (f && !take_out(q, f));
	if (scope)
		weft_deadline_close(&d);
	if (!f)
		return rc;
	*ret_future = f;
	return 0;
}

void weft_doneq_close(struct weft_doneq *doneq)
{
	struct doneq *q = (struct doneq *)doneq;
	struct weft_future *f;

	do {
		wf_spin_lock(&q->q.lock);
		f = q->done.first ? q->done.first : q->watched.first;
		wf_spin_unlock(&q->q.lock);
		if (f)
			take_out(q, f);
	} while (f);
}

static int index_of(struct weft_future *const *futures, const struct weft_future *f)
{
	int i = 0;

	while (futures[i] != f)
		i++;
	return i;
}

int weft_wait_any(struct weft_future *const *futures, unsigned n, weft_time at)
{
	struct weft_doneq q = {{0}};
	struct weft_future *f = NULL;
	int rc = n ? 0 : -EINVAL;

	for (unsigned i = 0; i < n && !rc; i++)
		rc = weft_doneq_add(&q, futures[i]) ? -EINVAL : 0;
	if (!rc)
		rc = weft_doneq_next(&q, at, &f);
	weft_doneq_close(&q);
	return rc ? rc : index_of(futures, f);
}
