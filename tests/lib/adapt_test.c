/* SPDX-License-Identifier: MIT */
/* The width follows a real cgroup, where the test may make one (as root; version 1 or 2). */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"

static char group[128];

static bool put(const char *dir, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Move into a new group below `root` that has the file `file`. */
static bool enter_below(const char *root, const char *file)
{
	char pid[16], path[256];

	snprintf(group, sizeof(group), "%s/weft-test-%d", root, getpid());
	snprintf(pid, sizeof(pid), "%d", getpid());
	if (mkdir(group, 0755))
		return false;
	snprintf(path, sizeof(path), "%s/%s", group, file);
	if (access(path, W_OK) == 0 &&
	    (strcmp(file, "cpuset.cpus") != 0 ||
	     (put(group, "cpuset.cpus", "0-1") && put(group, "cpuset.mems", "0"))) &&
	    put(group, "cgroup.procs", pid))
		return true;
	rmdir(group);
	return false;
}

/* Where the group is, or NULL. */
static const char *enter(const char *v1, const char *file_v1, const char *file_v2)
{
	if (enter_below(v1, file_v1))
		return v1;
	if (!put("/sys/fs/cgroup", "cgroup.subtree_control", "+cpu +cpuset"))
		return NULL;
	return enter_below("/sys/fs/cgroup", file_v2) ? "/sys/fs/cgroup" : NULL;
}

static void leave(const char *root)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	put(root, "cgroup.procs", pid);
	rmdir(group);
}

/* Until the width is n, which it must come to be. */
static int await_width(int n)
{
	for (int i = 0; i < 2000 && weft_workers() != n; i++)
		CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_workers(), n);
	return 0;
}

static int follow_cpuset(void *arg)
{
	(void)arg;
	CHECK_EQ(await_width(2), 0);
	CHECK(put(group, "cpuset.cpus", "1"));
	CHECK_EQ(await_width(1), 0);
	CHECK(put(group, "cpuset.cpus", "0-1"));
	CHECK_EQ(await_width(2), 0);
	CHECK(put(group, "cpuset.cpus", "0"));
	CHECK_EQ(await_width(1), 0);
	return 0;
}

static const char *quota_file;

static bool quota(const char *v1, const char *v2)
{
	return put(group, quota_file, strcmp(quota_file, "cpu.max") == 0 ? v2 : v1);
}

static int follow_quota(void *arg)
{
	(void)arg;
	CHECK_EQ(await_width(2), 0);
	CHECK(quota("100000", "100000 100000"));
	CHECK_EQ(await_width(1), 0);
	CHECK(quota("150000", "150000 100000"));
	CHECK_EQ(await_width(2), 0);
	CHECK(quota("50000", "50000 100000"));
	CHECK_EQ(await_width(1), 0);
	CHECK(quota("-1", "max 100000"));
	CHECK_EQ(await_width(2), 0);
	return 0;
}

static int follow(int (*fn)(void *))
{
	const struct weft_options o = {.size = sizeof(o), .adapt_ms = 10};

	return weft_run(fn, NULL, &o);
}

Test(adapt, the_width_follows_the_cpuset, .timeout = 60)
{
	const char *root =
		sysconf(_SC_NPROCESSORS_ONLN) < 2
			? NULL
			: enter("/sys/fs/cgroup/cpuset", "cpuset.cpus", "cpuset.cpus");

	if (!root)
		cr_skip_test("no cgroup with a cpuset can be made here");
	int rc = follow(follow_cpuset);
	leave(root);
	cr_assert_eq(rc, 0, "status or line %d; %s", rc, weft_start_error());
}

Test(adapt, the_width_follows_the_quota, .timeout = 60)
{
	const char *root = enter("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "cpu.max");

	if (!root || sysconf(_SC_NPROCESSORS_ONLN) != 2)
		cr_skip_test("no cgroup with a CPU quota can be made here, or there are "
			     "not two CPUs");
	quota_file = strcmp(root, "/sys/fs/cgroup") == 0 ? "cpu.max" : "cpu.cfs_quota_us";
	int rc = follow(follow_quota);
	leave(root);
	cr_assert_eq(rc, 0, "status or line %d; %s", rc, weft_start_error());
}

/* Who chose a number has chosen; and while nobody asks, there is no thread to look. */
static int count_named(void)
{
	int n = 0;
	char path[64], name[32] = "";

	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/comm", getpid() + i);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		memset(name, 0, sizeof(name));
		if (read(fd, name, sizeof(name) - 1) > 0)
			n += strcmp(name, "weft/monitor\n") == 0;
		close(fd);
	}
	return n;
}

/* It names itself when it has begun. */
static int count_threads(void *want)
{
	for (int i = 0; i < 500 && count_named() != (want != NULL); i++)
		CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	return count_named();
}

Test(adapt, who_chose_a_number_has_chosen)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2};

	cr_assert_eq(weft_run(count_threads, NULL, &o), 0);
	o.adapt_ms = 100;
	cr_assert_eq(weft_run(count_threads, &o, &o), 1);
	o = (struct weft_options){.size = sizeof(o)};
	cr_assert_eq(weft_run(count_threads, &o, &o), 1);
	o.adapt_ms = -1;
	cr_assert_eq(weft_run(count_threads, NULL, &o), 0);
}
