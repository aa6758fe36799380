/* SPDX-License-Identifier: MIT */
/* The others as one worker sees them, on plans written by hand. */
#include "sched/place/near.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 64 };

struct view {
	struct wf_near near;
	uint16_t id[MAX];
};

/* Two nodes of two caches of two cores of two CPUs; to node 1 it is 21, back it is 17. */
static struct wf_plan two_nodes(struct wf_place *place)
{
	static uint16_t far[] = {10, 21, 17, 10};

	for (unsigned i = 0; i < 16; i++)
		place[i] = (struct wf_place){
			.cpu = (int)i, .core = i / 2, .cache = i / 4, .home = i / 8};
	return (struct wf_plan){
		.n_workers = 16, .place = place, .n_homes = 2, .far = far};
}

/* A worker on each node; from the first, node i is 10 + i away. */
static struct wf_plan line(struct wf_place *place, uint16_t *far, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		place[i] = (struct wf_place){.core = i, .cache = i, .home = i};
		for (unsigned k = 0; k < n; k++)
			far[i * n + k] = (uint16_t)(10 + abs((int)i - (int)k));
	}
	return (struct wf_plan){.n_workers = n, .place = place, .n_homes = n, .far = far};
}

static void look(struct view *v, const struct wf_plan *plan, unsigned from,
		 unsigned n_more)
{
	memset(v, 0xff, sizeof(*v)); /* nothing is taken over from what was there */
	v->near.id = v->id;
	wf_near_make(plan, from, n_more, &v->near);
}

static unsigned begin(const struct view *v, unsigned circle)
{
	return circle ? v->near.circle[circle - 1].end : 0;
}

static void everybody_else_once(const struct view *v, unsigned from, unsigned n)
{
	bool seen[MAX] = {false};
	unsigned last = v->near.n_circles ? begin(v, v->near.n_circles) : 0;

	cr_assert_eq(last, n - 1);
	for (unsigned i = 0; i < last; i++) {
		cr_assert_lt(v->id[i], n);
		cr_assert_neq(v->id[i], from);
		cr_assert(!seen[v->id[i]], "%u twice", v->id[i]);
		seen[v->id[i]] = true;
	}
	cr_assert_eq(v->id[last], 0xffff, "written behind the end");
}

Test(near, circles_of_every_worker)
{
	static const enum wf_far far[] = {WF_FAR_CORE, WF_FAR_CACHE, WF_FAR_NODE,
					  WF_FAR_REMOTE};
	static const unsigned end[] = {1, 3, 7, 15}, width[] = {2, 4, 8, 16};
	struct wf_place place[16];
	struct wf_plan plan = two_nodes(place);
	struct view v;

	for (unsigned w = 0; w < 16; w++) {
		look(&v, &plan, w, 0);
		everybody_else_once(&v, w, 16);
		cr_assert_eq(v.near.n_circles, 4);
		for (unsigned k = 0; k < 4; k++) {
			cr_assert_eq(v.near.circle[k].far, far[k]);
			cr_assert_eq(v.near.circle[k].end, end[k]);
			for (unsigned i = begin(&v, k); i < end[k]; i++)
				cr_assert_eq(v.id[i] / width[k], w / width[k]);
		}
	}
}

Test(near, the_distance_is_the_one_from_here)
{
	struct wf_place place[16];
	struct wf_plan plan = two_nodes(place);
	struct view v;

	look(&v, &plan, 3, 0);
	cr_assert_eq(v.near.circle[2].distance, 10);
	cr_assert_eq(v.near.circle[3].distance, 21);
	look(&v, &plan, 12, 0);
	cr_assert_eq(v.near.circle[3].distance, 17);
}

Test(near, remote_nodes_are_a_circle_for_each_distance)
{
	struct wf_place place[5];
	uint16_t far[5 * 5];
	struct wf_plan plan = line(place, far, 5);
	struct view v;

	look(&v, &plan, 1, 0); /* 0 and 2 are one away, 3 is two, 4 is three */
	everybody_else_once(&v, 1, 5);
	cr_assert_eq(v.near.n_circles, 3);
	cr_assert_eq(v.near.circle[0].end, 2);
	cr_assert_eq(v.id[2], 3);
	cr_assert_eq(v.id[3], 4);
	for (unsigned k = 0; k < 3; k++)
		cr_assert_eq(v.near.circle[k].distance, 11 + k);
}

/* Those furthest away share the last circle, in whichever order they are met. */
Test(near, more_distances_than_circles)
{
	enum { N = 20 };
	struct wf_place place[N];
	uint16_t far[N * N];
	struct wf_plan plan = line(place, far, N);
	struct view v;

	for (unsigned w = 0; w < N; w += N - 1) {
		look(&v, &plan, w, 1);
		cr_assert_eq(v.near.n_circles, WF_CIRCLES_MAX);
		for (unsigned k = 0; k + 2 < WF_CIRCLES_MAX; k++) {
			cr_assert_eq(v.near.circle[k].end, k + 1);
			cr_assert_eq(v.near.circle[k].distance, 11 + k);
			cr_assert_eq(abs((int)v.id[k] - (int)w), (int)k + 1);
		}
		cr_assert_eq(v.near.circle[WF_CIRCLES_MAX - 2].end, N - 1);
		cr_assert_eq(v.id[N - 1], N);
	}
}

Test(near, spares_belong_nowhere_and_come_last)
{
	struct wf_place place[16];
	struct wf_plan plan = two_nodes(place);
	struct view v;

	look(&v, &plan, 5, 3);
	cr_assert_eq(v.near.n_circles, 5);
	cr_assert_eq(v.near.circle[3].end, 15);
	cr_assert_eq(v.near.circle[4].end, 18);
	cr_assert_eq(v.near.circle[4].far, WF_FAR_NODE);
	cr_assert_eq(v.near.circle[4].distance, 10);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(v.id[15 + i], 16 + i);
}

Test(near, alone)
{
	struct wf_place place[16];
	struct wf_plan plan = two_nodes(place);
	struct view v;

	plan.n_workers = 1;
	look(&v, &plan, 0, 0);
	cr_assert_eq(v.near.n_circles, 0);
	look(&v, &plan, 0, 1);
	cr_assert_eq(v.near.n_circles, 1);
	cr_assert_eq(v.near.circle[0].end, 1);
	cr_assert_eq(v.id[0], 1);
}

Test(near, who_shares_the_cpu_is_nearest)
{
	struct wf_place place[16];
	struct wf_plan plan = two_nodes(place);
	struct view v;

	place[9] = place[2];
	look(&v, &plan, 2, 0);
	cr_assert_eq(v.near.circle[0].far, WF_FAR_CORE);
	cr_assert_eq(v.near.circle[0].end, 2);
	cr_assert_eq(v.id[0], 3);
	cr_assert_eq(v.id[1], 9);
}
