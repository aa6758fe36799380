/* SPDX-License-Identifier: MIT */
/* Policies by name: what is understood, and what is said of the rest. */
#include "sched/place/policy.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"

static char err[256];

static int parse(const char *text, struct wf_wish *w)
{
	strcpy(err, "untouched");
	return wf_wish_parse("/nowhere", text, w, err, sizeof(err));
}

static void lists(const char *text, const int *want, unsigned n)
{
	struct wf_wish w;

	cr_assert_eq(parse(text, &w), 0, "%s: %s", text, err);
	cr_assert_eq(w.policy, WF_POLICY_CPUS);
	cr_assert_eq(w.n_cpu, n, "%s: %u", text, w.n_cpu);
	cr_assert_eq(memcmp(w.cpu, want, n * sizeof(*want)), 0, "%s", text);
	wf_wish_fini(&w);
	cr_assert_null(w.cpu);
}

Test(policy, names)
{
	static const struct {
		const char *name;
		enum wf_policy policy;
	} all[] = {{NULL, WF_POLICY_AUTO},       {"", WF_POLICY_AUTO},
		   {"auto", WF_POLICY_AUTO},     {"compact", WF_POLICY_COMPACT},
		   {"spread", WF_POLICY_SPREAD}, {"core", WF_POLICY_CORE},
		   {"llc", WF_POLICY_LLC},       {"node:0", WF_POLICY_NODE},
		   {"cpus:0-1", WF_POLICY_CPUS}};
	struct wf_wish w;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		cr_assert_eq(parse(all[i].name, &w), 0, "%s", all[i].name);
		cr_assert_eq(w.policy, all[i].policy, "%s", all[i].name);
		cr_assert_str_eq(err, "untouched");
		wf_wish_fini(&w);
	}
}

Test(policy, node_number)
{
	struct wf_wish w;

	cr_assert_eq(parse("node:1023", &w), 0);
	cr_assert_eq(w.node, 1023);
	cr_assert_eq(parse("auto", &w), 0);
	cr_assert_eq(w.node, -1);
}

Test(policy, cpu_lists_keep_their_order)
{
	lists("cpus:7", (int[]){7}, 1);
	lists("cpus:0-3,8,5", (int[]){0, 1, 2, 3, 8, 5}, 6);
	lists("cpus:4-4,2", (int[]){4, 2}, 2);
	lists("cpus:3,1-4,3", (int[]){3, 1, 2, 4}, 4);
	lists("cpus:1048575", (int[]){1048575}, 1);
}

/* Every number there can be, at once. */
Test(policy, the_longest_list, .timeout = 30)
{
	struct wf_wish w;

	cr_assert_eq(parse("cpus:0-1048575,5", &w), 0);
	cr_assert_eq(w.n_cpu, 1u << 20);
	cr_assert_eq(w.cpu[w.n_cpu - 1], 1048575);
	wf_wish_fini(&w);
}

Test(policy, a_device_and_its_node)
{
	const char *root = root_make(), *text = "near:nvme0n1";
	struct wf_wish w;

	root_write(root, "/sys/class/block/nvme0n1/numa_node", "3\n");
	cr_assert_eq(wf_wish_parse(root, text, &w, err, sizeof(err)), 0);
	cr_assert_eq(w.policy, WF_POLICY_NEAR);
	cr_assert_eq(w.node, 3);
	cr_assert_str_eq(w.device, "nvme0n1");
	root_remove(root);
}

Test(policy, nonsense_is_told_what_is_allowed)
{
	static const char *const bad[] = {
		"Auto",
		"autos",
		"aut",
		" auto",
		"auto ",
		"auto:",
		"compact:1",
		"node",
		"node:",
		"node:x",
		"node:-1",
		"node:1x",
		"node: 1",
		"node:+1",
		"node:99999999999",
		"cpus",
		"cpus:",
		"cpus:a",
		"cpus:1,",
		"cpus:,1",
		"cpus:1,,2",
		"cpus:1-",
		"cpus:-1",
		"cpus:3-2",
		"cpus:1-2-3",
		"cpus:1;2",
		"cpus:1048576",
		"cpus:1, 2",
		"cpus:0-4294967296",
		"near",
		":",
		"cpu:1",
		"1",
		"cpus:0x1",
	};
	struct wf_wish w;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(parse(bad[i], &w), -EINVAL, "%s", bad[i]);
		cr_assert_not_null(strstr(err, bad[i]), "%s", err);
		for (const char *const *name =
			     (const char *const[]){"auto", "compact", "spread", "core",
						   "llc", "node:N", "cpus:LIST",
						   "near:DEVICE", NULL};
		     *name; name++)
			cr_assert_not_null(strstr(err, *name), "%s: %s", *name, err);
	}
}

Test(policy, no_such_device_says_where_they_are)
{
	struct wf_wish w;

	cr_assert_eq(parse("near:eth0", &w), -EINVAL);
	cr_assert_not_null(strstr(err, "near:eth0"));
	cr_assert_not_null(strstr(err, "/sys/class/net"));
	cr_assert_not_null(strstr(err, "/sys/class/block"));
}

Test(policy, the_sentence_is_cut_to_the_room)
{
	char small[8];
	struct wf_wish w;

	memset(small, 'x', sizeof(small));
	cr_assert_eq(wf_wish_parse("", "nonsense", &w, small, 5), -EINVAL);
	cr_assert_str_eq(small, "WEFT");
	cr_assert_eq(small[5], 'x');
}
