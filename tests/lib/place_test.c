/* SPDX-License-Identifier: MIT */
/* Placement as an application sees it. Machines of two nodes come from hwloc's synthetic
 * topologies; CPUs 0 and 1 of them are ours. */
#include <numaif.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "../check.h"
#include "sched/base/sys.h"
#include "sched/run/worker.h"

static struct weft_place place_of(unsigned worker)
{
	struct weft_place p = {.size = sizeof(p)};

	cr_assert_eq(weft_place_get(worker, &p), 0);
	return p;
}

static void needs_two_cpus(void)
{
	cpu_set_t set;

	cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	if (!CPU_ISSET(0, &set) || !CPU_ISSET(1, &set))
		cr_skip_test("CPUs 0 and 1 are not ours");
}

static void start(const char *place, unsigned workers)
{
	const struct weft_options o = {
		.size = sizeof(o), .place = place, .workers = workers};

	cr_assert_eq(weft_start(&o), 0, "%s", weft_start_error());
}

static int where_am_i(void *arg)
{
	struct weft_place p = {.size = sizeof(p)};

	CHECK_EQ(weft_place_get((unsigned)(uintptr_t)arg, &p), 0);
	CHECK_EQ(sched_getcpu(), p.cpu);
	return 0;
}

static int each_worker_where_it_says(void *arg)
{
	const unsigned n = (unsigned)weft_workers();

	(void)arg;
	for (unsigned i = 0; i < n; i++) {
		const struct weft_co_attr attr = {.size = sizeof(attr),
						  .worker = (int)i + 1,
						  .flags = WEFT_CO_PINNED};
		struct weft_co *co;

		CHECK_EQ(weft_spawn(where_am_i, (void *)(uintptr_t)i, &attr, &co), 0);
		JOIN(co, 0);
	}
	return 0;
}

Test(place, every_worker_is_where_it_says)
{
	static const char *const policy[] = {"auto", "compact", "spread", "core"};

	for (unsigned i = 0; i < 4; i++) {
		const struct weft_options o = {
			.size = sizeof(o), .workers = 3, .place = policy[i]};
		int rc = weft_run(each_worker_where_it_says, NULL, &o);

		cr_assert_eq(rc, 0, "line %d; %s", rc, weft_start_error());
	}
}

Test(place, get_refuses)
{
	struct weft_place p = {.size = sizeof(p)}, tiny = {.size = 4};

	cr_assert_eq(weft_place_get(0, &p), -ESRCH);
	start(NULL, 2);
	cr_assert_eq(weft_place_get(2, &p), -ENOENT);
	cr_assert_eq(weft_place_get(0, NULL), -EINVAL);
	cr_assert_eq(weft_place_get(0, &tiny), -EINVAL);
	cr_assert_eq(weft_stop(), 0);
	cr_assert_eq(weft_place_get(0, &p), -ESRCH);
}

/* Of callers built against another version: what they do not know is not written, what we
 * do not know is zero. */
Test(place, get_obeys_the_size)
{
	struct {
		struct weft_place known;
		int more;
	} newer = {.known.size = sizeof(newer), .more = 7};
	struct weft_place older = {.size = offsetof(struct weft_place, node),
				   .node = 1234};

	start(NULL, 1);
	cr_assert_eq(weft_place_get(0, &newer.known), 0);
	cr_assert_eq(newer.known.cpu, place_of(0).cpu);
	cr_assert_eq(newer.known.size, sizeof(newer));
	cr_assert_eq(newer.more, 0);
	cr_assert_eq(weft_place_get(0, &older), 0);
	cr_assert_eq(older.cpu, place_of(0).cpu);
	cr_assert_eq(older.node, 1234);
	cr_assert_eq(weft_stop(), 0);
}

Test(place, text)
{
	char text[4096], cut[16];

	cr_assert_eq(weft_place_text(text, sizeof(text)), -ESRCH);
	start("compact", 2);
	int n = weft_place_text(NULL, 0);
	cr_assert_gt(n, 0);
	cr_assert_eq(weft_place_text(text, sizeof(text)), n);
	cr_assert_eq(strlen(text), (size_t)n);
	cr_assert_eq(strncmp(text, "placement: compact\n", 19), 0);
	cr_assert_eq(weft_place_text(cut, sizeof(cut)), n);
	cr_assert_eq(strlen(cut), sizeof(cut) - 1);
	cr_assert_eq(strncmp(cut, text, sizeof(cut) - 1), 0);
	cr_assert_eq(weft_stop(), 0);
}

