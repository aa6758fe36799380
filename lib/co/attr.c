/* SPDX-License-Identifier: MIT */
#include "attr.h"

#include <errno.h>

#include "../options.h"

const uint32_t weft__class_flag[] = {
	[WEFT_CO_LATENCY] = WF_SPAWN_LATENCY, [WEFT_CO_BATCH] = WF_SPAWN_BATCH};

/* -EINVAL: what does not go together. */
static int check_attr(const struct weft_co_attr *a)
{
	const uint32_t known =
		WEFT_CO_PINNED | WEFT_CO_SPREAD | WEFT_CO_FORK | WEFT_CO_BOUND;
	bool placed = a->place || a->node;

	if (a->flags & ~known || a->worker < 0 || a->node < 0 ||
	    a->place > WEFT_CO_ALL_IN_TURN || a->service > WEFT_CO_BATCH)
		return -EINVAL;
	if (a->flags & WEFT_CO_FORK && (a->flags != WEFT_CO_FORK || placed || a->service))
		return -EINVAL;
	return placed && (a->worker || a->flags & WEFT_CO_SPREAD) ? -EINVAL : 0;
}

static enum wf_spawn_where where(const struct weft_co_attr *a)
{
	static const enum wf_spawn_where table[] = {
		[WEFT_CO_HERE] = WF_SPAWN_HERE,
		[WEFT_CO_LEAST_LOADED] = WF_SPAWN_LEAST,
		[WEFT_CO_NODE_IN_TURN] = WF_SPAWN_NODE,
		[WEFT_CO_ALL_IN_TURN] = WF_SPAWN_ALL};

	return a->flags & WEFT_CO_SPREAD ? WF_SPAWN_ALL : table[a->place];
}

int weft__attr_spawn(const struct weft_co_attr *attr, struct wf_spawn *ret_spawn)
{
	struct weft_co_attr a;
	int rc = weft__options_copy(&a, sizeof(a), attr);

	if (!rc)
		rc = check_attr(&a);
	if (rc)
		return rc;
	*ret_spawn = (struct wf_spawn){
		.name = a.name,
		.stack_size = a.stack_size,
		.flags = (a.flags & WEFT_CO_PINNED ? WF_SPAWN_PINNED : 0u) |
			 (a.flags & WEFT_CO_BOUND ? WF_SPAWN_BOUND : 0u) |
			 (a.flags & WEFT_CO_FORK ? WF_SPAWN_FORK : 0u) |
			 weft__class_flag[a.service],
		.worker = a.worker - 1,
		.where = where(&a),
		.node = a.node - 1};
	return 0;
}
