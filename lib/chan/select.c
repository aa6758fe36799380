/* SPDX-License-Identifier: MIT */
/*
 * Select: look at descriptors and the clock; lock the queues of all other cases, in the order of
 * their addresses; do the first case that can go on, from a random one on; else wait in all of
 * them at a time, until the first timer.
 */
#include <errno.h>

#include "lookout.h"

enum { NO_TIMER = WEFT_SELECT_MAX };

struct selection {
	unsigned n;
	struct chan_waiter
		waiter[WEFT_SELECT_MAX]; /* ascending by q; those with a queue */
	struct lookout lookout[WEFT_SELECT_MAX];
	unsigned n_lookouts;
	unsigned timer; /* the case that comes first, or NO_TIMER */
	uint64_t at;    /* and when */
};

static struct weft_chan *chan_of(const struct chan_waiter *w)
{
	return wf_container_of(w->waiter.q, struct weft_chan, q);
}

static const struct lookout *lookout_of(const struct chan_waiter *w)
{
	return wf_container_of(w->waiter.q, struct lookout, q);
}

/* Insertion sort: the cases are few and the order is often right. */
static void insert(struct selection *s, const struct weft_select *c, struct wf_waitq *q,
		   unsigned index)
{
	unsigned at = s->n++;

	for (; at > 0 && s->waiter[at - 1].waiter.q > q; at--)
		s->waiter[at] = s->waiter[at - 1];
	s->waiter[at] = (struct chan_waiter){
		.waiter.q = q, .op = c->op, .elem = c->elem, .index = index};
}

/* A descriptor or a timer. */
static int add_other(struct selection *s, const struct weft_select *c, unsigned index)
{
	struct lookout *l = &s->lookout[s->n_lookouts];

	if (c->op == WEFT_SELECT_TIMER && c->at < s->at) {
		s->timer = index;
		s->at = c->at;
	} else if (c->op == WEFT_SELECT_FD && c->events && c->fd >= 0) {
		*l = (struct lookout){.fd = c->fd, .events = c->events};
		s->n_lookouts++;
		insert(s, c, &l->q, index);
	}
	return c->op == WEFT_SELECT_TIMER || (c->op == WEFT_SELECT_FD && c->events)
		       ? 0
		       : -EINVAL;
}

static int add(struct selection *s, const struct weft_select *c, unsigned index)
{
	if (c->op != WEFT_SELECT_SEND && c->op != WEFT_SELECT_RECV)
		return add_other(s, c, index);
	if (c->chan)
		insert(s, c, &c->chan->q, index);
	return 0;
}

static int gather(struct selection *s, const struct weft_select *cases, unsigned n)
{
	int rc = n == 0 || n > WEFT_SELECT_MAX ? -EINVAL : 0;

	s->n = s->n_lookouts = 0;
	s->timer = NO_TIMER;
	s->at = WF_NEVER;
	for (unsigned i = 0; i < n && !rc; i++)
		rc = add(s, &cases[i], i);
	for (unsigned i = 0; i < s->n; i++)
		s->waiter[i].waiter.sibling =
			i + 1 < s->n ? &s->waiter[i + 1].waiter : NULL;
	return rc;
}

static bool last_of_queue(const struct selection *s, unsigned i)
{
	return i + 1 == s->n || s->waiter[i + 1].waiter.q != s->waiter[i].waiter.q;
}

static void lock_all(const struct selection *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (last_of_queue(s, i))
			wf_spin_lock(&s->waiter[i].waiter.q->lock);
}

static void unlock_all(const struct selection *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (last_of_queue(s, i))
			wf_spin_unlock(&s->waiter[i].waiter.q->lock);
}

/* Where to begin: any generator will do, and this one needs no state. */
static unsigned anywhere(unsigned n)
{
	return (unsigned)((wf_clock_ns() * 0x9e3779b97f4a7c15u) >> 33) % n;
}

/* Locked. 0 and up: done, and what came of it; -EAGAIN: not yet. */
static bool do_case(struct chan_waiter *w, int *ret_rc, struct wf_waiter **ret_woken)
{
	if (w->op == WEFT_SELECT_FD) {
		*ret_rc = lookout_of(w)->rc;
		return lookout_of(w)->done;
	}
	*ret_rc = weft__chan_do(chan_of(w), w->op, w->elem, ret_woken);
	return *ret_rc != -EAGAIN;
}

