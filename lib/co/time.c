/* SPDX-License-Identifier: MIT */
#include "weft/time.h"

#include <assert.h>

#include "../../sched/sched.h"

static_assert(sizeof(struct wf_scope) <= sizeof(struct weft_deadline),
	      "room for a scope");

weft_time weft_now(void)
{
	return wf_clock_ns();
}

int weft_sleep_until(weft_time at)
{
	return wf_sleep_until(at);
}

int weft_sleep_ns(weft_time span_ns)
{
	weft_time now = wf_clock_ns();

	return wf_sleep_until(span_ns < WEFT_NEVER - now ? now + span_ns : WEFT_NEVER);
}

int weft_deadline_open(struct weft_deadline *scope, weft_time at)
{
	return wf_scope_open((struct wf_scope *)(void *)scope, at, false);
}

int weft_deadline_close(struct weft_deadline *scope)
{
	int rc = wf_scope_close((struct wf_scope *)(void *)scope);

	return rc < 0 ? rc : rc & WF_SCOPE_TIMED_OUT;
}
