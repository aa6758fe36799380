/* SPDX-License-Identifier: MIT */
/* Moving the running coroutine; with four nodes in tests/vm. */
#include <numaif.h>
#include <stdatomic.h>
#include <stdint.h>

#include "../check.h"

/* On a slow machine the other one steals it, now and then. */
static int there_and_back(void *arg)
{
	int n_there = 0;

	(void)arg;
	for (unsigned i = 0; i < 2000; i++) {
		CHECK_EQ(weft_move_to_worker(i % 2, 0), 0);
		n_there += weft_worker_id() == (int)(i % 2);
	}
	CHECK(n_there > 1000);
	return 0;
}

Test(move, goes_from_worker_to_worker, .timeout = 60)
{
	RUN_ON(2, there_and_back);
}

static int pinned(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_move_to_worker(1, 0), 0);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(weft_worker_id(), 1);
		CHECK_EQ(weft_sleep_ns(10 * WEFT_US), 0);
	}
	CHECK_EQ(weft_pin(), 1);
	CHECK_EQ(weft_move_to_worker(0, 0), -EBUSY);
	CHECK_EQ(weft_unpin(), 0);
	CHECK_EQ(weft_move_to_worker(0, 0), 0);
	CHECK_EQ(weft_worker_id(), 0);
	return 0;
}

static int spawn_pinned(void *arg)
{
	const struct weft_co_attr attr = {
		.size = sizeof(attr), .worker = 1, .flags = WEFT_CO_PINNED};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(pinned, NULL, &attr, &co), 0);
	JOIN(co, 0);
	return 0;
}

Test(move, the_pinned_are_pinned_where_they_come_to, .timeout = 60)
{
	RUN_ON(2, spawn_pinned);
}

static int is_cancelled(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_sleep_ns(WEFT_NEVER / 2), -ECANCELED);
	CHECK_EQ(weft_move_to_worker(0, 0), -ECANCELED);
	return 0;
}

static int bad_uses(void *arg)
{
	struct weft_whereabouts w = {.size = sizeof(w)};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_move_to_worker(2, 0), -EINVAL);
	CHECK_EQ(weft_move_to_worker(UINT32_MAX, 0), -EINVAL);
	CHECK_EQ(weft_move_to_worker(0, 4), -EINVAL);
	CHECK_EQ(weft_move_to_node(1000, 0), -EINVAL);
	CHECK_EQ(weft_whereabouts(NULL), -EINVAL);
	CHECK_EQ(weft_whereabouts(&w), 0);
	CHECK_EQ(weft_spawn(is_cancelled, NULL, NULL, &co), 0);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_set_workers(1), 1);
	CHECK_EQ(weft_move_to_worker(1, 0), -EINVAL);
	return 0;
}

Test(move, bad_uses_are_refused, .timeout = 60)
{
	struct weft_whereabouts w = {.size = sizeof(w)};

	RUN_ON(2, bad_uses);
	cr_assert_eq(weft_move_to_worker(0, 0), -EPERM);
	cr_assert_eq(weft_move_to_node(0, 0), -EPERM);
	cr_assert_eq(weft_whereabouts(&w), -EPERM);
}

/* The node of the page that p is on, or -1. */
static int node_of(void *p)
{
	int status = -1;

	p = (void *)((uintptr_t)p & ~(uintptr_t)4095);
	return move_pages(0, 1, &p, NULL, &status, 0) ? -1 : status;
}

static int node_of_worker(void)
{
	struct weft_place place = {.size = sizeof(place)};

	return weft_place_get((unsigned)weft_worker_id(), &place) ? -1 : place.node;
}

/* Round all nodes where workers are, stack and all. */
static int round_the_nodes(void *arg)
{
	struct weft_whereabouts w = {.size = sizeof(w)};
	struct weft_place place = {.size = sizeof(place)};
	char page[3 * 4096];

	(void)arg;
	memset(page, 1, sizeof(page));
	for (unsigned i = 0; weft_place_get(i, &place) == 0; i++) {
		if (place.node < 0)
			continue;
		CHECK_EQ(weft_move_to_node((unsigned)place.node,
					   WEFT_MOVE_STACK | WEFT_MOVE_BIND),
			 0);
		for (int k = 0; k < 20; k++) {
			CHECK_EQ(node_of_worker(), place.node);
			CHECK_EQ(weft_sleep_ns(10 * WEFT_US), 0);
		}
		CHECK_EQ(weft_whereabouts(&w), 0);
		CHECK_EQ(w.node, place.node);
		CHECK_EQ(page[4096], 1);
		if (node_of(page + 4096) >= 0)
			CHECK_EQ(node_of(page + 4096), place.node);
	}
	CHECK(w.runs_local > 0);
	return 0;
}

Test(move, goes_from_node_to_node_with_its_stack, .timeout = 60)
{
	const struct weft_options o = {.size = sizeof(o), .place = "spread"};
	int rc = weft_run(round_the_nodes, NULL, &o);

	cr_assert_eq(rc, 0, "status or line %d; %s", rc, weft_start_error());
}
