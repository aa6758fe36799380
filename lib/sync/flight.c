/* SPDX-License-Identifier: MIT */
/* Of those who ask for the same at the same time one does it: a list of what is under way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../sched/sched.h"
#include "weft/sync.h"

/* One thing under way. It lives until its last user has left. */
struct call {
	struct call *next; /* lock of flight */
	struct wf_waitq q;
	bool done;     /* lock of q */
	bool given_up; /* lock of q: its leader was stopped; ask again */
	int status;    /* once done */
	void *value;
	unsigned users; /* lock of flight */
	size_t len;
	char key[];
};

struct flight {
	struct wf_spin lock;
	struct call *first;
};

_Static_assert(sizeof(struct flight) <= sizeof(struct weft_flight), "lib/weft/sync.h");

/* Locked. */
static struct call *find(const struct flight *f, const void *key, size_t len)
{
	struct call *c = f->first;

	while (c && (c->len != len || memcmp(c->key, key, len) != 0))
		c = c->next;
	return c;
}

static struct call *call_new(const void *key, size_t len)
{
	struct call *c = calloc(1, sizeof(*c) + len);

	if (!c)
		return NULL;
	c->users = 1;
	c->len = len;
	if (len)
		memcpy(c->key, key, len);
	return c;
}

static void leave(struct flight *f, struct call *c)
{
	wf_spin_lock(&f->lock);
	bool last = --c->users == 0;
	wf_spin_unlock(&f->lock);
	if (last)
		free(c);
}

/* The call for the key, joined; *fresh, if there was none: then it is led by the caller. */
static struct call *join(struct flight *f, const void *key, size_t len,
			 struct call **fresh)
{
	wf_spin_lock(&f->lock);
	struct call *c = find(f, key, len);

	if (c) {
		c->users++;
	} else {
		c = *fresh;
		c->next = f->first;
		f->first = c;
		*fresh = NULL;
	}
	wf_spin_unlock(&f->lock);
	return c;
}

static void take_out(struct flight *f, const struct call *c)
{
	struct call **at = &f->first;

	wf_spin_lock(&f->lock);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	wf_spin_unlock(&f->lock);
}

/* Who asks from here on starts anew. */
static int lead(struct flight *f, struct call *c, int (*fn)(void *arg, void **ret_value),
		void *arg)
{
	void *value = NULL;
	uintptr_t who;
	int status = fn(arg, &value);

	take_out(f, c);
	wf_spin_lock(&c->q.lock);
	c->status = status;
	c->value = value;
	c->given_up = status < 0 && wf_may_wait(&who) < 0;
	c->done = true;
	struct wf_waiter *all = wf_waitq_take_all(&c->q);
	wf_spin_unlock(&c->q.lock);
	wf_waiters_wake(all);
	return status;
}

static const struct wf_awaited awaited = {.text = "another call of the same flight"};

/* 0: it is done. */
static int follow(struct call *c)
{
	struct wf_waiter me = {.what = &awaited};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (rc >= 0) {
		wf_spin_lock(&c->q.lock);
		if (c->done) {
			wf_spin_unlock(&c->q.lock);
			return 0;
		}
		rc = wf_waitq_wait(&c->q, &me, false);
	}
	return rc;
}

int weft_flight_do(struct weft_flight *flight, const void *key, size_t len,
		   int (*fn)(void *arg, void **ret_value), void *arg, void **ret_value)
{
	struct flight *f = (struct flight *)flight;

	for (;;) {
		struct call *fresh = call_new(key, len), *mine = fresh;

		if (!fresh)
			return -ENOMEM;
		struct call *c = join(f, key, len, &fresh);
		free(fresh);
		int rc = c == mine ? lead(f, c, fn, arg) : follow(c);
		bool heard = c != mine && !rc, again = heard && c->given_up;

		if (heard)
			rc = c->status;
		if (ret_value && (heard || c == mine))
			*ret_value = c->value;
		leave(f, c);
		if (!again)
			return rc;
	}
}
