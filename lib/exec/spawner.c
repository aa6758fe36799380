/* SPDX-License-Identifier: MIT */
/*
 * Tasks as coroutines, only so many at a time. A runner is a coroutine that does one task after the
 * other, each in a scope, by which it can be cancelled; it ends when no task waits.
 *
 * While tasks wait there is one runner that has not begun, if the limit allows: the standby. If the
 * task before it parks, it goes on with the next one, and another is its standby. So tasks that park wait for
 * nobody, and those that do not cost no coroutine each.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../co/attr.h"
#include "../options.h"
#include "../sync/event.h"
#include "lanes.h"

struct spawner {
	struct weft_executor ex; /* first */
	struct weft_event empty; /* closing, and no runner is left */
	uint32_t limit, most;    /* runners; tasks that wait */
	struct wf_spawn *how;    /* of runners; NULL, or: */
	struct wf_spawn attr;
	char name[sizeof(((struct wf_co *)0)->name)];
	struct wf_waitq q; /* who waits for room; its lock is the spawner's */
	/* q.lock */
	struct weft__lanes queue;
	uint32_t runners;
	bool standby;
	bool closing;
};

static struct spawner *spawner_of(struct weft_executor *ex)
{
	return (struct spawner *)ex;
}

static void lock(struct spawner *s)
{
	wf_spin_lock(&s->q.lock);
}

static void unlock(struct spawner *s)
{
	wf_spin_unlock(&s->q.lock);
}

/* ---- runners ---- */

static int runner(void *arg);

/* Locked. Whether a standby is wanted; then it counts already. */
static bool wants_standby(struct spawner *s)
{
	bool wanted = !s->standby && s->queue.n && s->runners < s->limit;

	s->runners += wanted;
	s->standby = s->standby || wanted;
	return wanted;
}

/* It belongs to the runtime's group, not to the caller's, which may end before. */
static int start_standby(struct spawner *s)
{
	return wf_spawn_alone(__builtin_return_address(0), runner, s, s->how);
}

/* Locked. There is none after all. */
static void no_standby(struct spawner *s)
{
	s->standby = false;
	s->runners--;
}

static void run_in_scope(struct weft_future *f)
{
	struct wf_scope scope;

	wf_scope_open(&scope, WEFT_NEVER, false);
	weft__future_end(f, weft__future_start(f, &scope) ? f->fn(f->arg) : -ECANCELED);
	wf_scope_close(&scope);
}

/* The next task; NULL: the runner is to end, and does not count any more. begins: it was the standby. */
static struct weft_future *next_task(struct spawner *s, bool begins)
{
	lock(s);
	s->standby = s->standby && !begins;
	struct weft_future *f = weft__lanes_pop(&s->queue);
	struct wf_waiter *next = f ? wf_waitq_take(&s->q) : NULL;
	bool another = f && wants_standby(s);
	bool last = !f && --s->runners == 0 && s->closing;
	unlock(s);
	wf_waiters_wake(next);
	if (last)
		weft_event_set(&s->empty); /* s may be gone now */
	if (another && start_standby(s)) {
		lock(s); /* those that wait do so for this one */
		no_standby(s);
		unlock(s);
	}
	return f;
}

static int runner(void *arg)
{
	struct spawner *s = arg;
	struct weft_future *f = next_task(s, true);

	for (; f; f = next_task(s, false))
		run_in_scope(f);
	return 0;
}

/* ---- the executor ---- */

static const struct wf_awaited awaited = {.text = "room in an executor"};

/* [waits] Locked if 0. */
static int lock_with_room(struct spawner *s, bool wait)
{
	struct wf_waiter me = {.what = &awaited};
	uintptr_t who;
	int rc = wait ? wf_may_wait(&who) : 0;

	while (rc >= 0) {
		lock(s);
		rc = s->closing ? -ESHUTDOWN : s->queue.n < s->most ? 0 : -EAGAIN;
		if (!rc)
			return 0;
		if (rc == -EAGAIN && wait) {
			rc = wf_waitq_wait(&s->q, &me, false);
			me.passed = me.passed || rc == 0; /* others may be faster */
		} else {
			unlock(s);
		}
	}
	return rc;
}

/* No standby can be had. Whether nobody is there to run f; then it is out of the queue. */
static bool take_back(struct spawner *s, struct weft_future *f)
{
	lock(s);
	no_standby(s);
	bool mine = !s->runners && weft__lanes_remove(&s->queue, f);
	unlock(s);
	return mine;
}

static int begin(struct weft_executor *ex, struct weft_future *f, bool wait)
{
	struct spawner *s = spawner_of(ex);
	int rc = lock_with_room(s, wait);

	if (rc)
		return rc;
	weft__lanes_push(&s->queue, f);
	bool another = wants_standby(s);
	unlock(s);
	rc = another ? start_standby(s) : 0;
	return rc && take_back(s, f) ? rc : 0;
}

static bool withdraw(struct weft_executor *ex, struct weft_future *f)
{
	struct spawner *s = spawner_of(ex);

	lock(s);
	bool mine = weft__lanes_remove(&s->queue, f);
	struct wf_waiter *next = mine ? wf_waitq_take(&s->q) : NULL;
	unlock(s);
	wf_waiters_wake(next);
	return mine;
}

static void cancel_queued(struct spawner *s)
{
	struct weft_future *f;

	do {
		lock(s);
		f = weft__lanes_pop(&s->queue);
		unlock(s);
		if (f)
			weft__future_end(f, -ECANCELED);
	} while (f);
}

static void spawner_close(struct weft_executor *ex, bool cancel)
{
	struct spawner *s = spawner_of(ex);

	lock(s);
	s->closing = true;
	bool empty = !s->runners;
	unlock(s);
	if (cancel)
		cancel_queued(s);
	if (!empty)
		weft__event_await(&s->empty);
	free(s);
}

static const struct weft__executor_ops ops = {
	.begin = begin, .withdraw = withdraw, .close = spawner_close};

/* The name is lent: it is copied. */
static int set_attr(struct spawner *s, const struct weft_co_attr *attr)
{
	int rc = attr ? weft__attr_spawn(attr, &s->attr) : 0;

	if (!attr || rc)
		return rc;
	s->how = &s->attr;
	snprintf(s->name, sizeof(s->name), "%s", s->attr.name ? s->attr.name : "");
	s->attr.name = s->name;
	return 0;
}

int weft_spawner_open(const struct weft_spawner_options *opt,
		      struct weft_executor **ret_ex)
{
	struct weft_spawner_options o;
	int rc = weft__options_copy(&o, sizeof(o), opt);

	if (rc)
		return rc;
	struct spawner *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	rc = set_attr(s, o.attr);
	if (rc) {
		free(s);
		return rc;
	}
	s->ex.ops = &ops;
	s->limit = o.limit ? o.limit : UINT32_MAX;
	s->most = o.queue ? o.queue : 1024;
	*ret_ex = &s->ex;
	return 0;
}
