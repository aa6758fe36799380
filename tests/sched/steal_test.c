/* SPDX-License-Identifier: MIT */
/*
 * Who is robbed, who is called: sixteen workers without threads, on two nodes of two caches of
 * two cores of two CPUs. Worker 0 looks for work.
 */
#include "sched/run/steal.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { N = 16, QUEUED = 8 };

static const uint64_t NOW = 1000 * 1000 * 1000;

static struct wf_worker worker[N], *list[N];
static struct wf_place place[N];
static uint16_t far[] = {10, 20, 20, 10}, others[N][N];
static struct wf_co co[N][QUEUED];
static unsigned woken[N];

static struct wf_worker *const me = &worker[0];

static void fake_wake(struct wf_ring *target, struct wf_ring *from)
{
	(void)from;
	woken[wf_container_of(target, struct wf_worker, ring)->id]++;
}

static const struct wf_engine fake = {.wake = fake_wake};

static void setup(void)
{
	wf_rt.plan = (struct wf_plan){
		.n_workers = N, .place = place, .n_homes = 2, .far = far};
	wf_rt.workers = list;
	wf_rt.n_workers = wf_rt.n_slots = wf_rt.width = N;
	for (unsigned i = 0; i < N; i++) {
		struct wf_worker *w = list[i] = &worker[i];

		place[i] =
			(struct wf_place){.core = i / 2, .cache = i / 4, .home = i / 8};
		w->id = i;
		w->place = place[i];
		w->ring.engine = &fake;
		w->now = w->busy_since = NOW;
		w->dice = i + 1;
		w->near.id = others[i];
		for (unsigned k = 0; k < WF_CLASSES; k++)
			wf_lane_init(&w->lane[k], true);
	}
	for (unsigned i = 0; i < N; i++)
		wf_near_make(&wf_rt.plan, i, 0, &worker[i].near);
}

static struct wf_runq *queue(unsigned id)
{
	return &worker[id].lane[WF_NORMAL].q;
}

/* It has n waiting, and has not run empty for so long. */
static void laden(unsigned id, unsigned n, uint64_t ns)
{
	for (unsigned i = 0; i < n; i++)
		wf_runq_push_owner(queue(id), &co[id][i]);
	worker[id].busy_since = NOW - ns;
}

static unsigned empty(unsigned id)
{
	unsigned n = 0;

	while (wf_runq_pop_owner(queue(id)))
		n++;
	return n;
}

/* Whose coroutine it is. */
static unsigned from(const struct wf_co *stolen)
{
	cr_assert_not_null(stolen);
	return (unsigned)((stolen - co[0]) / QUEUED);
}

static struct wf_circle circle(enum wf_far f, unsigned distance)
{
	return (struct wf_circle){.far = f, .distance = distance};
}

TestSuite(steal, .init = setup);

Test(steal, the_further_the_longer_and_the_more)
{
	const struct wf_circle c[] = {
		circle(WF_FAR_CORE, 10),   circle(WF_FAR_CACHE, 10),
		circle(WF_FAR_NODE, 10),   circle(WF_FAR_REMOTE, 11),
		circle(WF_FAR_REMOTE, 20), circle(WF_FAR_REMOTE, 21),
		circle(WF_FAR_REMOTE, 32), circle(WF_FAR_REMOTE, 255)};

	for (unsigned i = 1; i < sizeof(c) / sizeof(c[0]); i++) {
		cr_assert_geq(wf_steal_patience_ns(&c[i]),
			      wf_steal_patience_ns(&c[i - 1]));
		cr_assert_geq(wf_steal_least(&c[i]), wf_steal_least(&c[i - 1]));
	}
	cr_assert_eq(wf_steal_patience_ns(&c[0]), WF_STALE_NS);
	cr_assert_eq(wf_steal_patience_ns(&c[2]), 2 * WF_STALE_NS);
	cr_assert_eq(wf_steal_patience_ns(&c[4]), 4 * WF_STALE_NS);
	cr_assert_eq(wf_steal_least(&c[2]), 1);
	cr_assert_eq(wf_steal_least(&c[4]), 2);
	cr_assert_eq(wf_steal_least(&c[6]), 3);
}

