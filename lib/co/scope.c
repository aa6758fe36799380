/* SPDX-License-Identifier: MIT */
#include "weft/scope.h"

#include <assert.h>

#include "../../sched/sched.h"

/* What others need to cancel it lies beside it: whose it is. */
struct scope {
	struct wf_scope core;
	void *owner;
};

static_assert(sizeof(struct scope) <= sizeof(struct weft_scope), "room for a scope");
static_assert((int)WEFT_SCOPE_TIMED_OUT == WF_SCOPE_TIMED_OUT &&
		      (int)WEFT_SCOPE_CANCELED == WF_SCOPE_CANCELED,
	      "the same numbers");

static int open_as(struct weft_scope *scope, weft_time at, bool shield)
{
	struct scope *s = (struct scope *)scope;

	s->owner = wf_self();
	return wf_scope_open(&s->core, at, shield);
}

int weft_scope_open(struct weft_scope *scope, weft_time at)
{
	return open_as(scope, at, false);
}

int weft_shield_open(struct weft_scope *scope, weft_time at)
{
	return open_as(scope, at, true);
}

int weft_scope_close(struct weft_scope *scope)
{
	return wf_scope_close(&((struct scope *)scope)->core);
}

int weft_scope_cancel(struct weft_scope *scope)
{
	struct scope *s = (struct scope *)scope;

	return wf_scope_cancel(&s->core, s->owner);
}

int weft_stopped(void)
{
	return wf_stopped();
}
