/* SPDX-License-Identifier: MIT */
/* Plans by policy, on machines of many nodes that we do not have. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>

#include "machine.h"

/* Eight nodes, two on a package; each has two caches of two cores of two CPUs. */
#define EIGHT "pack:4 numa:2 l3:2 core:2 pu:2"

enum { N_CPUS = 64, TURNS = 20 };

static int cpus[N_CPUS];
static unsigned n_cpus;
static struct wf_plan plan;
static char err[256];

static void setup(void)
{
	cr_assert_eq(setenv("HWLOC_SYNTHETIC", EIGHT, 1), 0);
	n_cpus = N_CPUS;
	for (int i = 0; i < N_CPUS; i++)
		cpus[i] = i;
}

static int make_at(const char *root, const char *policy, unsigned workers, unsigned turn)
{
	wf_plan_fini(&plan);
	return wf_plan_of(&(struct wf_plan_ask){.root = root,
						.place = policy,
						.workers = workers,
						.allowed = cpus,
						.n_allowed = n_cpus,
						.turn = turn * 2654435761u},
			  &plan, err, sizeof(err));
}

static void make(const char *policy, unsigned workers, unsigned turn)
{
	cr_assert_eq(make_at("/nowhere", policy, workers, turn), 0, "%s", err);
	cr_assert_str_eq(plan.asked, policy);
}

static int cpu(unsigned worker)
{
	return plan.place[worker].cpu;
}

/* How many of the first n workers are on different CPUs / width. */
static unsigned different(unsigned n, int width)
{
	bool seen[N_CPUS] = {false};
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		found += !seen[cpu(i) / width];
		seen[cpu(i) / width] = true;
	}
	return found;
}

TestSuite(plan, .init = setup);

Test(plan, places_say_what_they_share)
{
	make("cpus:0-63", 0, 0);
	for (unsigned i = 0; i < N_CPUS; i++) {
		const struct wf_place *p = &plan.place[i], *q = &plan.place[i ^ 1];

		cr_assert_eq(p->node, (int)i / 8);
		cr_assert_eq(p->package, i / 16);
		cr_assert_eq(p->core, q->core);
		cr_assert_eq(p->cache == plan.place[0].cache, i < 4);
		cr_assert_eq(p->sibling, i % 2);
		cr_assert(!p->shared && !p->mask);
	}
}

Test(plan, compact_fills_core_by_core)
{
	for (unsigned turn = 0; turn < TURNS; turn++)
		for (unsigned n = 2; n <= 32; n += 2) {
			make("compact", n, turn);
			cr_assert_eq(plan.policy, WF_POLICY_COMPACT);
			cr_assert_eq(different(n, 1), n);
			cr_assert_eq(different(n, 2), n / 2);
			cr_assert_eq(different(n, 4), (n + 3) / 4);
			cr_assert_eq(different(n, 8), (n + 7) / 8);
			for (unsigned i = 0; i < n; i += 2)
				cr_assert_eq(plan.place[i].core, plan.place[i + 1].core);
		}
}

Test(plan, spread_goes_round_packages_nodes_caches_cores_siblings)
{
	for (unsigned turn = 0; turn < TURNS; turn++) {
		make("spread", 0, turn);
		cr_assert_eq(plan.n_workers, N_CPUS);
		cr_assert_eq(different(4, 16), 4);
		cr_assert_eq(different(8, 8), 8);
		cr_assert_eq(different(16, 4), 16);
		cr_assert_eq(different(32, 2), 32);
		cr_assert_eq(different(64, 1), 64);
	}
}

Test(plan, spread_keeps_its_order_for_few)
{
	for (unsigned turn = 0; turn < TURNS; turn++) {
		make("spread", 3, turn);
		cr_assert_eq(different(3, 16), 3);
		make("spread", 6, turn);
		cr_assert_eq(different(6, 8), 6);
		cr_assert_eq(plan.n_homes, 6);
	}
}

Test(plan, core_takes_no_sibling)
{
	bool second = false;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		make("core", 0, turn);
		cr_assert_eq(plan.n_workers, 32);
		cr_assert_eq(different(32, 2), 32);
		for (unsigned i = 0; i < 32; i++) {
			cr_assert(!plan.place[i].sibling);
			second |= cpu(i) % 2;
		}
	}
	cr_assert(second, "always the first CPU of a core");
}

Test(plan, core_shares_when_asked_for_more)
{
	make("core", 40, 1);
	cr_assert_eq(plan.n_workers, 40);
	for (unsigned i = 0; i < 40; i++) {
		cr_assert_eq(cpu(i), cpu(i % 32));
		cr_assert_eq(plan.place[i].shared, i >= 32);
	}
}

