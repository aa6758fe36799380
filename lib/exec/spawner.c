/* SPDX-License-Identifier: MIT */
/*
 * Tasks as coroutines, only so many at a time. A runner is a coroutine that does one task after the
 * other, each in a scope, by which it can be cancelled; it ends when no task waits.
 */
#include <errno.h>
#include <stdlib.h>

#include "../co/attr.h"
#include "../options.h"
#include "../sync/event.h"
#include "lanes.h"
#include "weft/sync.h"

struct spawner {
	struct weft_executor ex; /* first */
	struct weft_sem room;
	struct weft_event empty; /* closing, and no runner is left */
	unsigned limit;
	const struct weft_co_attr *attr; /* NULL, or: */
	struct weft_co_attr copy;
	struct wf_spin lock;
	/* lock */
	struct weft__lanes queue;
	unsigned runners;
	bool closing;
};

static struct spawner *spawner_of(struct weft_executor *ex)
{
	return (struct spawner *)ex;
}

static void run_in_scope(struct weft_future *f)
{
	struct wf_scope scope;

	wf_scope_open(&scope, WEFT_NEVER, false);
	weft__future_start(f, &scope);
	int status = f->fn(f->arg);
	weft__future_stop(f);
	wf_scope_close(&scope);
	weft__future_end(f, status);
}

/* The next task; NULL: the runner is to end, and does not count any more. */
static struct weft_future *next_task(struct spawner *s)
{
	wf_spin_lock(&s->lock);
	struct weft_future *f = weft__lanes_pop(&s->queue);
	bool last = !f && --s->runners == 0 && s->closing;
	wf_spin_unlock(&s->lock);
	if (last)
		weft_event_set(&s->empty); /* s may be gone now */
	return f;
}

static int runner(void *arg)
{
	struct spawner *s = arg;
	struct weft_future *f;

	while ((f = next_task(s))) {
		weft_sem_post(&s->room, 1);
		run_in_scope(f);
	}
	return 0;
}

/* It belongs to the runtime's group, not to the caller's, which may end before. */
static int start_runner(struct spawner *s)
{
	struct weft_co *co;
	int rc = weft_spawn(runner, s, s->attr, &co);

	if (!rc)
		weft_detach(co);
	return rc;
}

static bool take_back(struct spawner *s, struct weft_future *f)
{
	wf_spin_lock(&s->lock);
	bool mine = --s->runners == 0 && weft__lanes_remove(&s->queue, f);
	wf_spin_unlock(&s->lock);
	if (mine)
		weft_sem_post(&s->room, 1);
	return mine;
}

static int begin(struct weft_executor *ex, struct weft_future *f, bool wait)
{
	struct spawner *s = spawner_of(ex);
	int rc = wait ? weft_sem_wait(&s->room, 1)
		      : (weft_sem_trywait(&s->room, 1) ? -EAGAIN : 0);

	if (rc)
		return rc;
	wf_spin_lock(&s->lock);
	bool closing = s->closing, another = !closing && s->runners < s->limit;
	s->runners += another;
	if (!closing)
		weft__lanes_push(&s->queue, f);
	wf_spin_unlock(&s->lock);
	if (closing) {
		weft_sem_post(&s->room, 1);
		return -ESHUTDOWN;
	}
	rc = another ? start_runner(s) : 0;
	return rc && take_back(s, f) ? rc : 0;
}

static bool withdraw(struct weft_executor *ex, struct weft_future *f)
{
	struct spawner *s = spawner_of(ex);

	wf_spin_lock(&s->lock);
	bool mine = weft__lanes_remove(&s->queue, f);
	wf_spin_unlock(&s->lock);
	if (mine)
		weft_sem_post(&s->room, 1);
	return mine;
}

static void cancel_queued(struct spawner *s)
{
	struct weft_future *f;

	do {
		wf_spin_lock(&s->lock);
		f = weft__lanes_pop(&s->queue);
		wf_spin_unlock(&s->lock);
		if (f)
			weft__future_end(f, -ECANCELED);
	} while (f);
}

static void spawner_close(struct weft_executor *ex, bool cancel)
{
	struct spawner *s = spawner_of(ex);

	wf_spin_lock(&s->lock);
	s->closing = true;
	bool empty = !s->runners;
	wf_spin_unlock(&s->lock);
	if (cancel)
		cancel_queued(s);
	if (!empty)
		weft__event_await(&s->empty);
	free(s);
}

static const struct weft__executor_ops ops = {
	.begin = begin, .withdraw = withdraw, .close = spawner_close};

int weft_spawner_open(const struct weft_spawner_options *opt,
		      struct weft_executor **ret_ex)
{
	struct weft_spawner_options o;
	struct wf_spawn ignored;
	int rc = weft__options_copy(&o, sizeof(o), opt);

	if (!rc && o.attr)
		rc = weft__attr_spawn(o.attr, &ignored);
	if (rc)
		return rc;
	struct spawner *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ex.ops = &ops;
	s->limit = o.limit ? o.limit : ~0u;
	if (o.attr && !weft__options_copy(&s->copy, sizeof(s->copy), o.attr)) {
		s->copy.size = sizeof(s->copy);
		s->attr = &s->copy;
	}
	weft_sem_post(&s->room, o.queue ? o.queue : 1024);
	*ret_ex = &s->ex;
	return 0;
}
