/* SPDX-License-Identifier: MIT */
/* The plan in words. */
#include <criterion/criterion.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/place/place.h"

static struct wf_place place[4];
static int mem[2];
static struct wf_plan plan;
static char text[2048];

static void setup(void)
{
	for (unsigned i = 0; i < 4; i++)
		place[i] = (struct wf_place){.cpu = 40 + (int)i, .node = (int)i / 2};
	place[1].sibling = true;
	place[2].shared = place[2].sibling = true;
	place[3].n_mask = 8;
	plan = (struct wf_plan){.n_workers = 4,
				.place = place,
				.n_homes = 2,
				.mem = mem,
				.n_allowed = 12,
				.asked = "spread",
				.outside = {.n_online = 12}};
}

static void tell(void)
{
	int n = wf_plan_text(&plan, text, sizeof(text));

	cr_assert_eq(n, (int)strlen(text));
	cr_assert_eq(text[n - 1], '\n');
}

static bool says(const char *what)
{
	return strstr(text, what) != NULL;
}

/* The line of a worker. */
static const char *line(unsigned worker)
{
	static char found[256];
	char *at = strstr(text, "\nworker");
	unsigned id;

	while (at && (at = strchr(at + 1, '\n')))
		if (sscanf(at, "%u %255[^\n]", &id, found) == 2 && id == worker)
			return found;
	return "";
}

TestSuite(text, .init = setup);

Test(text, policy_and_each_worker_with_a_reason)
{
	tell();
	cr_assert_eq(strncmp(text, "placement: spread\n", 18), 0);
	cr_assert(!says("note"));
	cr_assert(strstr(line(0), "40 ") == line(0), "%s", line(0));
	cr_assert_not_null(strstr(line(0), "a core of its own"));
	cr_assert_not_null(strstr(line(1), "shares its core"));
	cr_assert_not_null(strstr(line(2), "shares its CPU"));
	cr_assert_not_null(strstr(line(3), "all CPUs below the cache"));
	cr_assert(strstr(line(3), "43 ") == line(3));
	cr_assert_str_eq(line(4), "");
}

Test(text, what_could_not_be_had)
{
	strcpy(plan.note, "sysfs does not tell the node of eth0");
	tell();
	cr_assert(says("note: sysfs does not tell the node of eth0\n"));
}

Test(text, cpus_and_quota)
{
	tell();
	cr_assert(says("CPUs: 12 allowed\n"));
	plan.outside.n_online = 64;
	plan.quota_milli = 2050;
	tell();
	cr_assert(says("CPUs: 12 allowed of 64, by taskset"));
	cr_assert(says("quota 2.050\n"));
}

Test(text, memory)
{
	tell();
	cr_assert(says("memory: of each worker's node"));
	cr_assert(!says("from outside"));
	plan.n_homes = 1;
	tell();
	cr_assert(says("memory: of each worker's node"));
	mem[0] = -1;
	tell();
	cr_assert(says("memory: of the only node that has any"));
}

Test(text, memory_set_from_outside)
{
	static const struct {
		int mode;
		const char *name;
	} all[] = {{MPOL_BIND, "policy bind of nodes 0-3"},
		   {MPOL_INTERLEAVE, "policy interleave"},
		   {MPOL_PREFERRED, "policy preferred"},
		   {MPOL_LOCAL, "policy local"},
		   {99, "policy unknown"}};

	strcpy(plan.outside.nodes, "0-3");
	strcpy(plan.outside.mems, "0-5");
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		plan.outside.mode = all[i].mode;
		tell();
		cr_assert(says(all[i].name), "%s", text);
		cr_assert(says("set from outside"));
		cr_assert(!says("worker's node"));
	}
	cr_assert(says("nodes with memory for this process: 0-5"));
}

Test(text, not_bound)
{
	place[0].cpu = -1;
	tell();
	cr_assert_str_eq(line(0), "not bound");
}

Test(text, any_room)
{
	char cut[sizeof(text)];

	tell();
	size_t whole = strlen(text);
	cr_assert_eq(wf_plan_text(&plan, NULL, 0), (int)whole);
	for (size_t size = 1; size <= whole + 1; size++) {
		memset(cut, 'x', sizeof(cut));
		cr_assert_eq(wf_plan_text(&plan, cut, size), (int)whole);
		cr_assert_eq(strlen(cut), size - 1);
		cr_assert_eq(strncmp(cut, text, size - 1), 0);
		cr_assert_eq(cut[size], 'x');
	}
}