Test(place, the_environment_and_the_option)
{
	needs_two_cpus();
	setenv("WEFT_PLACE", "cpus:1", 1);
	start(NULL, 0);
	cr_assert_eq(weft_workers(), 1);
	cr_assert_eq(place_of(0).cpu, 1);
	cr_assert_eq(weft_stop(), 0);
	start("cpus:0", 0); /* wins over the environment */
	cr_assert_eq(place_of(0).cpu, 0);
	cr_assert_eq(weft_stop(), 0);
	start("cpus:1,0", 2);
	cr_assert_eq(place_of(0).cpu, 1);
	cr_assert_eq(place_of(1).cpu, 0);
	cr_assert_eq(weft_stop(), 0);
}

Test(place, what_cannot_be_had_is_said)
{
	static const char *const bad[] = {"nonsense", "cpus:1048575", "node:1023",
					  "near:no-such-device", "cpus:"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct weft_options o = {.size = sizeof(o), .place = bad[i]};

		cr_assert_eq(weft_start(&o), -EINVAL, "%s", bad[i]);
		cr_assert_not_null(strstr(weft_start_error(), bad[i]), "%s",
				   weft_start_error());
		setenv("WEFT_PLACE", bad[i], 1);
		cr_assert_eq(weft_start(NULL), -EINVAL, "%s", bad[i]);
		unsetenv("WEFT_PLACE");
	}
	start(NULL, 1);
	cr_assert_str_eq(weft_start_error(), "");
	cr_assert_eq(weft_stop(), 0);
}

Test(place, not_bound)
{
	const struct weft_options o = {.size = sizeof(o), .workers = 2, .pin = -1};

	cr_assert_eq(weft_start(&o), 0, "%s", weft_start_error());
	cr_assert_eq(place_of(1).cpu, -1);
	cr_assert_eq(place_of(1).node, -1);
	cr_assert_eq(weft_stop(), 0);
}

/* ---- two nodes ---- */

static void two_nodes(void)
{
	needs_two_cpus();
	setenv("HWLOC_SYNTHETIC", "pack:1 numa:2 core:1 pu:1", 1);
}

static int my_worker(void *arg)
{
	*(int *)arg = weft_worker_id();
	return 0;
}

/* Ten with these attributes: how many began on each worker. */
static int spawn_ten(const struct weft_co_attr *attr, unsigned count[2])
{
	count[0] = count[1] = 0;
	for (unsigned i = 0; i < 10; i++) {
		struct weft_co *co;
		int worker = -1;

		CHECK_EQ(weft_spawn(my_worker, &worker, attr, &co), 0);
		JOIN(co, 0);
		CHECK(worker == 0 || worker == 1);
		count[worker]++;
	}
	return 0;
}

static int start_on_nodes(void *arg)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_BOUND};
	unsigned count[2];

	(void)arg;
	for (int node = 0; node < 2; node++) {
		attr.node = 1 + node;
		CHECK_EQ(spawn_ten(&attr, count), 0);
		CHECK_EQ(count[node], 10);
	}
	attr.node = 3;
	CHECK_EQ(weft_spawn(my_worker, NULL, &attr, NULL), -EINVAL);
	attr = (struct weft_co_attr){.size = sizeof(attr),
				     .flags = WEFT_CO_PINNED,
				     .place = WEFT_CO_ALL_IN_TURN};
	CHECK_EQ(spawn_ten(&attr, count), 0);
	CHECK_EQ(count[0], 5);
	attr.place = WEFT_CO_NODE_IN_TURN;
	CHECK_EQ(spawn_ten(&attr, count), 0);
	CHECK(count[0] == 10 || count[1] == 10);
	attr.place = 77;
	CHECK_EQ(weft_spawn(my_worker, NULL, &attr, NULL), -EINVAL);
	return 0;
}

/* Main stays where it is: it is pinned. */
static int pinned_main(void *arg)
{
	const struct weft_co_attr attr = {
		.size = sizeof(attr), .worker = 1, .flags = WEFT_CO_PINNED};
	struct weft_co *co;

	CHECK_EQ(weft_spawn(start_on_nodes, arg, &attr, &co), 0);
	JOIN(co, 0);
	return 0;
}

Test(place, coroutines_start_on_the_node_they_ask_for, .timeout = 60)
{
	const struct weft_options o = {
		.size = sizeof(o), .workers = 2, .place = "cpus:0-1"};

	two_nodes();
	int rc = weft_run(pinned_main, NULL, &o);
	cr_assert_eq(rc, 0, "line %d; %s", rc, weft_start_error());
}

enum { HOPS = 200 };

static int stay(void *arg)
{
	for (unsigned i = 0; i < HOPS; i++) {
		CHECK_EQ(weft_worker_id(), (int)(uintptr_t)arg);
		CHECK_EQ(i % 2 ? weft_yield() : weft_sleep_ns(10 * 1000), 0);
	}
	return 0;
}

