/* SPDX-License-Identifier: MIT */
/*
 * The side of the jobs: a zygote with one thread, and the workers that it forks. These
 * processes exist for one pool only and never return to the program's main.
 */
#ifndef WEFT_LIB_PROC_CHILD_H
#define WEFT_LIB_PROC_CHILD_H

#include <linux/filter.h>
#include <stdbool.h>

#include "weft/job.h"
#include "wire.h"

struct wf_table {
	const struct weft_job_entry *job[WF_JOBS_MAX];
	uint32_t n;
	const struct weft_job_entry *begin, *end; /* all entries, hooks too */
};

/* What the zygote prepares once and each worker applies to itself. */
struct wf_sandbox {
	struct sock_fprog filter; /* len 0: none */
	int landlock;             /* its descriptor; -1: none */
	bool rings;               /* workers have a ring for what is granted */
	bool own_pid_space;       /* each worker is the first of a PID namespace */
};

struct wf_zygote {
	struct wf_wire_setup setup;
	struct wf_table table;
	struct wf_sandbox sandbox;
	pid_t pid;
	int self; /* a pidfd of it, or -1 */
	int grant[WF_WIRE_FDS];
};

/* main.c: whether weft_job_main() ran in this process */
bool wf_job_main_seen(void);

/* zygote.c */
_Noreturn void wf_zygote_run(const struct weft_job_entry *begin,
			     const struct weft_job_entry *end);

/* worker.c */
_Noreturn void wf_worker_run(const struct wf_zygote *z, uint32_t number,
			     const int fds[WF_FORK_FDS]);

/*
 * sandbox.c. prepare: 0, or a negative errno and the name of what is missing. fork: as fork(2),
 * into a PID namespace of its own if there is to be one. apply: in the worker; 0 or negative errno.
 */
int wf_sandbox_prepare(struct wf_sandbox *s, const struct wf_wire_setup *setup,
		       const int *grants, const char **ret_missing);
pid_t wf_sandbox_fork(const struct wf_sandbox *s);
int wf_sandbox_apply(const struct wf_sandbox *s, const struct wf_wire_setup *setup);

/* filter.c, landlock.c, spaces.c: its parts. -ENOSYS: not here */
int wf_filter_make(uint32_t profile, bool rings, struct sock_fprog *ret_filter);
int wf_landlock_make(const char *dirs, int *ret_fd);
int wf_landlock_apply(int fd);
int wf_spaces_enter(void);

/* grant.c: the ring of this process; its descriptor or a negative errno. move: that is another one now */
int wf_grant_open(const struct wf_wire_setup *setup, const int *fds);
void wf_grant_move(int fd);
void wf_grant_close(void);
struct io_uring *wf_grant_ring(void);

/* limits.c: memory, CPU, priority, placement. 0 or a negative errno. */
int wf_limits_apply(const struct wf_wire_setup *setup, uint32_t worker);
/* Whether what is left of memory_bytes is so little that a death is put down to that. */
bool wf_limits_exhausted(const struct wf_wire_setup *setup);

/* report.c: what kills a worker is noted at its desk. prepare: before the first fork. */
void wf_report_prepare(void);
void wf_report_install(struct wf_report *report, const struct wf_wire_setup *setup);

/* orphans.c: kill all children of this process that keep(arg, pid) does not know. */
void wf_orphans_kill(bool (*keep)(const void *arg, pid_t pid), const void *arg);

#endif
