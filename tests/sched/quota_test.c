/* SPDX-License-Identifier: MIT */
/*
 * The CPU quota, read from made-up trees: version 1 and 2, nested groups, bind mounts,
 * namespaces, and files that make no sense. Not covered: that a kernel writes such trees.
 */
#include "sched/place/place.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/weft-quota-XXXXXX";

static void tree_make(void)
{
	cr_assert(mkdtemp(root) != NULL);
}

static int rm_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void tree_remove(void)
{
	nftw(root, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(quota, .init = tree_make, .fini = tree_remove);

/* A file below root, with its directories. */
static void put(const char *path, const char *text)
{
	char full[1024];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "w");
	cr_assert(f != NULL, "%s", full);
	fputs(text, f);
	fclose(f);
}

static unsigned quota(void)
{
	unsigned milli = 77;

	cr_assert(wf_quota_read(root, &milli) == 0);
	return milli;
}

#define MOUNT_V2 "30 1 0:1 / /cg rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
#define MOUNT_V1 "31 1 0:2 / /v1/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"

static void in_v2(const char *group)
{
	char line[256];

	snprintf(line, sizeof(line), "0::%s\n", group);
	put("/proc/self/cgroup", line);
	put("/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n" MOUNT_V2);
}

static void in_v1(const char *group)
{
	char lines[256];

	snprintf(lines, sizeof(lines),
		 "3:cpuset:/other\n2:cpu,cpuacct:%s\n1:name=systemd:/x\n", group);
	put("/proc/self/cgroup", lines);
	put("/proc/self/mountinfo",
	    "29 1 0:3 / /v1/cpuset rw - cgroup cgroup rw,cpuset\n" MOUNT_V1);
}

Test(quota, no_proc_no_limit)
{
	cr_assert(quota() == 0);
}

Test(quota, v2_simple)
{
	in_v2("/a");
	put("/cg/a/cpu.max", "250000 100000\n");
	cr_assert(quota() == 2500);
}

Test(quota, v2_max_is_none)
{
	in_v2("/a");
	put("/cg/a/cpu.max", "max 100000\n");
	cr_assert(quota() == 0);
}

Test(quota, v2_smallest_of_the_path_wins)
{
	in_v2("/a/b/c");
	put("/cg/a/b/c/cpu.max", "400000 100000\n");
	put("/cg/a/b/cpu.max", "max 100000\n");
	put("/cg/a/cpu.max", "150000 100000\n");
	put("/cg/cpu.max", "300000 100000\n");
	put("/cg/z/cpu.max", "1000 100000\n"); /* not ours */
	cr_assert(quota() == 1500);
	put("/cg/a/b/c/cpu.max", "120000 100000\n");
	cr_assert(quota() == 1200);
	put("/cg/cpu.max", "50000 100000\n"); /* the mount's own level counts, too */
	cr_assert(quota() == 500);
}

Test(quota, v2_namespace_sees_its_root)
{
	in_v2("/");
	put("/cg/cpu.max", "350000 100000\n");
	cr_assert(quota() == 3500);
}

Test(quota, v2_group_outside_the_namespace)
{
	in_v2("/../sibling");
	put("/cg/cpu.max", "200000 100000\n");
	put("/sibling/cpu.max", "1000 100000\n"); /* what ".." would reach */
	cr_assert(quota() == 2000);
}

Test(quota, v2_dots_in_a_name_are_a_name)
{
	in_v2("/..a");
	put("/cg/..a/cpu.max", "200000 100000\n");
	cr_assert(quota() == 2000);
}

Test(quota, rounded_up_and_never_to_none)
{
	in_v2("/a");
	put("/cg/a/cpu.max", "1 1000000\n");
	cr_assert(quota() == 1);
	put("/cg/a/cpu.max", "100001 100000\n");
	cr_assert(quota() == 1001);
}

Test(quota, v1_simple)
{
	in_v1("/job");
	put("/v1/cpu/job/cpu.cfs_quota_us", "175000\n");
	put("/v1/cpu/job/cpu.cfs_period_us", "50000\n");
	cr_assert(quota() == 3500);
}

Test(quota, v1_nested_and_minus_one)
{
	in_v1("/up/job");
	put("/v1/cpu/up/job/cpu.cfs_quota_us", "-1\n");
	put("/v1/cpu/up/job/cpu.cfs_period_us", "100000\n");
	cr_assert(quota() == 0);
	put("/v1/cpu/up/cpu.cfs_quota_us", "50000\n");
	put("/v1/cpu/up/cpu.cfs_period_us", "100000\n");
	cr_assert(quota() == 500);
}

Test(quota, v1_container_sees_its_group_as_the_mount)
{
	put("/proc/self/cgroup", "2:cpu,cpuacct:/docker/f00\n");
	put("/proc/self/mountinfo",
	    "31 1 0:2 /docker/f00 /v1/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
	put("/v1/cpu/cpu.cfs_quota_us", "200000\n");
	put("/v1/cpu/cpu.cfs_period_us", "100000\n");
	put("/v1/cpu/docker/f00/cpu.cfs_quota_us", "1000\n");
	put("/v1/cpu/docker/f00/cpu.cfs_period_us", "100000\n");
	cr_assert(quota() == 2000);
}

Test(quota, group_not_below_the_mount)
{
	put("/proc/self/cgroup", "0::/docker/f00d\n");
	put("/proc/self/mountinfo", "30 1 0:1 /docker/f00 /cg rw - cgroup2 cgroup2 rw\n");
	put("/cg/cpu.max", "200000 100000\n");
	cr_assert(quota() == 2000);
}

Test(quota, the_mount_that_shows_most_is_used)
{
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/proc/self/mountinfo",
	    "28 1 0:1 /x /wrong rw - cgroup2 cgroup2 rw\n"
	    "29 1 0:1 /a/b /narrow rw - cgroup2 cgroup2 rw\n" MOUNT_V2);
	put("/wrong/cpu.max", "1000 100000\n");
	put("/narrow/cpu.max", "300000 100000\n");
	put("/cg/a/b/cpu.max", "300000 100000\n");
	put("/cg/a/cpu.max", "100000 100000\n");
	cr_assert(quota() == 1000);
}

Test(quota, both_versions_the_smaller_wins)
{
	put("/proc/self/cgroup", "2:cpu:/job\n0::/job\n");
	put("/proc/self/mountinfo", MOUNT_V1 MOUNT_V2);
	put("/cg/job/cpu.max", "300000 100000\n");
	put("/v1/cpu/job/cpu.cfs_quota_us", "200000\n");
	put("/v1/cpu/job/cpu.cfs_period_us", "100000\n");
	cr_assert(quota() == 2000);
	put("/cg/job/cpu.max", "100000 100000\n");
	cr_assert(quota() == 1000);
}

Test(quota, mount_point_with_a_space)
{
	put("/proc/self/cgroup", "0::/a\n");
	put("/proc/self/mountinfo", "30 1 0:1 / /c\\040g\\134 rw - cgroup2 none rw\n");
	put("/c g\\/a/cpu.max", "200000 100000\n");
	cr_assert(quota() == 2000);
}

Test(quota, nonsense_in_a_limit_is_none)
{
	static const char *const bad[] = {
		"",
		"\n",
		"0 100000\n",
		"-5 100000\n",
		"100000\n",
		"100000 0\n",
		"100000 x\n",
		"1e5 100000\n",
		"100000 100000 100000\n",
		" 100000 100000\n",
		"99999999999999999999999999 100000\n",
		"18446744073709551615 18446744073709551615\n",
		"1000000000000000 1\n",
		"11111111111111111111111111111111111111111111111111111111111111111\n",
	};

	in_v2("/a");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("/cg/a/cpu.max", bad[i]);
		cr_assert(quota() == 0, "%s", bad[i]);
	}
}

