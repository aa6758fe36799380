/* SPDX-License-Identifier: MIT */
/*
 * Select: lock the channels of all cases, in the order of their addresses; do the first case
 * that can go on, from a random one on; else wait in all of them at a time.
 */
#include <errno.h>

#include "chan.h"

struct selection {
	unsigned n;
	struct chan_waiter
		waiter[WEFT_SELECT_MAX]; /* ascending by q; those with a channel */
	uint8_t index[WEFT_SELECT_MAX];  /* of the case */
};

static struct weft_chan *chan_of(const struct chan_waiter *w)
{
	return wf_container_of(w->waiter.q, struct weft_chan, q);
}

/* Insertion sort: the cases are few and the order is often right. */
static void insert(struct selection *s, const struct weft_select *c, unsigned index)
{
	unsigned at = s->n++;

	for (; at > 0 && chan_of(&s->waiter[at - 1]) > c->chan; at--)
		s->waiter[at] = s->waiter[at - 1];
	s->waiter[at] = (struct chan_waiter){
		.waiter.q = &c->chan->q, .op = c->op, .elem = c->elem, .index = index};
}

static int gather(struct selection *s, const struct weft_select *cases, unsigned n)
{
	if (n == 0 || n > WEFT_SELECT_MAX)
		return -EINVAL;
	s->n = 0;
	for (unsigned i = 0; i < n; i++) {
		if (cases[i].op != WEFT_SELECT_SEND && cases[i].op != WEFT_SELECT_RECV)
			return -EINVAL;
		if (cases[i].chan)
			insert(s, &cases[i], i);
	}
	for (unsigned i = 0; i < s->n; i++)
		s->waiter[i].waiter.sibling =
			i + 1 < s->n ? &s->waiter[i + 1].waiter : NULL;
	return 0;
}

static bool last_of_chan(const struct selection *s, unsigned i)
{
	return i + 1 == s->n || s->waiter[i + 1].waiter.q != s->waiter[i].waiter.q;
}

static void lock_all(const struct selection *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (last_of_chan(s, i))
			wf_spin_lock(&s->waiter[i].waiter.q->lock);
}

static void unlock_all(const struct selection *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (last_of_chan(s, i))
			wf_spin_unlock(&s->waiter[i].waiter.q->lock);
}

/* Where to begin: any generator will do, and this one needs no state. */
static unsigned anywhere(unsigned n)
{
	return (unsigned)((wf_clock_ns() * 0x9e3779b97f4a7c15u) >> 33) % n;
}

/* All locked. The case that was done, or -EAGAIN. */
static int do_one(struct selection *s, int *ret_rc, struct wf_waiter **ret_woken)
{
	unsigned start = anywhere(s->n);

	for (unsigned i = 0; i < s->n; i++) {
		unsigned at = (start + i) % s->n;
		struct chan_waiter *w = &s->waiter[at];

		*ret_rc = weft__chan_do(chan_of(w), w->op, w->elem, ret_woken);
		if (*ret_rc != -EAGAIN)
			return (int)w->index;
	}
	return -EAGAIN;
}

/* All cases are NULL: only a cancel or a deadline ends this. */
static int wait_for_nothing(void)
{
	struct wf_waitq none = {0};
	struct wf_waiter me = {0};
	int rc;

	do {
		wf_spin_lock(&none.lock);
		rc = wf_waitq_wait(&none, &me, false);
	} while (rc >= 0);
	return rc;
}

static int select_one(struct selection *s, bool block, int *ret_rc)
{
	struct wf_waiter *woken = NULL;
	int rc = 1;

	if (s->n == 0)
		return block ? wait_for_nothing() : -EAGAIN;
	while (rc > 0) {
		lock_all(s);
		int done = do_one(s, ret_rc, &woken);
		if (done >= 0 || !block) {
			unlock_all(s);
			wf_waiters_wake(woken);
			return done;
		}
		rc = wf_waitq_wait_any(&s->waiter[0].waiter);
	}
	if (rc < 0)
		return rc;
	const struct chan_waiter *winner =
		(const struct chan_waiter *)s->waiter[0].waiter.winner;
	*ret_rc = winner->rc;
	return (int)winner->index;
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
