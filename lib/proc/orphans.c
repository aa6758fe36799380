/* SPDX-License-Identifier: MIT */
/*
 * Children that nobody expected: what a job left behind became the zygote's when the worker
 * died. Killing one may bring its own children here, so it goes on until none is found.
 * Reads /proc/PID/stat: the shorter list, /proc/self/task/TID/children, is not in every kernel.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

/* The parent of a process, or 0. */
static pid_t parent_of(const char *pid)
{
	char path[64], text[512];
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *name_end = strrchr(text, ')');
	if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static unsigned kill_once(bool (*keep)(const void *arg, pid_t pid), const void *arg)
{
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir))) {
		pid_t pid = atoi(e->d_name);
		if (pid <= 0 || keep(arg, pid) || parent_of(e->d_name) != getpid())
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, __WALL);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

void wf_orphans_kill(bool (*keep)(const void *arg, pid_t pid), const void *arg)
{
	while (kill_once(keep, arg))
		continue;
}
