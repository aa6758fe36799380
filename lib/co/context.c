/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../../sched/sched.h"
#include "../options.h"
#include "weft/local.h"

struct weft_context {
	struct wf_context core; /* first */
	uint8_t trace_id[16];
	char name[64];
};

struct scope {
	struct wf_scope deadline;
	struct wf_context *before;
	bool bounded;
};

static_assert(sizeof(struct scope) <= sizeof(struct weft_context_scope),
	      "room for a scope");

static void free_context(struct wf_context *c)
{
	free(c);
}

static int fill(struct weft_context *c, const struct weft_context *parent,
		const struct weft_context_attr *a)
{
	const uint64_t outer = parent ? parent->core.deadline : WEFT_NEVER;

	c->core.deadline = a->deadline && a->deadline < outer ? a->deadline : outer;
	snprintf(c->name, sizeof(c->name), "%s",
		 a->name  ? a->name
		 : parent ? parent->name
			  : "");
	if (a->trace_id)
		memcpy(c->trace_id, a->trace_id, sizeof(c->trace_id));
	else if (parent)
		memcpy(c->trace_id, parent->trace_id, sizeof(c->trace_id));
	else if (getrandom(c->trace_id, sizeof(c->trace_id), 0) !=
		 (ssize_t)sizeof(c->trace_id))
		return -EAGAIN;
	return 0;
}

int weft_context_new(struct weft_context *parent, const struct weft_context_attr *attr,
		     struct weft_context **ret_context)
{
	struct weft_context_attr a;
	int rc = weft__options_copy(&a, sizeof(a), attr);

	if (rc)
		return rc;
	struct weft_context *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->core.refs = 1;
	c->core.free = free_context;
	rc = fill(c, parent, &a);
	if (rc) {
		free(c);
		return rc;
	}
	*ret_context = c;
	return 0;
}

void weft_context_put(struct weft_context *context)
{
	wf_context_put((struct wf_context *)context);
}

int weft_context_enter(struct weft_context_scope *scope, struct weft_context *context)
{
	struct scope *s = (struct scope *)scope;

	if (!wf_self())
		return -EPERM;
	s->bounded = context && context->core.deadline != WEFT_NEVER;
	if (s->bounded)
		wf_scope_open(&s->deadline, context->core.deadline, false);
	struct wf_context *core = (struct wf_context *)context;
	wf_context_get(core);
	s->before = wf_context_swap(core);
	return 0;
}

int weft_context_leave(struct weft_context_scope *scope)
{
	struct scope *s = (struct scope *)scope;

	if (!wf_self())
		return -EPERM;
	wf_context_put(wf_context_swap(s->before));
	if (s->bounded)
		wf_scope_close(&s->deadline);
	return 0;
}

struct weft_context *weft_context(void)
{
	return (struct weft_context *)wf_context();
}

const char *weft_context_name(const struct weft_context *context)
{
	return context ? context->name : "";
}

weft_time weft_context_deadline(const struct weft_context *context)
{
	return context ? context->core.deadline : WEFT_NEVER;
}

const uint8_t *weft_context_trace_id(const struct weft_context *context)
{
	static const uint8_t zeros[16];

	return context ? context->trace_id : zeros;
}
