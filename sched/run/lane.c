/* SPDX-License-Identifier: MIT */
#include "lane.h"

void wf_lane_init(struct wf_lane *l, bool shared)
{
	wf_runq_init(&l->q, shared);
	l->pinned_first = NULL;
	l->pinned_last = &l->pinned_first;
	l->tick = 0;
}

void wf_lane_push(struct wf_lane *l, struct wf_co *co)
{
	if (!wf_co_is_pinned(co)) {
		wf_runq_push_owner(&l->q, co);
		return;
	}
	co->next = NULL;
	*l->pinned_last = co;
	l->pinned_last = &co->next;
}

struct wf_co *wf_lane_pop_pinned(struct wf_lane *l)
{
	struct wf_co *co = l->pinned_first;

	if (!co)
		return NULL;
	l->pinned_first = co->next;
	if (!l->pinned_first)
		l->pinned_last = &l->pinned_first;
	return co;
}

struct wf_co *wf_lane_pop(struct wf_lane *l)
{
	if (l->pinned_first && l->tick++ & 1)
		return wf_lane_pop_pinned(l);
	struct wf_co *co = wf_runq_pop_owner(&l->q);

	return co ? co : wf_lane_pop_pinned(l);
}