Test(quota, nonsense_in_proc_is_none)
{
	static const char *const bad[] = {
		"",  "\n",    ":::\n",  "0:\n",   "0::\n", "0::relative\n",
		"0", "0:cpu", "\xff\n", "::/a\n",
	};

	in_v2("/a");
	put("/cg/a/cpu.max", "100000 100000\n");
	put("/cg/cpu.max", "100000 100000\n");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("/proc/self/cgroup", bad[i]);
		cr_assert(quota() == 0, "cgroup: %s", bad[i]);
	}
}

Test(quota, nonsense_in_mountinfo_is_none)
{
	static const char *const bad[] = {
		"",
		"\n",
		" - \n",
		" - cgroup2\n",
		"30 1 0:1 / - cgroup2 cgroup2 rw\n",
		"30 1 0:1 / /cg rw cgroup2 cgroup2 rw\n",
		"30 1 0:1 / /cg rw - \n",
		"30 1 0:1 / /cg rw - cgroup\n",
		"30 1 0:1 / /cg rw - cgroup cgroup\n",
		"30 1 0:1 / /cg\\0 rw - cgroup2 cgroup2 rw\n",
	};

	in_v2("/a");
	put("/cg/a/cpu.max", "100000 100000\n");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("/proc/self/mountinfo", bad[i]);
		cr_assert(quota() == 0, "mountinfo: %s", bad[i]);
	}
}

Test(quota, this_machine_answers)
{
	unsigned milli = 0;

	cr_assert(wf_quota_read("", &milli) == 0);
}
