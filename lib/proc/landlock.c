/* SPDX-License-Identifier: MIT */
/*
 * Files: all that this kernel's Landlock can refuse is refused, but reading below some directories.
 * Connections and, where it can, signals and abstract sockets out of the sandbox as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

/* As the newest kernel has it; the older ones take a shorter one. */
struct ruleset {
	uint64_t fs, net, scoped;
};

enum { FS_V1 = (1 << 13) - 1, NET_V4 = 3, SCOPED_V6 = 3 };

static const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE |
				LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE;

/* What each version added: refer (2), truncate (3), network (4), ioctl (5), scopes (6). */
static struct ruleset everything(long version, size_t *ret_size)
{
	struct ruleset r = {.fs = FS_V1};

	if (version >= 2)
		r.fs |= 1u << 13;
	if (version >= 3)
		r.fs |= 1u << 14;
	if (version >= 4)
		r.net = NET_V4;
	if (version >= 5)
		r.fs |= 1u << 15;
	if (version >= 6)
		r.scoped = SCOPED_V6;
	*ret_size = version >= 6   ? sizeof(r)
		    : version >= 4 ? offsetof(struct ruleset, scoped)
				   : offsetof(struct ruleset, net);
	return r;
}

static int allow_reading(int ruleset, const char *dir)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = reading};

	rule.parent_fd = open(dir, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -errno;
	long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
			  &rule, 0);
	int err = rc ? -errno : 0;
	close(rule.parent_fd);
	return err;
}

int wf_landlock_make(const char *dirs, int *ret_fd)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	size_t size;
	int rc = 0;

	if (version < 1)
		return -ENOSYS;
	struct ruleset r = everything(version, &size);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (fd < 0)
		return -errno;
	for (const char *d = dirs; !rc && *d; d += strlen(d) + 1)
		rc = allow_reading(fd, d);
	if (rc)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}

int wf_landlock_apply(int fd)
{
	int rc = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;

	close(fd);
	return rc;
}