Test(steal, the_nearest_first_and_half_of_it)
{
	for (unsigned i = 1; i < N; i++)
		laden(i, QUEUED, WF_STALE_ANY_NS);
	for (unsigned n = N - 1; n; n--) {
		unsigned id = from(wf_steal(me));
		const struct wf_near *near = &me->near;
		unsigned left = N - 1 - n, begin = 0, k = 0;

		while (near->circle[k].end <= left)
			begin = near->circle[k++].end;
		bool in_circle = false;
		for (unsigned i = begin; i < near->circle[k].end; i++)
			in_circle |= near->id[i] == id;
		cr_assert(in_circle, "worker %u as the %uth", id, left);
		cr_assert_eq(empty(0), QUEUED / 2 - 1);
		cr_assert_eq(empty(id), QUEUED / 2);
	}
	cr_assert_null(wf_steal(me));
	cr_assert_eq(me->count.steals[WF_FAR_CORE], 1 * QUEUED / 2);
	cr_assert_eq(me->count.steals[WF_FAR_CACHE], 2 * QUEUED / 2);
	cr_assert_eq(me->count.steals[WF_FAR_NODE], 4 * QUEUED / 2);
	cr_assert_eq(me->count.steals[WF_FAR_REMOTE], 8 * QUEUED / 2);
}

Test(steal, not_before_it_has_waited)
{
	static const struct {
		unsigned victim;
		uint64_t ns;
	} all[] = {{1, WF_STALE_NS},
		   {3, WF_STALE_NS},
		   {5, 2 * WF_STALE_NS},
		   {9, 4 * WF_STALE_NS}};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unsigned v = all[i].victim;

		laden(v, QUEUED, all[i].ns);
		cr_assert_null(wf_steal(me), "%u", v);
		worker[v].busy_since--;
		cr_assert_eq(from(wf_steal(me)), v);
		empty(v);
		empty(0);
	}
}

Test(steal, one_alone_crosses_nodes_only_behind_a_hog)
{
	laden(9, 1, WF_STALE_ANY_NS);
	cr_assert_null(wf_steal(me));
	worker[9].busy_since--;
	cr_assert_eq(from(wf_steal(me)), 9);
	laden(5, 1, 2 * WF_STALE_NS + 1); /* on the same node one is enough */
	cr_assert_eq(from(wf_steal(me)), 5);
}

Test(steal, a_sleeper_of_that_node_is_called_instead)
{
	laden(12, QUEUED, WF_STALE_ANY_NS);
	worker[8].sleeping = worker[14].sleeping = 1;
	cr_assert_null(wf_steal(me));
	cr_assert_eq(wf_runq_len(queue(12)), QUEUED);
	cr_assert_eq(woken[14], 1); /* the nearer one */
	cr_assert_eq(woken[8], 0);
	cr_assert_eq(worker[14].called, 1);
	cr_assert_eq(worker[14].sleeping, 0);
	cr_assert_null(wf_steal(me));
	cr_assert_eq(woken[8], 1);
	cr_assert_eq(from(wf_steal(me)), 12); /* nobody sleeps there any more */
	cr_assert_eq(me->count.wakes, 2);
}

Test(steal, sleepers_elsewhere_do_not_matter)
{
	laden(12, QUEUED, WF_STALE_ANY_NS);
	worker[3].sleeping = 1;
	cr_assert_eq(from(wf_steal(me)), 12);
	cr_assert_eq(woken[3], 0);
}

Test(steal, a_retired_sleeper_is_not_called)
{
	laden(12, QUEUED, WF_STALE_ANY_NS);
	worker[13].sleeping = worker[13].retired = 1;
	cr_assert_eq(from(wf_steal(me)), 12);
	cr_assert_eq(woken[13], 0);
}

Test(steal, a_thief_that_leaves_a_fork_calls_the_next)
{
	static struct wf_co fork[3];

	worker[6].sleeping = worker[7].sleeping = worker[12].sleeping = 1;
	laden(1, 0, WF_STALE_NS + 1);
	for (unsigned i = 0; i < 3; i++)
		wf_deque_push(&worker[1].forks, &fork[i]);
	cr_assert_eq(wf_steal(me), &fork[0]);
	cr_assert_eq(woken[6] + woken[7], 1);
	cr_assert_eq(wf_steal(me), &fork[1]);
	cr_assert_eq(woken[6] + woken[7], 2);
	cr_assert_eq(wf_steal(me), &fork[2]);
	cr_assert_eq(woken[12], 0); /* nothing is left, and that is another node */
	cr_assert_eq(me->count.wakes, 2);
}

