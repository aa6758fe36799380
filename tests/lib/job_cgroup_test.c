/* SPDX-License-Identifier: MIT */
/* Memory limits by cgroups, in one that the test makes (as root, version 2). */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "job_pool.h"

#define ROOT "/sys/fs/cgroup"

static char group[64];

static bool put(const char *dir, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;
	if (fd >= 0)
		close(fd);
	return good;
}

/* How many groups are below ours; -1: it is not there. */
static int groups(void)
{
	DIR *d = opendir(group);
	int n = 0;

	if (!d)
		return -1;
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_type == DT_DIR && e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void leave(void)
{
	if (group[0])
		rmdir(group);
}

static struct weft_job_pool_options limited(void)
{
	struct weft_job_pool_options o = options();

	snprintf(group, sizeof(group), ROOT "/weft_cgroup_test.%d", getpid());
	put(ROOT, "cgroup.subtree_control", "+memory");
	if (mkdir(group, 0755) || access(ROOT "/cgroup.controllers", R_OK) ||
	    !put(group, "cgroup.subtree_control", "+memory")) {
		leave();
		cr_skip_test("no cgroup with the memory controller can be made here");
	}
	o.cgroup = group;
	o.memory_bytes = 32 << 20;
	return o;
}

TestSuite(job_cgroup, .fini = leave, .timeout = 60);

/* What touches too much is killed, and that is said; what only maps much is not. */
Test(job_cgroup, memory_is_counted_when_touched)
{
	static const uint32_t profiles[] = {WEFT_JOB_NONE, WEFT_JOB_PURE};
	struct weft_job_pool_options o = limited();
	struct weft_job_error e = {.size = sizeof(e)};

	for (int i = 0; i < 2; i++) {
		o.profile = profiles[i];
		open_or_skip(&o);
		for (int j = 0; j < 3; j++) {
			cr_assert_eq(call("map_much", &e), 0);
			cr_assert_eq(call("eat", &e), -ENOMEM);
			cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_MEMORY);
			cr_assert_eq(e.signal, SIGKILL);
		}
		cr_assert_eq(groups(), 1);
		close_pool();
		cr_assert_eq(groups(), 0);
	}
}

/* A child that eats takes its job along, and it is no other's fault. */
Test(job_cgroup, children_count_too)
{
	struct weft_job_pool_options o = limited();
	struct weft_job_error e = {.size = sizeof(e)};

	open_pool(&o);
	cr_assert_eq(call("eat_in_child", &e), -ENOMEM);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_MEMORY);
	cr_assert_eq(call("nothing", &e), 0);
	close_pool();
}

/* Any other death is not put down to memory. */
Test(job_cgroup, other_kills_are_told_apart)
{
	struct weft_job_pool_options o = limited();
	struct weft_job_error e = {.size = sizeof(e)};

	open_pool(&o);
	cr_assert_eq(call("eat", &e), -ENOMEM);
	cr_assert_eq(call("kill_me", &e), -ECHILD);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_SIGNAL);
	cr_assert_eq(e.signal, SIGKILL);
	close_pool();
}

/* Its host was killed: the next pool there clears up, and leaves alone what lives. */
Test(job_cgroup, what_the_dead_left_is_removed)
{
	struct weft_job_pool_options o = limited();
	struct weft_job_pool *other;
	int status;
	pid_t host = fork();

	if (!host) {
		open_pool(&o);
		kill(getpid(), SIGKILL);
	}
	cr_assert_eq(waitpid(host, &status, 0), host);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(groups(), 1);
	open_pool(&o);
	cr_assert_eq(groups(), 1);
	cr_assert_eq(weft_job_pool_open(&o, &other), 0);
	cr_assert_eq(groups(), 2);
	cr_assert_eq(call("nothing", NULL), 0);
	weft_job_pool_close(other, WEFT_NEVER);
	close_pool();
	cr_assert_eq(groups(), 0);
}

static void fails(const struct weft_job_pool_options *o, int error, const char *part)
{
	cr_assert_eq(weft_job_pool_open(o, &pool), error);
	cr_assert_not_null(strstr(weft_job_pool_error(), part), "%s",
			   weft_job_pool_error());
}

/* Needs no cgroup at all: the words, and the other limit. */
Test(job_cgroup, where_it_cannot_be)
{
	struct weft_job_pool_options o = options();
	struct weft_job_error e = {.size = sizeof(e)};

	o.cgroup = "/nowhere/at/all";
	fails(&o, -EINVAL, "options");
	o.memory_bytes = 64 << 20;
	fails(&o, -ENOENT, "/nowhere/at/all cannot be opened");
	char here[] = "/tmp/weft_cgroup_XXXXXX";
	cr_assert_not_null(mkdtemp(here));
	o.cgroup = here;
	cr_assert_lt(weft_job_pool_open(&o, &pool), 0);
	cr_assert_not_null(strstr(weft_job_pool_error(), "memory controller"));
	cr_assert_eq(rmdir(here), 0); /* nothing is left there */
	if (SANITIZED)
		return;
	o.flags = WEFT_JOB_LOOSE;
	open_pool(&o);
	cr_assert_eq(call("eat", &e), -ENOMEM);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_MEMORY);
	close_pool();
}