Test(plan, llc_binds_to_what_is_allowed_below_the_cache)
{
	cpus[0] = 1; /* of the first cache CPUs 1, 2, 3 */
	cpus[1] = 2;
	cpus[2] = 3;
	for (int i = 3; i < 7; i++)
		cpus[i] = i + 9;
	n_cpus = 7; /* and 12 .. 15 */
	make("llc", 0, 3);
	cr_assert_eq(plan.n_workers, 7);
	for (unsigned i = 0; i < 7; i++) {
		const struct wf_place *p = &plan.place[i];
		bool own = false;

		cr_assert_eq(p->n_mask, p->cpu < 4 ? 3 : 4);
		for (unsigned k = 0; k < p->n_mask; k++) {
			cr_assert_eq(p->mask[k] / 4, p->cpu / 4);
			cr_assert(p->mask[k] > 0);
			own |= p->mask[k] == p->cpu;
		}
		cr_assert(own);
	}
}

Test(plan, node_takes_only_its_own)
{
	for (unsigned turn = 0; turn < TURNS; turn++) {
		make("node:5", 0, turn);
		cr_assert_eq(plan.n_workers, 8);
		cr_assert_eq(different(8, 1), 8);
		for (unsigned i = 0; i < 8; i++)
			cr_assert_eq(plan.place[i].node, 5);
		cr_assert_eq(plan.n_homes, 1);
		cr_assert_eq(plan.node[0], 5);
		cr_assert_eq(wf_plan_home(&plan, 5), 0);
		cr_assert_eq(wf_plan_home(&plan, 4), -EINVAL);
	}
	make("node:2", 9, 0);
	cr_assert(plan.place[8].shared);
	cr_assert_eq(plan.place[8].node, 2);
}

static void refused(const char *policy, const char *why)
{
	cr_assert_eq(make_at("/nowhere", policy, 0, 0), -EINVAL, "%s", policy);
	cr_assert_not_null(strstr(err, policy), "%s", err);
	cr_assert_not_null(strstr(err, why), "%s", err);
	cr_assert_null(plan.place);
}

Test(plan, node_that_is_not_ours_is_refused)
{
	refused("node:8", "node 8");
	n_cpus = 16;
	refused("node:2", "node 2");
	refused("no such policy", "allowed are auto");
}

Test(plan, cpus_in_the_order_of_the_list)
{
	static const int want[] = {63, 2, 3, 4, 0, 9};

	make("cpus:63,2-4,0,9", 0, 7);
	cr_assert_eq(plan.n_workers, 6);
	for (unsigned i = 0; i < 6; i++)
		cr_assert_eq(cpu(i), want[i]);
	make("cpus:63,2-4,0,9", 2, 7);
	cr_assert_eq(plan.n_workers, 2);
	cr_assert_eq(cpu(0), 63);
	cr_assert_eq(cpu(1), 2);
	make("cpus:63,2-4,0,9", 8, 7);
	cr_assert_eq(cpu(6), 63);
	cr_assert(plan.place[6].shared);
}

Test(plan, a_cpu_that_is_not_allowed_is_refused)
{
	refused("cpus:0,64", "CPU 64");
	cpus[1] = 63; /* CPU 1 is not allowed */
	n_cpus = 2;
	refused("cpus:0,1", "CPU 1 ");
	make("cpus:63,0", 0, 0);
	cr_assert_eq(cpu(0), 63);
}

/* ---- near:DEVICE ---- */

static const char *device_root(const char *node)
{
	const char *root = root_make();

	root_write(root, "/sys/devices/pci0/net/eth0/address", "");
	root_write(root, "/sys/devices/pci0/numa_node", node);
	root_link(root, "/sys/class/net/eth0", "/sys/devices/pci0/net/eth0");
	return root;
}

Test(plan, near_takes_the_node_of_the_device)
{
	const char *root = device_root("6\n");

	for (unsigned turn = 0; turn < TURNS; turn++) {
		cr_assert_eq(make_at(root, "near:eth0", 0, turn), 0, "%s", err);
		cr_assert_eq(plan.policy, WF_POLICY_NEAR);
		cr_assert_eq(plan.n_workers, 8);
		cr_assert_str_eq(plan.note, "");
		for (unsigned i = 0; i < 8; i++)
			cr_assert_eq(plan.place[i].node, 6);
	}
	root_remove(root);
}