/* All locked. The case that was done, or -EAGAIN. */
static int do_one(struct selection *s, int *ret_rc, struct wf_waiter **ret_woken)
{
	const bool due = s->timer != NO_TIMER && wf_clock_ns() >= s->at;
	const unsigned n = s->n + due, start = n ? anywhere(n) : 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned at = (start + i) % n;

		if (at == s->n) {
			*ret_rc = 0;
			return (int)s->timer;
		}
		if (do_case(&s->waiter[at], ret_rc, ret_woken))
			return (int)s->waiter[at].index;
	}
	return -EAGAIN;
}

static const struct wf_awaited awaited = {.text = "a case of a select"};

/* No case has a queue: only a timer, a cancel or a deadline ends this. */
static int wait_for_nothing(uint64_t until)
{
	struct wf_waitq none = {0};
	struct wf_waiter me = {.until = until, .what = &awaited};
	int rc;

	do {
		wf_spin_lock(&none.lock);
		rc = wf_waitq_wait(&none, &me, false);
	} while (rc >= 0);
	return rc;
}

/* All locked, released. 0: one came, and who; 1: look again; or why not. */
static int wait_for_one(struct selection *s, int *ret_rc, int *ret_index)
{
	if (!s->n)
		return wait_for_nothing(s->at);
	s->waiter[0].waiter.until = s->at; /* of a plain thread */
	s->waiter[0].waiter.what = &awaited;
	int rc = wf_waitq_wait_any(&s->waiter[0].waiter);
	if (rc)
		return rc;
	const struct chan_waiter *winner =
		(const struct chan_waiter *)s->waiter[0].waiter.winner;
	*ret_rc = winner->rc;
	*ret_index = (int)winner->index;
	return 0;
}

/* A case, or why none. block false: -EAGAIN */
static int until_one(struct selection *s, bool block, int *ret_rc)
{
	struct wf_waiter *woken = NULL;
	int rc = 1, index = -EAGAIN;

	while (rc > 0) {
		lock_all(s);
		index = do_one(s, ret_rc, &woken);
		if (index >= 0 || !block) {
			unlock_all(s);
			wf_waiters_wake(woken);
			return index;
		}
		rc = wait_for_one(s, ret_rc, &index);
	}
	return rc ? rc : index;
}

/* The same, until the first timer, which is a case too. A coroutine waits so by a scope. */
static int until_timer(struct selection *s, int *ret_rc)
{
	struct wf_scope scope;
	bool timed = s->timer != NO_TIMER && !wf_scope_open(&scope, s->at, false);
	int rc = until_one(s, true, ret_rc);

	if (timed)
		wf_scope_close(&scope);
	if (rc != -ETIMEDOUT || wf_clock_ns() < s->at || (timed && wf_stopped()))
		return rc;
	*ret_rc = 0;
	return (int)s->timer;
}

/* Descriptors are looked out for while it waits. */
static int with_lookouts(struct selection *s, int *ret_rc)
{
	struct wf_group g = {0};
	unsigned ignored;
	int rc = wf_group_open(&g, 0, 0, WF_NEVER);

	if (rc)
		return rc;
	for (unsigned i = 0; i < s->n_lookouts && !rc; i++)
		rc = weft__lookout_begin(&g, &s->lookout[i]);
	if (!rc)
		rc = until_timer(s, ret_rc);
	wf_group_cancel(&g);
	wf_group_close(&g, &ignored);
	return rc;
}

static int look_now(struct selection *s, bool block)
{
	int rc = 0;

	for (unsigned i = 0; i < s->n_lookouts && !rc; i++)
		rc = weft__lookout_now(&s->lookout[i]);
	return rc == -EPERM && block ? 0 : rc; /* a plain thread waits at once */
}

static int select_one(struct selection *s, bool block, int *ret_rc)
{
	if (!s->n_lookouts)
		return block && s->timer != NO_TIMER ? until_timer(s, ret_rc)
						     : until_one(s, block, ret_rc);
	int rc = look_now(s, block);
	if (!rc)
		rc = until_one(s, false, ret_rc);
	return rc == -EAGAIN && block ? with_lookouts(s, ret_rc) : rc;
}

int weft_select(const struct weft_select *cases, unsigned n, bool block, int *ret_rc)
{
	struct selection s;
	uintptr_t who;
	int rc = gather(&s, cases, n), ignored;

	if (!rc)
		rc = wf_may_wait(&who);
	return rc ? rc : select_one(&s, block, ret_rc ? ret_rc : &ignored);
}
