/* SPDX-License-Identifier: MIT */
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of /proc/self/task/TID/name, without its end; "" when it cannot be read. */
static void read_line(const char *root, pid_t tid, const char *name, char *buf, int size)
{
	char path[256];

	buf[0] = '\0';
	snprintf(path, sizeof(path), "%s/proc/self/task/%d/%s", root, (int)tid, name);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(buf, size, f))
		buf[0] = '\0';
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
}

/* "TID (name) STATE ppid pgrp session tty tpgid flags minflt cminflt majflt ..."; the name
 * may hold anything, brackets too. */
static void read_stat(const char *root, pid_t tid, struct wf_task *t)
{
	char buf[512];
	unsigned long minor, major;

	read_line(root, tid, "stat", buf, sizeof(buf));
	const char *after = strrchr(buf, ')');
	if (!after || sscanf(after + 1, " %c %*s %*s %*s %*s %*s %*s %lu %*s %lu",
			     &t->state, &minor, &major) != 3)
		return;
	t->minor_faults = minor;
	t->major_faults = major;
}

void wf_task_read(const char *root, pid_t tid, struct wf_task *t)
{
	char buf[256], *end;

	*t = (struct wf_task){.state = '?', .syscall = -1};
	read_stat(root, tid, t);
	read_line(root, tid, "syscall", buf, sizeof(buf)); /* "running", or numbers */
	long number = strtol(buf, &end, 10);
	if (end != buf)
		t->syscall = (int)number;
	read_line(root, tid, "wchan", t->wchan, sizeof(t->wchan));
	if (!strcmp(t->wchan, "0"))
		t->wchan[0] = '\0';
}
