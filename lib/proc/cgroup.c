/* SPDX-License-Identifier: MIT */
/*
 * A cgroup (version 2) for each worker, below the one that the options name:
 *
 *   CGROUP/weft-PID-N/wI
 *
 * The kernel counts what the worker I has and its children have, and kills them all when it is more than
 * memory_bytes; it says so in memory.events. Workers of the same index follow each other there. The middle
 * one is locked (flock) while its pool lives, so whoever opens a pool there sees which ones
 * a host that was killed has left behind, and removes them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "pool.h"

enum { TRIES = 8, GONE_MS = 2000 };

static int open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int put(int at, const char *path, const char *text)
{
	int fd = openat(at, path, O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- what is over ------------------------------------------------------------------------ */

static void for_each(int dir, const char *prefix, void (*fn)(int dir, const char *name))
{
	int fd = open_dir(dir, ".");
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d));)
		if (!strncmp(e->d_name, prefix, strlen(prefix)))
			fn(dir, e->d_name);
	closedir(d);
}

/* Who was killed there may not be gone yet. */
static void remove_worker(int group, const char *name)
{
	struct stat s;

	if (fstatat(group, name, &s, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(s.st_mode))
		return;
	for (int ms = 0;
	     unlinkat(group, name, AT_REMOVEDIR) && errno == EBUSY && ms < GONE_MS; ms++)
		usleep(1000);
}

static void remove_group(int above, const char *name, int group)
{
	for_each(group, "w", remove_worker);
	unlinkat(above, name, AT_REMOVEDIR);
}

static void remove_if_dead(int above, const char *name)
{
	int group = open_dir(above, name);

	if (group < 0)
		return;
	if (!flock(group, LOCK_EX | LOCK_NB))
		remove_group(above, name, group);
	close(group);
}

/* ---- the pool's -------------------------------------------------------------------------- */

/* Locked for as long as it is open. -EAGAIN: somebody has taken it for a dead one's. */
static int make_group(struct weft_job_pool *p)
{
	static uint32_t n;

	snprintf(p->cgroup_name, sizeof(p->cgroup_name), "weft-%d-%u", getpid(),
		 wf_atomic_add_relaxed(&n, 1u)); /* relaxed: a number of its own is all */
	if (mkdirat(p->cgroup_above, p->cgroup_name, 0755))
		return -errno;
	p->cgroup = open_dir(p->cgroup_above, p->cgroup_name);
	if (p->cgroup < 0 || flock(p->cgroup, LOCK_EX | LOCK_NB))
		return -EAGAIN;
	return put(p->cgroup, "cgroup.subtree_control", "+memory") == -ENOENT ? -EAGAIN
									      : 0;
}

static int try_to_make(struct weft_job_pool *p)
{
	int rc = make_group(p);

	for (int i = 1; rc == -EAGAIN && i < TRIES; i++) {
		wf_cgroup_close(p);
		rc = make_group(p);
	}
	return rc;
}

/* Whether groups below it can be limited: one is made to see. */
static int test_limit(struct weft_job_pool *p)
{
	int rc = mkdirat(p->cgroup, "w0", 0755) ? -errno : 0;

	return rc ? rc : put(p->cgroup, "w0/memory.max", "max");
}

int wf_cgroup_open(struct weft_job_pool *p)
{
	const char *path = p->opt.cgroup;
	const char *what = "cannot be opened";

	p->cgroup_above = open_dir(AT_FDCWD, path);
	int rc = p->cgroup_above < 0 ? p->cgroup_above : 0;
	if (!rc) {
		for_each(p->cgroup_above, "weft-", remove_if_dead);
		what = "does not give the memory controller to groups below it (it must "
		       "be "
		       "in cgroup.controllers, and no process in it)";
		put(p->cgroup_above, "cgroup.subtree_control", "+memory");
		rc = try_to_make(p);
	}
	if (!rc)
		rc = test_limit(p);
	if (rc)
		snprintf(p->why, sizeof(p->why), "cgroup %s %s: %s", path, what,
			 strerror(-rc));
	return rc;
}

void wf_cgroup_close(struct weft_job_pool *p)
{
	if (p->cgroup >= 0) {
		remove_group(p->cgroup_above, p->cgroup_name, p->cgroup);
		close(p->cgroup);
	}
	p->cgroup = -1;
}

/* ---- the workers' ------------------------------------------------------------------------ */

static uint64_t killed(const struct wf_hand *h)
{
	char path[40], text[512], *line;
	uint64_t n = 0;

	snprintf(path, sizeof(path), "w%u/memory.events", h->index);
	int fd = openat(h->pool->cgroup, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	line = strstr(text, "oom_kill ");
	return line && sscanf(line, "oom_kill %" SCNu64, &n) == 1 ? n : 0;
}

int wf_cgroup_of(struct wf_hand *h)
{
	int at = h->pool->cgroup;
	char path[40], bytes[24];

	snprintf(path, sizeof(path), "w%u", h->index);
	if (mkdirat(at, path, 0755) && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "w%u/memory.max", h->index);
	snprintf(bytes, sizeof(bytes), "%" PRIu64, h->pool->opt.memory_bytes);
	int rc = put(at, path, bytes);
	if (rc)
		return rc;
	/* where there is swap; all of them, not the largest */
	snprintf(path, sizeof(path), "w%u/memory.swap.max", h->index);
	put(at, path, "0");
	snprintf(path, sizeof(path), "w%u/memory.oom.group", h->index);
	put(at, path, "1");
	h->oom_kills = killed(h);
	snprintf(path, sizeof(path), "w%u/cgroup.procs", h->index);
	int fd = openat(at, path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool wf_cgroup_killed(const struct wf_hand *h)
{
	return killed(h) != h->oom_kills;
}