Test(steal, for_what_is_ready_only_when_it_waited_for_long)
{
	worker[6].sleeping = 1;
	laden(1, QUEUED, WF_SENTINEL_NS);
	cr_assert_eq(from(wf_steal(me)), 1);
	cr_assert_eq(woken[6], 0);
	empty(0);
	worker[1].busy_since--;
	cr_assert_eq(from(wf_steal(me)), 1);
	cr_assert_eq(woken[6], 1);
	worker[7].sleeping = 1;
	empty(0);
	empty(1);
	laden(1, 1, WF_STALE_ANY_NS);
	cr_assert_eq(from(wf_steal(me)), 1);
	cr_assert_eq(woken[7], 0); /* that was all */
}

Test(steal, call_goes_no_further_than_asked)
{
	worker[6].sleeping = 1; /* another cache of the same node */
	cr_assert(!wf_call_sleeper(me, &worker[1], WF_FAR_CACHE));
	cr_assert(wf_call_sleeper(me, &worker[1], WF_FAR_NODE));
	worker[10].sleeping = 1;
	cr_assert(!wf_call_sleeper(me, &worker[1], WF_FAR_NODE));
	cr_assert(wf_call_sleeper(me, &worker[1], WF_FAR_REMOTE));
	cr_assert_eq(woken[6] + woken[10], 2);
}

Test(steal, what_is_bound_to_its_node_stays)
{
	for (unsigned i = 0; i < QUEUED; i++) {
		co[9][i].traits = co[5][i].traits = WF_CO_BOUND;
		co[9][i].bound = 2;
		co[5][i].bound = 1;
	}
	laden(9, QUEUED, WF_STALE_ANY_NS);
	cr_assert_null(wf_steal(me));
	cr_assert_eq(wf_runq_len(queue(9)), QUEUED);
	laden(5, QUEUED, WF_STALE_ANY_NS); /* that is here */
	cr_assert_eq(from(wf_steal(me)), 5);
}

Test(steal, what_is_free_is_taken_from_before_what_is_bound)
{
	co[9][1].traits = WF_CO_BOUND;
	co[9][1].bound = 2;
	laden(9, QUEUED, WF_STALE_ANY_NS);
	cr_assert_eq(wf_steal(me), &co[9][0]);
	cr_assert_eq(empty(0), 0);
	cr_assert_null(wf_steal(me));
	cr_assert_eq(wf_runq_len(queue(9)), QUEUED - 1);
}

Test(steal, latency_first_then_forks_last)
{
	static struct wf_co urgent, fork[2];

	urgent.traits = WF_CO_LATENCY;
	laden(1, 1, WF_STALE_ANY_NS);
	wf_deque_push(&worker[1].forks, &fork[0]);
	wf_deque_push(&worker[1].forks, &fork[1]);
	wf_runq_push_owner(&worker[1].lane[WF_LATENCY].q, &urgent);
	cr_assert_eq(wf_steal(me), &urgent);
	cr_assert(me->special);
	cr_assert_eq(from(wf_steal(me)), 1);
	cr_assert_eq(wf_steal(me), &fork[0]); /* the oldest */
	cr_assert_eq(wf_steal(me), &fork[1]);
	cr_assert_null(wf_steal(me));
	cr_assert_eq(me->count.steals[WF_FAR_CORE], 4);
}

/* As the runtime does it: the table lies behind the worker. */
Test(steal, a_spare_steals_from_nobody)
{
	struct wf_worker *w = calloc(1, sizeof(*w) + (N + 2) * sizeof(uint16_t));

	wf_rt.n_slots = N + 2;
	w->id = 3;
	wf_steal_open(w);
	cr_assert_eq(w->near.circle[w->near.n_circles - 1].end, N + 1);
	cr_assert_eq(w->near.id[N - 1], N);
	cr_assert_neq(w->dice, 0);
	w->near.n_circles = 0;
	w->id = N;
	wf_steal_open(w);
	cr_assert_eq(w->near.n_circles, 0);
	cr_assert_null(wf_steal(w));
	free(w);
}
