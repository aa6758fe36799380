/* SPDX-License-Identifier: MIT */
/*
 * Namespaces. The zygote enters new ones for users, network, IPC, host name and mounts; each
 * worker becomes the first process of a PID namespace, so what it leaves behind dies with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* Everybody keeps the number that they had, and no other is known. */
static int map_ids(uid_t uid, gid_t gid)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	int rc = put("/proc/self/uid_map", text);
	if (!rc)
		rc = put("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	return rc ? rc : put("/proc/self/gid_map", text);
}

int wf_spaces_enter(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
		    CLONE_NEWNS))
		return -errno;
	return map_ids(uid, gid);
}
