/* SPDX-License-Identifier: MIT */
#include "near.h"

enum { SELF = 10 };

static struct wf_circle between(const struct wf_plan *plan, unsigned from, unsigned to)
{
	const struct wf_place *a = &plan->place[from], *b = &plan->place[to];

	if (a->home != b->home)
		return (struct wf_circle){
			.far = WF_FAR_REMOTE,
			.distance = plan->far[a->home * plan->n_homes + b->home]};
	return (struct wf_circle){.far = a->core == b->core     ? WF_FAR_CORE
					 : a->cache == b->cache ? WF_FAR_CACHE
								: WF_FAR_NODE,
				  .distance = SELF};
}

static bool before(const struct wf_circle *a, const struct wf_circle *b)
{
	return a->far != b->far ? a->far < b->far : a->distance < b->distance;
}

/* The circle that c belongs to; the last remote one for those further away than it. */
static unsigned find(const struct wf_near *near, const struct wf_circle *c)
{
	unsigned i = 0;

	while (i + 1 < near->n_circles && before(&near->circle[i], c))
		i++;
	return i;
}

/* One place is kept for those that belong nowhere. */
static void add_circle(struct wf_near *near, struct wf_circle c)
{
	unsigned at = near->n_circles ? find(near, &c) : 0;

	if (at < near->n_circles && before(&near->circle[at], &c))
		at++;
	if (at < near->n_circles && !before(&c, &near->circle[at]))
		return;
	if (near->n_circles < WF_CIRCLES_MAX - 1)
		near->n_circles++;
	for (unsigned i = near->n_circles - 1; i > at; i--)
		near->circle[i] = near->circle[i - 1];
	if (at < near->n_circles)
		near->circle[at] = c;
}

void wf_near_make(const struct wf_plan *plan, unsigned worker, unsigned n_more,
		  struct wf_near *near)
{
	unsigned at[WF_CIRCLES_MAX] = {0}, n = 0;

	near->n_circles = 0;
	for (unsigned i = 0; i < plan->n_workers; i++)
		if (i != worker)
			add_circle(near, between(plan, worker, i));
	/* how many there are in each, then where each begins, then who */
	for (unsigned i = 0; i < plan->n_workers; i++) {
		struct wf_circle c = between(plan, worker, i);

		if (i != worker)
			near->circle[find(near, &c)].end++;
	}
	for (unsigned k = 0; k < near->n_circles; k++) {
		at[k] = n;
		n += near->circle[k].end;
		near->circle[k].end = n;
	}
	for (unsigned i = 0; i < plan->n_workers; i++) {
		struct wf_circle c = between(plan, worker, i);

		if (i != worker)
			near->id[at[find(near, &c)]++] = (uint16_t)i;
	}
	if (!n_more)
		return;
	for (unsigned i = 0; i < n_more; i++)
		near->id[n++] = (uint16_t)(plan->n_workers + i);
	near->circle[near->n_circles++] =
		(struct wf_circle){.end = n, .far = WF_FAR_NODE, .distance = SELF};
}
