/* SPDX-License-Identifier: MIT */
#include "belongings.h"

#include <errno.h>

#include "../sched.h"

static struct wf_co *current(void)
{
	struct wf_worker *w = wf_worker_self();

	return w ? w->current : NULL;
}

int wf_cleanup_push(struct wf_cleanup *c)
{
	struct wf_co *me = current();

	if (!me)
		return wf_no_coroutine();
	c->next = me->cleanups;
	me->cleanups = c;
	return 0;
}

void wf_cleanups_run(struct wf_co *co)
{
	struct wf_cleanup *c;

	while ((c = co->cleanups)) {
		co->cleanups = c->next;
		c->run(c);
	}
}

void **wf_locals(void)
{
	struct wf_co *me = current();

	return me ? &me->locals : NULL;
}

/* Contexts. */

void wf_context_get(struct wf_context *c)
{
	if (c)
		wf_atomic_add_seq(&c->refs, 1u); /* CX1 */
}

void wf_context_put(struct wf_context *c)
{
	if (c && wf_atomic_sub_seq(&c->refs, 1u) == 1) /* CX1 */
		c->free(c);
}

void wf_context_inherit(struct wf_co *child, const struct wf_co *creator)
{
	child->context = creator->context;
	wf_context_get(child->context);
}

int wf_context_run(struct wf_co *co)
{
	const uint64_t deadline = co->context->deadline;
	struct wf_scope s;

	if (deadline == WF_NEVER)
		return co->fn(co->arg);
	wf_scope_open(&s, deadline, false);
	int status = co->fn(co->arg);
	wf_scope_close(&s);
	return status;
}

void wf_context_drop(struct wf_co *co)
{
	wf_context_put(co->context);
	co->context = NULL;
}

struct wf_context *wf_context(void)
{
	struct wf_co *me = current();

	return me ? me->context : NULL;
}

struct wf_context *wf_context_swap(struct wf_context *c)
{
	struct wf_co *me = current();
	struct wf_context *before = me->context;

	me->context = c;
	return before;
}
