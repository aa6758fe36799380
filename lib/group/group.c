/* SPDX-License-Identifier: MIT */
#include "weft/group.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>

#include "../co/attr.h"
#include "../options.h"

static_assert(sizeof(struct wf_group) <= sizeof(struct weft_group), "room for a group");
static_assert((int)WEFT_GROUP_COLLECT == WF_GROUP_COLLECT &&
		      (int)WEFT_GROUP_FIRST == WF_GROUP_FIRST &&
		      (int)WEFT_GROUP_KEEP == WF_GROUP_KEEP,
	      "the same numbers");

static struct wf_group *core(struct weft_group *g)
{
	return (struct wf_group *)g;
}

static int check(const struct weft_group_options *o)
{
	const uint32_t known = WEFT_GROUP_COLLECT | WEFT_GROUP_FIRST | WEFT_GROUP_KEEP;
	const uint32_t both = WEFT_GROUP_COLLECT | WEFT_GROUP_FIRST;

	return o->flags & ~known || (o->flags & both) == both ? -EINVAL : 0;
}

int weft_group_open(struct weft_group *group, const struct weft_group_options *opt)
{
	struct wf_group *g = core(group);
	struct weft_group_options o;
	struct wf_spawn spawn = {0};
	int rc = weft__options_copy(&o, sizeof(o), opt);

	if (!rc)
		rc = check(&o);
	if (!rc && o.attr)
		rc = weft__attr_spawn(o.attr, &spawn);
	if (!rc)
		rc = wf_group_open(g, o.flags, o.limit,
				   o.deadline ? o.deadline : WEFT_NEVER);
	if (rc)
		return rc;
	g->spawn = spawn;
	g->has_spawn = o.attr;
	return 0;
}

int weft_group_spawn(struct weft_group *g, int (*fn)(void *arg), void *arg,
		     const struct weft_co_attr *attr, struct weft_co **ret_co)
{
	struct wf_spawn s;

	if (!fn)
		return -EINVAL;
	int rc = attr ? weft__attr_spawn(attr, &s) : 0;
	return rc ? rc
		  : wf_group_spawn(core(g), __builtin_return_address(0), fn, arg,
				   attr ? &s : NULL, (void **)ret_co);
}

int weft_group_next(struct weft_group *g, unsigned *ret_index, int *ret_status)
{
	unsigned index;
	int status, rc = wf_group_next(core(g), &index, &status);

	if (rc)
		return rc;
	if (ret_index)
		*ret_index = index;
	if (ret_status)
		*ret_status = status;
	return 0;
}

int weft_group_cancel(struct weft_group *g)
{
	return wf_group_cancel(core(g));
}

unsigned weft_group_running(const struct weft_group *g)
{
	return wf_group_running((const struct wf_group *)g);
}

int weft_group_close(struct weft_group *g, unsigned *ret_index)
{
	unsigned index;
	int rc = wf_group_close(core(g), &index);

	if (ret_index)
		*ret_index = index;
	return rc;
}

void weft_group_abandon(struct weft_group *g)
{
	if (wf_group_cancel(core(g)) == 0)
		weft_group_close(g, NULL);
}

static int run_task(void *arg)
{
	struct weft_task *t = arg;

	return t->status = t->fn(t->arg);
}

int weft_gather(struct weft_task *tasks, unsigned n, const struct weft_group_options *opt,
		unsigned *ret_index)
{
	weft_group_scoped(g);
	int rc = weft_group_open(&g, opt);

	if (rc)
		return rc;
	if (core(&g)->flags & WF_GROUP_KEEP)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		tasks[i].status = -ECANCELED;
	for (unsigned i = 0; i < n && !rc; i++)
		rc = weft_group_spawn(&g, run_task, &tasks[i], NULL, NULL);
	if (rc && rc != -ECANCELED && rc != -ETIMEDOUT) {
		weft_group_abandon(&g); /* it could not begin them all */
		return rc;
	}
	return weft_group_close(&g, ret_index);
}
