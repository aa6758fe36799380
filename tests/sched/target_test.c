/* SPDX-License-Identifier: MIT */
/* Where a coroutine starts: six workers without threads, 0 2 4 on node 5, the others on 7. */
#include "sched/run/target.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { N = 6 };

static struct wf_worker worker[N], *list[N];
static struct wf_place place[N];
static int node[] = {5, 7};
static unsigned first[] = {0, 3, 6}, by_home[] = {0, 2, 4, 1, 3, 5};
static struct wf_co running, queued[8];

static void setup(void)
{
	wf_rt.plan = (struct wf_plan){.n_workers = N,
				      .place = place,
				      .n_homes = 2,
				      .node = node,
				      .first = first,
				      .by_home = by_home};
	wf_rt.workers = list;
	wf_rt.n_workers = wf_rt.n_slots = wf_rt.width = N;
	for (unsigned i = 0; i < N; i++) {
		list[i] = &worker[i];
		worker[i].id = i;
		worker[i].place.home = i % 2;
		for (unsigned k = 0; k < WF_CLASSES; k++)
			wf_lane_init(&worker[i].lane[k], true);
	}
}

static struct wf_spawn spawn_at(enum wf_spawn_where where)
{
	return (struct wf_spawn){.where = where, .worker = -1, .node = -1};
}

/* How many of n spawns went to each. */
static void spread(struct wf_worker *w, const struct wf_spawn *s, unsigned n,
		   unsigned *count)
{
	for (unsigned i = 0; i < N; i++)
		count[i] = 0;
	cr_assert_eq(wf_target_check(s), 0);
	for (unsigned i = 0; i < n; i++)
		count[wf_target(w, s)->id]++;
}

static void even(const unsigned *count, unsigned mask, unsigned each)
{
	for (unsigned i = 0; i < N; i++)
		cr_assert_eq(count[i], mask >> i & 1 ? each : 0, "worker %u: %u", i,
			     count[i]);
}

TestSuite(target, .init = setup);

Test(target, here)
{
	const struct wf_spawn s = spawn_at(WF_SPAWN_HERE);
	unsigned count[N];

	spread(&worker[4], &s, 5, count);
	even(count, 1u << 4, 5);
}

Test(target, plain_threads_go_round)
{
	const struct wf_spawn here = spawn_at(WF_SPAWN_HERE),
			      same = spawn_at(WF_SPAWN_NODE);
	unsigned count[N];

	spread(NULL, &here, 4 * N, count);
	even(count, 0x3f, 4);
	spread(NULL, &same, 4 * N, count);
	even(count, 0x3f, 4);
}

Test(target, all_in_turn)
{
	const struct wf_spawn s = spawn_at(WF_SPAWN_ALL);
	unsigned count[N];

	spread(&worker[2], &s, 3 * N, count);
	even(count, 0x3f, 3);
}

Test(target, own_node_in_turn)
{
	const struct wf_spawn s = spawn_at(WF_SPAWN_NODE);
	unsigned count[N];

	spread(&worker[2], &s, 9, count);
	even(count, 0x15, 3);
	spread(&worker[1], &s, 9, count);
	even(count, 0x2a, 3);
}

Test(target, a_given_node)
{
	struct wf_spawn s = spawn_at(WF_SPAWN_HERE);
	unsigned count[N];

	s.node = 7;
	spread(&worker[0], &s, 6, count); /* not the caller's: in turn */
	even(count, 0x2a, 2);
	spread(&worker[3], &s, 6, count); /* the caller's: here */
	even(count, 1u << 3, 6);
	spread(NULL, &s, 6, count);
	even(count, 0x2a, 2);
	s.where = WF_SPAWN_ALL;
	spread(&worker[3], &s, 6, count);
	even(count, 0x2a, 2);
}

Test(target, a_given_worker_whatever_else)
{
	struct wf_spawn s = spawn_at(WF_SPAWN_LEAST);
	unsigned count[N];

	s.worker = 3;
	spread(&worker[0], &s, 2, count);
	even(count, 1u << 3, 2);
}

Test(target, no_such_place)
{
	struct wf_spawn s = spawn_at(WF_SPAWN_HERE);

	s.worker = N;
	cr_assert_eq(wf_target_check(&s), -EINVAL);
	s.worker = -1;
	s.node = 6;
	cr_assert_eq(wf_target_check(&s), -EINVAL);
	s.node = 5;
	cr_assert_eq(wf_target_check(&s), 0);
	s.worker = 2;
	worker[2].retired = 1;
	cr_assert_eq(wf_target_check(&s), -EINVAL);
}

Test(target, retired_ones_are_passed_over)
{
	const struct wf_spawn all = spawn_at(WF_SPAWN_ALL),
			      same = spawn_at(WF_SPAWN_NODE),
			      least = spawn_at(WF_SPAWN_LEAST);
	unsigned count[N];

	for (unsigned i = 2; i < N; i++)
		worker[i].retired = 1;
	spread(&worker[0], &all, 60, count);
	cr_assert_eq(count[0] + count[1], 60);
	cr_assert(count[0] && count[1]);
	spread(&worker[0], &same, 6, count);
	even(count, 1u << 0, 6);
	worker[0].current = worker[1].current = &running;
	spread(&worker[0], &least, 6, count);
	cr_assert_eq(count[0] + count[1], 6, "the idle ones are retired");
}

Test(target, least_loaded)
{
	static struct wf_msg msg;
	struct wf_spawn s = spawn_at(WF_SPAWN_LEAST);
	unsigned count[N];

	spread(&worker[0], &s, 3 * N, count); /* nobody has anything: in turn */
	even(count, 0x3f, 3);
	for (unsigned i = 0; i < N; i++)
		wf_runq_push_owner(&worker[i].lane[i % WF_CLASSES].q, &queued[i]);
	worker[0].current = worker[1].current = &running;
	wf_inbox_push_any(&worker[2].inbox, &msg);
	wf_deque_push(&worker[3].forks, &queued[6]);
	spread(&worker[0], &s, 12, count);
	cr_assert_eq(count[4] + count[5], 12);
	cr_assert(count[4] && count[5]);
	s.node = 5;
	spread(&worker[0], &s, 4, count);
	even(count, 1u << 4, 4);
	wf_runq_push_owner(&worker[4].lane[WF_NORMAL].q, &queued[7]);
	wf_runq_push_owner(&worker[4].lane[WF_NORMAL].q, &running);
	spread(&worker[0], &s, 6, count);
	cr_assert_eq(count[0] + count[2], 6);
}

/* A spare stands in for worker 1: pinned ones start there, others where they are made. */
Test(target, at_a_spare)
{
	static struct wf_worker spare = {.id = N};
	struct wf_spawn s = spawn_at(WF_SPAWN_HERE);

	spare.spare.post = &worker[1];
	cr_assert_eq(wf_target(&spare, &s), &spare);
	s.node = 7;
	cr_assert_eq(wf_target(&spare, &s), &spare);
	s.flags = WF_SPAWN_PINNED;
	cr_assert_eq(wf_target(&spare, &s), &worker[1]);
}
