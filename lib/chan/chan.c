/* SPDX-License-Identifier: MIT */
/* CH1  n: written under the lock; read without it as a hint. */
#include "chan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct wf_awaited weft__awaited_chan[] = {
	[WEFT_SELECT_SEND] = {.text = "room in a channel"},
	[WEFT_SELECT_RECV] = {.text = "an element of a channel"},
};

int weft_chan_new(size_t elem_size, uint32_t capacity, struct weft_chan **ret_chan)
{
	if (elem_size > 65536 || (elem_size && capacity > SIZE_MAX / 2 / elem_size))
		return -EINVAL;
	struct weft_chan *c = calloc(1, sizeof(*c) + elem_size * capacity);
	if (!c)
		return -ENOMEM;
	c->elem_size = elem_size;
	c->capacity = capacity;
	*ret_chan = c;
	return 0;
}

int weft_chan_free(struct weft_chan *chan)
{
	if (!chan)
		return 0;
	wf_spin_lock(&chan->q.lock);
	bool waited_on = chan->q.first;
	wf_spin_unlock(&chan->q.lock);
	if (wf_misuse(waited_on, "somebody waits in it"))
		return -EBUSY;
	free(chan);
	return 0;
}

static char *slot(struct weft_chan *c, uint32_t i)
{
	return c->ring + (size_t)i * c->elem_size;
}

/* Most elements are a word. Elements of no size have no address either. */
static void copy(const struct weft_chan *c, void *to, const void *from)
{
	if (c->elem_size == sizeof(uint64_t))
		memcpy(to, from, sizeof(uint64_t));
	else if (c->elem_size)
		memcpy(to, from, c->elem_size);
}

static void put(struct weft_chan *c, const void *elem)
{
	uint32_t to_end = c->capacity - c->first;

	copy(c, slot(c, c->n < to_end ? c->first + c->n : c->n - to_end), elem);
	wf_atomic_store_relaxed(&c->n, c->n + 1); /* CH1 relaxed: a hint */
}

static void get(struct weft_chan *c, void *elem)
{
	copy(c, elem, slot(c, c->first));
	if (++c->first == c->capacity)
		c->first = 0;
	wf_atomic_store_relaxed(&c->n, c->n - 1); /* CH1 relaxed: a hint */
}

/* Lock held. The first that waits to do op, claimed and out of the queue; or NULL. */
static struct chan_waiter *take(struct weft_chan *c, enum weft_select_op op)
{
	struct wf_waiter *w = c->q.first, *next;

	for (; w; w = next) {
		next = w->next;
		if (((struct chan_waiter *)w)->op == op && wf_waiter_take(w))
			return (struct chan_waiter *)w;
	}
	return NULL;
}

static int do_send(struct weft_chan *c, const void *elem, struct wf_waiter **ret_woken)
{
	if (c->closed)
		return -EPIPE;
	struct chan_waiter *other = c->n ? NULL : take(c, WEFT_SELECT_RECV);
	if (other) {
		copy(c, other->elem, elem);
		other->rc = 0;
		*ret_woken = &other->waiter;
		return 0;
	}
	if (c->n == c->capacity)
		return -EAGAIN;
	put(c, elem);
	return 0;
}

static int do_recv(struct weft_chan *c, void *elem, struct wf_waiter **ret_woken)
{
	if (c->n)
		get(c, elem);
	else if (c->closed)
		return -EPIPE;
	else if (c->capacity)
		return -EAGAIN;
	struct chan_waiter *other = c->closed ? NULL : take(c, WEFT_SELECT_SEND);
	if (!other)
		return c->capacity ? 0 : -EAGAIN;
	if (c->capacity)
		put(c, other->elem); /* it gets the room that we made */
	else
		copy(c, elem, other->elem);
	other->rc = 0;
	*ret_woken = &other->waiter;
	return 0;
}

int weft__chan_do(struct weft_chan *c, enum weft_select_op op, void *elem,
		  struct wf_waiter **ret_woken)
{
	*ret_woken = NULL;
	return op == WEFT_SELECT_SEND ? do_send(c, elem, ret_woken)
				      : do_recv(c, elem, ret_woken);
}

static int try_it(struct weft_chan *c, enum weft_select_op op, void *elem)
{
	struct wf_waiter *woken;

	wf_spin_lock(&c->q.lock);
	int rc = weft__chan_do(c, op, elem, &woken);
	wf_spin_unlock(&c->q.lock);
	wf_waiters_wake(woken);
	return rc;
}

/* Lock held, released: it cannot be done now. Apart, so that who need not wait pays nothing. */
static __attribute__((noinline)) int wait_for(struct weft_chan *c, enum weft_select_op op,
					      void *elem)
{
	struct chan_waiter me = {
		.waiter.what = &weft__awaited_chan[op], .op = op, .elem = elem};
	struct wf_waiter *woken;
	int rc;

	do {
		rc = wf_waitq_wait(&c->q, &me.waiter, false);
		if (rc <= 0)
			return rc ? rc : me.rc;
		wf_spin_lock(&c->q.lock);
		rc = weft__chan_do(c, op, elem, &woken);
	} while (rc == -EAGAIN);
	wf_spin_unlock(&c->q.lock);
	wf_waiters_wake(woken);
	return rc;
}

static int do_it(struct weft_chan *c, enum weft_select_op op, void *elem)
{
	struct wf_waiter *woken;
	uintptr_t who;

	if (wf_unlikely(!wf_who_may_wait()))
		return wf_may_wait(&who);
	wf_spin_lock(&c->q.lock);
	int rc = weft__chan_do(c, op, elem, &woken);
	if (rc == -EAGAIN)
		return wait_for(c, op, elem);
	wf_spin_unlock(&c->q.lock);
	if (woken)
		wf_waiters_wake(woken);
	return rc;
}

int weft_chan_send(struct weft_chan *chan, const void *elem)
{
	return do_it(chan, WEFT_SELECT_SEND, (void *)elem);
}

int weft_chan_recv(struct weft_chan *chan, void *ret_elem)
{
	return do_it(chan, WEFT_SELECT_RECV, ret_elem);
}

int weft_chan_trysend(struct weft_chan *chan, const void *elem)
{
	return try_it(chan, WEFT_SELECT_SEND, (void *)elem);
}

int weft_chan_tryrecv(struct weft_chan *chan, void *ret_elem)
{
	return try_it(chan, WEFT_SELECT_RECV, ret_elem);
}

/* Receivers wait only where nothing is held, so whoever waits gets nothing any more. */
int weft_chan_close(struct weft_chan *chan)
{
	struct wf_waiter *all = NULL;

	wf_spin_lock(&chan->q.lock);
	bool before = chan->closed;
	if (!before) {
		chan->closed = true;
		all = wf_waitq_take_all(&chan->q);
		for (struct wf_waiter *w = all; w; w = w->next)
			((struct chan_waiter *)w)->rc = -EPIPE;
	}
	wf_spin_unlock(&chan->q.lock);
	wf_waiters_wake(all);
	return before ? -EPIPE : 0;
}

uint32_t weft_chan_len(const struct weft_chan *chan)
{
	return wf_atomic_load_relaxed(&chan->n); /* CH1 relaxed: a hint */
}
