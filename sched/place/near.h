/* SPDX-License-Identifier: MIT */
/*
 * The plan as one worker sees it: all others in circles around it, the nearest first. What
 * is in one circle is equally far away.
 */
#ifndef WF_PLACE_NEAR_H
#define WF_PLACE_NEAR_H

#include "place.h"

enum wf_far {
	WF_FAR_CORE,   /* the same core, or CPU */
	WF_FAR_CACHE,  /* another core below the same last-level cache */
	WF_FAR_NODE,   /* another cache of the same node */
	WF_FAR_REMOTE, /* another node */
	WF_FARS,
};

struct wf_circle {
	unsigned end; /* of its part of wf_near.id; it begins where the last one ends */
	enum wf_far far;
	unsigned distance; /* as the kernel gives them: 10 is one's own node */
};

enum { WF_CIRCLES_MAX = 12 };

struct wf_near {
	uint16_t *id; /* of workers, without oneself */
	unsigned n_circles;
	struct wf_circle circle[WF_CIRCLES_MAX];
};

/*
 * near->id has room for n_workers - 1 + n_more. Those n_more, numbered from n_workers on,
 * belong nowhere; they come last, as if on the same node.
 */
void wf_near_make(const struct wf_plan *plan, unsigned worker, unsigned n_more,
		  struct wf_near *near);

#endif
