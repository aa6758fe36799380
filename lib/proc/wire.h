/* SPDX-License-Identifier: MIT */
/*
 * What pool and zygote tell each other, over a pair of local sockets that keep messages whole.
 * When the pool's end closes, the zygote ends and takes its workers along.
 *
 *   pool -> zygote   SETUP once, with what is granted; FORK with a worker's descriptors; KILL
 *   zygote -> pool   HELLO once, with the names of the jobs; FORKED with a pidfd, or FAILED;
 *                    EXITED
 */
#ifndef WEFT_LIB_PROC_WIRE_H
#define WEFT_LIB_PROC_WIRE_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

#include "desk.h"

#define WF_ZYGOTE_NAME "weft-zygote" /* its argv[0] */

enum {
	WF_ZYGOTE_FD = 3, /* its end of the pair */
	WF_WIRE_VERSION = 5,
	WF_WIRE_FDS = 16, /* of one message */
	WF_NODES_MAX = 64,
	WF_JOB_NAME = 48, /* with its end */
	WF_JOBS_MAX = 512,
	WF_DIRS_BYTES = 4096
};

enum wf_wire_op {
	WF_WIRE_SETUP = 1,
	WF_WIRE_FORK,
	WF_WIRE_KILL,
	WF_WIRE_HELLO,
	WF_WIRE_FORKED,
	WF_WIRE_FAILED,
	WF_WIRE_EXITED
};

/* Descriptors of FORK, in order; the last one, the cgroup.procs to enter, only where there is one. */
enum { WF_FORK_DESK, WF_FORK_TELL, WF_FORK_STDERR, WF_FORK_CGROUP, WF_FORK_FDS };

struct wf_wire_setup {
	uint32_t op, version;
	uint32_t profile, flags; /* of the pool's options */
	uint32_t lacking;        /* WF_LACK_*: what to do without, for tests */
	int32_t nice;
	uint32_t tell_size; /* 1: workers say how large they are */
	struct wf_desk_shape shape;
	uint64_t memory_bytes, cpu_ms;
	cpu_set_t cpus;     /* none set: the zygote's */
	uint64_t nodes[16]; /* memory; none set: anywhere */
	uint32_t n_grants, grant_ops;
	uint32_t
		n_spread; /* worker I belongs to the I-th of so many nodes, in turn; 0: to none */
	struct {
		int32_t node;
		cpu_set_t cpus;
	} spread[WF_NODES_MAX];
	char dirs[WF_DIRS_BYTES]; /* each with its end; an empty one ends them */
};

struct wf_wire_msg {
	uint32_t op;
	uint32_t
		worker; /* whose: index in the pool, which says the same number in FORK */
	int32_t pid;
	int32_t code, status; /* EXITED: CLD_*, and status or signal; FAILED: -errno */
};

struct wf_wire_hello {
	uint32_t op, version;
	int32_t error;    /* negative errno: it cannot serve, and why: */
	char missing[96]; /* what to change */
	uint32_t n_jobs;
	char name[WF_JOBS_MAX][WF_JOB_NAME];
};

/* Parts of the kernel that can be switched off by WEFT_DISABLE, a list of these names. */
enum {
	WF_LACK_SECCOMP = 1,
	WF_LACK_LANDLOCK = 2,
	WF_LACK_NAMESPACES = 4,
	WF_LACK_PIDFD = 8,
	WF_LACK_JOB_RING = 16
};

/* Send one message with n descriptors (at most WF_WIRE_FDS). 0 or a negative errno. */
int wf_wire_send(int sock, const void *msg, size_t len, const int *fds, unsigned n);

/*
 * Receive one: its length, 0 at the end, or a negative errno. *n, at most WF_WIRE_FDS: in, how many
 * descriptors there is room for; out, how many came.
 */
ssize_t wf_wire_recv(int sock, void *msg, size_t cap, int *fds, unsigned *n);

#endif