static int bound_ones(void *arg)
{
	struct weft_co *co[32];

	(void)arg;
	for (unsigned i = 0; i < 32; i++) {
		const struct weft_co_attr attr = {.size = sizeof(attr),
						  .flags = WEFT_CO_BOUND,
						  .node = 1 + (int)i / 24};
		CHECK_EQ(weft_spawn(stay, (void *)(uintptr_t)(i / 24), &attr, &co[i]), 0);
	}
	for (unsigned i = 0; i < 32; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(place, bound_ones_never_leave_their_node, .timeout = 60)
{
	const struct weft_options o = {
		.size = sizeof(o), .workers = 2, .place = "cpus:0-1"};

	two_nodes();
	int rc = weft_run(bound_ones, NULL, &o);
	cr_assert_eq(rc, 0, "line %d; %s", rc, weft_start_error());
}

Test(place, node_policy_and_its_numbers)
{
	two_nodes();
	start("node:1", 0);
	cr_assert_eq(weft_workers(), 1);
	cr_assert_eq(place_of(0).cpu, 1);
	cr_assert_eq(place_of(0).node, 1);
	cr_assert_eq(weft_stop(), 0);
	start("cpus:0-1", 2);
	struct weft_place a = place_of(0), b = place_of(1);
	cr_assert_eq(a.node, 0);
	cr_assert_eq(b.node, 1);
	cr_assert(a.core != b.core && a.cache != b.cache && a.package == b.package);
	cr_assert_eq(weft_stop(), 0);
}

/* ---- memory ---- */

/* The node that the page of addr lies on, or -errno. */
static int node_of(const void *addr)
{
	void *page = (void *)((uintptr_t)addr & ~(uintptr_t)4095);
	int node = -1;

	return move_pages(0, 1, &page, NULL, &node, 0) ? -errno : node;
}

static int my_pages(void *arg)
{
	struct weft_place p = {.size = sizeof(p)};
	const struct wf_worker *w = wf_rt.workers[weft_worker_id()];
	char here = 0;

	(void)arg;
	CHECK_EQ(weft_place_get((unsigned)weft_worker_id(), &p), 0);
	CHECK_EQ(node_of(&here), p.node); /* its own stack */
	CHECK_EQ(node_of(w), p.node);
	CHECK_EQ(node_of(w->near.id), p.node);
	return 0;
}

static int pages_of_each(void *arg)
{
	(void)arg;
	for (int i = 0; i < weft_workers(); i++) {
		const struct weft_co_attr attr = {
			.size = sizeof(attr), .worker = i + 1, .flags = WEFT_CO_PINNED};
		struct weft_co *co;

		CHECK_EQ(weft_spawn(my_pages, NULL, &attr, &co), 0);
		JOIN(co, 0);
	}
	return 0;
}

Test(place, pages_lie_on_the_worker_s_node)
{
	int here = 0;

	if (node_of(&here) < 0)
		cr_skip_test("the kernel does not tell nodes");
	const struct weft_options o = {.size = sizeof(o), .place = "spread"};
	int rc = weft_run(pages_of_each, NULL, &o);
	cr_assert_eq(rc, 0, "line %d; %s", rc, weft_start_error());
}

static unsigned long wished; /* nodes that pages were asked for, a bit each */

static int note_wish(void *addr, size_t len, int mode, const unsigned long *nodes,
		     unsigned long max)
{
	(void)addr;
	(void)len;
	(void)mode;
	(void)max;
	__atomic_fetch_or(&wished, nodes[0], __ATOMIC_RELAXED);
	return 0;
}

static int all_memory(int *mode, unsigned long *nodes, unsigned long max, void *addr,
		      unsigned flags)
{
	(void)addr;
	(void)max;
	nodes[0] = flags ? 3 : 0;
	if (mode)
		*mode = MPOL_DEFAULT;
	return 0;
}

static int bound_from_outside(int *mode, unsigned long *nodes, unsigned long max,
			      void *addr, unsigned flags)
{
	all_memory(mode, nodes, max, addr, flags);
	if (mode)
		*mode = MPOL_BIND;
	return 0;
}

Test(place, pages_of_both_nodes_are_asked_for)
{
	two_nodes();
	wf_sys.mbind = note_wish;
	wf_sys.get_mempolicy = all_memory;
	start("cpus:0-1", 2);
	cr_assert_eq(weft_stop(), 0);
	cr_assert_eq(wished, 3);
}

Test(place, and_none_under_a_policy_from_outside)
{
	two_nodes();
	wf_sys.mbind = note_wish;
	wf_sys.get_mempolicy = bound_from_outside;
	start("cpus:0-1", 2);
	cr_assert_eq(weft_stop(), 0);
	cr_assert_eq(wished, 0);
}
