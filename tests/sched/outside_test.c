/* SPDX-License-Identifier: MIT */
/* What was set from outside is seen, and wins. */
#include <criterion/criterion.h>
#include <errno.h>
#include <numaif.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sched/base/sys.h"
#include "sched/place/place.h"

enum { STATIC_NODES = 1 << 15 }; /* MPOL_F_STATIC_NODES of the kernel */

static struct wf_outside outside;

/* For this process, as numactl does it before it starts us. */
static void set_policy(int mode, unsigned long nodes)
{
	int rc = set_mempolicy(mode, nodes ? &nodes : NULL, nodes ? 64 : 0);

	if (rc && (errno == ENOSYS || errno == EPERM))
		cr_skip_test("memory policies are not ours to set here");
	cr_assert_eq(rc, 0);
	wf_outside_read(&outside);
}

/* On nodes 0 and 1; the latter has no memory, node 4 is the nearest that does. */
static struct wf_plan two_homes(void)
{
	static int node[] = {0, 1}, mem[] = {0, 4};

	return (struct wf_plan){
		.n_homes = 2, .node = node, .mem = mem, .outside = outside};
}

Test(outside, nothing_was_set)
{
	wf_outside_read(&outside);
	cr_assert_eq(outside.mode, MPOL_DEFAULT);
	cr_assert_str_eq(outside.nodes, "");
	cr_assert_eq(outside.n_online, (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
}

Test(outside, a_policy_is_seen_and_no_pages_are_asked_for)
{
	static const int modes[] = {MPOL_BIND, MPOL_INTERLEAVE, MPOL_PREFERRED};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		set_policy(modes[i], 1);
		cr_assert_eq(outside.mode, modes[i]);
		cr_assert_str_eq(outside.nodes, "0");
		struct wf_plan plan = two_homes();
		cr_assert_eq(wf_plan_mem(&plan, 0), -1);
		cr_assert_eq(wf_plan_mem(&plan, 1), -1);
	}
	set_policy(MPOL_DEFAULT, 0);
	cr_assert_eq(outside.mode, MPOL_DEFAULT);
}

Test(outside, flags_are_no_part_of_the_mode)
{
	set_policy(MPOL_BIND | STATIC_NODES, 1);
	cr_assert_eq(outside.mode, MPOL_BIND);
}

Test(outside, without_a_policy_the_plan_says_where)
{
	wf_outside_read(&outside);
	struct wf_plan plan = two_homes();

	cr_assert_eq(wf_plan_mem(&plan, 0), 0);
	cr_assert_eq(wf_plan_mem(&plan, 1), 4);
}

Test(outside, nodes_that_give_memory)
{
	outside.mem[0] = 5;
	outside.mem[15] = 1ull << 63;
	cr_assert(wf_outside_gives(&outside, 0));
	cr_assert(!wf_outside_gives(&outside, 1));
	cr_assert(wf_outside_gives(&outside, 2));
	cr_assert(wf_outside_gives(&outside, 1023));
	cr_assert(!wf_outside_gives(&outside, 1024));
	cr_assert(!wf_outside_gives(&outside, -1));
}

Test(outside, the_plan_carries_it)
{
	struct wf_plan plan;
	char err[256];

	set_policy(MPOL_INTERLEAVE, 1);
	cr_assert_eq(wf_plan_make(&(struct wf_plan_ask){0}, &plan, err, sizeof(err)), 0);
	cr_assert_eq(plan.outside.mode, MPOL_INTERLEAVE);
	cr_assert_eq(wf_plan_mem(&plan, 0), -1);
	wf_plan_fini(&plan);
}

static int first_allowed(cpu_set_t *set)
{
	int cpu = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(*set), set), 0);
	while (!CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

Test(outside, an_affinity_mask_wins_over_any_policy)
{
	static const char *const policy[] = {"auto", "compact", "spread", "core", "llc"};
	struct wf_plan plan;
	char err[256], list[32];
	cpu_set_t set;
	int cpu = first_allowed(&set);
	bool many = CPU_COUNT(&set) > 1;

	snprintf(list, sizeof(list), "cpus:%d", cpu);
	for (int i = cpu + 1; many && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			snprintf(list, sizeof(list), "cpus:%d", i); /* another */
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	for (unsigned i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
		const struct wf_plan_ask ask = {.place = policy[i], .workers = 3};

		cr_assert_eq(wf_plan_make(&ask, &plan, err, sizeof(err)), 0, "%s", err);
		cr_assert_eq(plan.n_allowed, 1);
		for (unsigned k = 0; k < 3; k++) {
			cr_assert_eq(plan.place[k].cpu, cpu);
			cr_assert_leq(plan.place[k].n_mask, 1);
		}
		wf_plan_fini(&plan);
	}
	if (many)
		cr_assert_eq(wf_plan_make(&(struct wf_plan_ask){.place = list}, &plan,
					  err, sizeof(err)),
			     -EINVAL);
}

/* ---- kernels that we do not have ---- */

static uint64_t nodes[16];

static int tell(int *mode, unsigned long *mask, unsigned long max, void *addr,
		unsigned flags)
{
	(void)addr;
	(void)max;
	memcpy(mask, nodes, sizeof(nodes));
	if (!flags)
		*mode = MPOL_BIND;
	return 0;
}

static int refuse(int *mode, unsigned long *mask, unsigned long max, void *addr,
		  unsigned flags)
{
	(void)mode;
	(void)max;
	(void)addr;
	(void)flags;
	memset(mask, 0xff, sizeof(nodes));
	return -ENOSYS;
}

Test(outside, lists_of_nodes)
{
	wf_sys.get_mempolicy = tell;
	nodes[0] = 0x27;
	nodes[1] = 1;
	nodes[15] = 3ull << 62;
	wf_outside_read(&outside);
	cr_assert_str_eq(outside.nodes, "0-2,5,64,1022-1023");
	cr_assert_str_eq(outside.mems, "0-2,5,64,1022-1023");
	cr_assert_eq(outside.mem[15], 3ull << 62);
	memset(nodes, 0x55, sizeof(nodes)); /* too many: cut at a comma */
	nodes[0] &= ~1ull;
	wf_outside_read(&outside);
	cr_assert_eq(strncmp(outside.nodes, "2,4,6,8,10,", 11), 0);
	cr_assert_str_eq(strrchr(outside.nodes, ','), ",44");
}

Test(outside, a_kernel_without_memory_policies)
{
	wf_sys.get_mempolicy = refuse;
	wf_outside_read(&outside);
	cr_assert_eq(outside.mode, MPOL_DEFAULT);
	cr_assert_str_eq(outside.nodes, "");
	cr_assert_str_eq(outside.mems, "");
	cr_assert(!wf_outside_gives(&outside, 0));
}