Test(plan, near_with_more_workers_goes_on_elsewhere)
{
	const char *root = device_root("6\n");

	for (unsigned turn = 0; turn < TURNS; turn++) {
		cr_assert_eq(make_at(root, "near:eth0", 12, turn), 0, "%s", err);
		cr_assert_eq(different(12, 1), 12);
		for (unsigned i = 0; i < 12; i++)
			cr_assert_eq(plan.place[i].node == 6, i < 8, "%u", i);
	}
	root_remove(root);
}

Test(plan, near_a_node_without_allowed_cpus_says_so)
{
	const char *root = device_root("6\n");

	n_cpus = 16;
	cr_assert_eq(make_at(root, "near:eth0", 0, 3), 0, "%s", err);
	cr_assert_eq(plan.n_workers, 8);
	cr_assert_eq(different(8, 8), 1);
	cr_assert_not_null(strstr(plan.note, "eth0"));
	cr_assert_not_null(strstr(plan.note, "node 6"));
	root_remove(root);
}

Test(plan, near_a_device_of_no_known_node_is_auto_and_says_so)
{
	const char *root = device_root("-1\n");

	cr_assert_eq(make_at(root, "near:eth0", 0, 3), 0, "%s", err);
	cr_assert_eq(plan.policy, WF_POLICY_AUTO);
	cr_assert_eq(plan.n_workers, N_CPUS);
	cr_assert_not_null(strstr(plan.note, "does not tell"));
	root_remove(root);
}

Test(plan, near_no_such_device_is_refused)
{
	refused("near:eth0", "no such network interface");
}

/* ---- numbers of workers ---- */

Test(plan, later_workers_have_their_places)
{
	struct wf_plan_ask ask = {.root = "/nowhere",
				  .allowed = cpus,
				  .n_allowed = N_CPUS,
				  .quota_milli = 2500};

	cr_assert_eq(wf_plan_of(&ask, &plan, err, sizeof(err)), 0);
	cr_assert_eq(plan.n_start, 3); /* as far as the quota feeds */
	cr_assert_eq(plan.n_workers, N_CPUS);
	cr_assert_eq(different(N_CPUS, 1), N_CPUS);
	cr_assert_eq(different(3, 4), 1);
	wf_plan_fini(&plan);
	ask.workers = 4;
	cr_assert_eq(wf_plan_of(&ask, &plan, err, sizeof(err)), 0);
	cr_assert_eq(plan.n_start, 4);
	cr_assert_eq(plan.n_workers, 4);
	wf_plan_fini(&plan);
	ask.most = 70;
	cr_assert_eq(wf_plan_of(&ask, &plan, err, sizeof(err)), 0);
	cr_assert_eq(plan.n_start, 4);
	cr_assert_eq(plan.n_workers, 70);
	cr_assert(!plan.place[63].shared && plan.place[64].shared);
	wf_plan_fini(&plan);
	ask.most = 2;
	cr_assert_eq(wf_plan_of(&ask, &plan, err, sizeof(err)), 0);
	cr_assert_eq(plan.n_workers, 4);
}

/* Homes are numbered by the first worker of each, and each knows its workers. */
Test(plan, homes)
{
	static const unsigned home[] = {0, 1, 0, 1, 2}, first[] = {0, 2, 4, 5},
			      by_home[] = {0, 2, 1, 3, 4};

	make("cpus:40,0,41,1,8", 0, 0);
	cr_assert_eq(plan.n_homes, 3);
	cr_assert_eq(plan.node[0], 5);
	cr_assert_eq(plan.node[1], 0);
	cr_assert_eq(plan.node[2], 1);
	for (unsigned i = 0; i < 5; i++)
		cr_assert_eq(plan.place[i].home, home[i]);
	cr_assert_eq(memcmp(plan.first, first, sizeof(first)), 0);
	cr_assert_eq(memcmp(plan.by_home, by_home, sizeof(by_home)), 0);
	for (unsigned i = 0; i < 9; i++)
		cr_assert_eq(plan.far[i], i % 4 ? 20 : 10);
}

Test(plan, not_bound_is_on_no_node)
{
	const struct wf_plan_ask ask = {.root = "/nowhere",
					.place = "spread",
					.allowed = cpus,
					.n_allowed = N_CPUS,
					.loose = true,
					.workers = 3};

	cr_assert_eq(wf_plan_of(&ask, &plan, err, sizeof(err)), 0);
	cr_assert_eq(plan.n_homes, 1);
	cr_assert_eq(plan.node[0], -1);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(cpu(i), -1);
		cr_assert_eq(plan.place[i].node, -1);
		cr_assert_eq(plan.place[i].core, i);
	}
}
