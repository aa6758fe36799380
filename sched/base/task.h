/* SPDX-License-Identifier: MIT */
/* What /proc tells of one of our own threads: what it waits for, and its page faults. */
#ifndef WF_BASE_TASK_H
#define WF_BASE_TASK_H

#include <stdint.h>
#include <sys/types.h>

struct wf_task {
	char state;  /* R running, S sleeping, D uninterruptible, ...; '?': not told */
	int syscall; /* the number of the system call it is in; -1: none, or not told */
	char wchan[40]; /* the kernel function that it sleeps in, or "" */
	uint64_t minor_faults,
		major_faults; /* since the thread began; major: with a disk */
};

/* Never fails: what cannot be read is left as not told. root stands before every path: ""
 * or a test's directory. */
void wf_task_read(const char *root, pid_t tid, struct wf_task *ret_task);

#endif
