/* SPDX-License-Identifier: MIT */
/* A lane: its queue and its pinned ones take turns, each in order. */
#include "sched/run/lane.h"

#include <criterion/criterion.h>

enum { N = 6 };

static struct wf_lane lane;
static struct wf_co loose[N], pinned[N];

static void setup(void)
{
	wf_lane_init(&lane, true);
	for (unsigned i = 0; i < N; i++)
		pinned[i].traits = WF_CO_PINNED;
}

static void push(struct wf_co *co, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		wf_lane_push(&lane, &co[i]);
}

TestSuite(lane, .init = setup);

Test(lane, empty)
{
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(wf_lane_empty(&lane));
		cr_assert_null(wf_lane_pop(&lane));
		cr_assert_null(wf_lane_pop_pinned(&lane));
		push(i % 2 ? loose : pinned, 1);
		cr_assert(!wf_lane_empty(&lane));
		cr_assert_not_null(wf_lane_pop(&lane));
	}
}

Test(lane, each_alone_keeps_its_order)
{
	for (unsigned round = 0; round < 3; round++) {
		push(pinned, N);
		for (unsigned i = 0; i < N; i++)
			cr_assert_eq(wf_lane_pop(&lane), &pinned[i]);
		push(loose, N);
		for (unsigned i = 0; i < N; i++)
			cr_assert_eq(wf_lane_pop(&lane), &loose[i]);
		cr_assert(wf_lane_empty(&lane));
	}
}

Test(lane, the_two_take_turns)
{
	unsigned of_loose = 0, of_pinned = 0;

	push(pinned, N);
	push(loose, N);
	for (unsigned i = 0; i < 2 * N; i++) {
		struct wf_co *co = wf_lane_pop(&lane);

		if (wf_co_is_pinned(co))
			cr_assert_eq(co, &pinned[of_pinned++]);
		else
			cr_assert_eq(co, &loose[of_loose++]);
		cr_assert_leq(of_loose, of_pinned + 1, "%u", i);
		cr_assert_leq(of_pinned, of_loose + 1, "%u", i);
	}
	cr_assert(wf_lane_empty(&lane));
}

Test(lane, pop_pinned_takes_no_other)
{
	push(loose, 2);
	push(pinned, 2);
	cr_assert_eq(wf_lane_pop_pinned(&lane), &pinned[0]);
	cr_assert_eq(wf_lane_pop_pinned(&lane), &pinned[1]);
	cr_assert_null(wf_lane_pop_pinned(&lane));
	cr_assert(!wf_lane_empty(&lane));
	push(pinned, 1); /* the list is whole after it has been empty */
	cr_assert_eq(wf_lane_pop_pinned(&lane), &pinned[0]);
}

/* What thieves may take is in the queue: bound to a node, or of a class, is not pinned. */
Test(lane, what_is_pinned)
{
	static const uint32_t yes[] = {WF_CO_PINNED, WF_CO_PIN_ONE,
				       WF_CO_PIN_ONE * 5 | WF_CO_BATCH},
			      no[] = {0, WF_CO_BOUND, WF_CO_LATENCY,
				      WF_CO_BATCH | WF_CO_BOUND};
	static struct wf_co co[7];

	for (unsigned i = 0; i < 3; i++)
		co[i].traits = yes[i];
	for (unsigned i = 0; i < 4; i++)
		co[3 + i].traits = no[i];
	push(co, 7);
	cr_assert_eq(wf_runq_len(&lane.q), 4);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(wf_lane_pop_pinned(&lane), &co[i]);
	cr_assert_null(wf_lane_pop_pinned(&lane));
}

Test(lane, class_by_trait)
{
	cr_assert_eq(wf_co_class(&(struct wf_co){.traits = 0}), WF_NORMAL);
	cr_assert_eq(wf_co_class(&(struct wf_co){.traits = WF_CO_PINNED}), WF_NORMAL);
	cr_assert_eq(wf_co_class(&(struct wf_co){.traits = WF_CO_LATENCY | WF_CO_PINNED}),
		     WF_LATENCY);
	cr_assert_eq(wf_co_class(&(struct wf_co){.traits = WF_CO_BATCH | WF_CO_BOUND}),
		     WF_BATCH);
}
