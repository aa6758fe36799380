/* SPDX-License-Identifier: MIT */
#include "weft/place.h"

#include <errno.h>
#include <limits.h>

#include "../options.h"
#include "../../sched/sched.h"

int weft_place_get(unsigned worker, struct weft_place *place)
{
	struct wf_place p;

	if (!place || place->size < sizeof(place->size))
		return -EINVAL;
	int rc = wf_place_get(worker, &p);
	if (rc)
		return rc;
	const struct weft_place all = {.cpu = p.cpu,
				       .node = p.node,
				       .core = (int)p.core,
				       .cache = (int)p.cache,
				       .package = (int)p.package};
	return weft__result_copy(place, &all, sizeof(all));
}

int weft_place_text(char *buf, size_t size)
{
	return wf_place_text(buf, size);
}

static int check_flags(uint32_t flags)
{
	return flags & ~(uint32_t)(WEFT_MOVE_STACK | WEFT_MOVE_BIND) ? -EINVAL : 0;
}

static uint32_t core_flags(uint32_t flags)
{
	return (flags & WEFT_MOVE_STACK ? WF_MOVE_STACK : 0u) |
	       (flags & WEFT_MOVE_BIND ? WF_MOVE_BIND : 0u);
}

int weft_move_to_worker(unsigned worker, uint32_t flags)
{
	int rc = worker > INT_MAX ? -EINVAL : check_flags(flags);

	return rc ? rc : wf_move((int)worker, -1, core_flags(flags));
}

int weft_move_to_node(unsigned node, uint32_t flags)
{
	int rc = node > INT_MAX ? -EINVAL : check_flags(flags);

	return rc ? rc : wf_move(-1, (int)node, core_flags(flags));
}

int weft_whereabouts(struct weft_whereabouts *whereabouts)
{
	struct wf_whereabouts w;

	if (!whereabouts || whereabouts->size < sizeof(whereabouts->size))
		return -EINVAL;
	int rc = wf_whereabouts(&w);
	if (rc)
		return rc;
	const struct weft_whereabouts all = {
		.node = w.node, .runs_local = w.runs_local, .runs_remote = w.runs_remote};
	return weft__result_copy(whereabouts, &all, sizeof(all));
}
