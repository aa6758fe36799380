/* SPDX-License-Identifier: MIT */
/*
 * Where workers run, and where their memory lies.
 *
 * weft_options.place, or WEFT_PLACE, is a policy by name. "Less busy" is by the mean load since
 * boot; among equals chance decides, so that processes which start together do not all sit on
 * the lowest CPUs.
 *
 *   auto        the default. As many workers as the last-level cache that is least busy has
 *               CPUs for share that cache, whole cores first; more go to the other caches of
 *               its node, then to the nearest nodes
 *   compact     the same caches, but each core is filled before the next is begun
 *   spread      round all packages, nodes, caches and cores, siblings last
 *   core        one worker a core at most, on none of its siblings
 *   llc         as auto, but each worker is bound to all CPUs below its last-level cache,
 *               among which the kernel moves it: for machines that it shares with others
 *   node:N      the CPUs of NUMA node N
 *   cpus:LIST   those CPUs, worker 0 on the first: "0-3,8,5"
 *   near:NAME   the CPUs nearest to the network interface or block device of that name, if
 *               sysfs tells its node; weft_place_text() says if not
 *
 * Without a number of workers there is one for each CPU that the policy takes, as far as the
 * CPU quota feeds; with more workers than CPUs these are shared in turn.
 *
 * A worker's queues, ring, receive buffers, timers and stacks lie on its node; where that
 * is full, on the nearest. What is set from outside wins: taskset, numactl and cpusets limit
 * the CPUs, and under a memory policy (numactl -m, -i, -p, -l) weft asks for no pages of its own.
 */
#ifndef WEFT_PLACE_H
#define WEFT_PLACE_H

#include "base.h"

WEFT_BEGIN_DECLS

struct weft_place {
	size_t size; /* in: sizeof(struct weft_place) */
	int cpu;     /* -1: not bound (pin = -1); with llc: one of those it is bound to */
	int node;    /* NUMA node; -1: not known */
	int core, cache, package; /* workers with equal numbers share it */
};

/* Where a worker was placed. -ESRCH not running      -ENOENT no such worker      -EINVAL */
WEFT_API int weft_place_get(unsigned worker, struct weft_place *place);

/*
 * The whole placement as lines of text: the policy and what of it could not be had, what was
 * set from outside, then each worker with the reason for its place. Returns its length
 * as snprintf does, so buf may be NULL with size 0.  -ESRCH not running
 */
WEFT_API int weft_place_text(char *buf, size_t size);

/*
 * [parks] The running coroutine goes on at another worker, or at one of another NUMA node: its
 * runnable time moves, what it has in other queues or rings does not. It may be stolen from
 * there as from anywhere, unless it is bound or was spawned pinned: that one is pinned to the
 * new worker from now on. It is there already: returns at once.
 *   -EINVAL no such worker, it retired, or no worker is on that node; unknown flags
 *   -EBUSY between weft_pin() and weft_unpin()
 */
enum {
	WEFT_MOVE_STACK =
		1 << 0, /* with the pages of its stack; costs two mappings, so for
				     coroutines that live long. What of it is touched later lies
				     there too */
	WEFT_MOVE_BIND =
		1 << 1, /* and stays on that node (WEFT_CO_BOUND); one that is bound
				     is so anyway */
};
WEFT_API int weft_move_to_worker(unsigned worker, uint32_t flags);
WEFT_API int weft_move_to_node(unsigned node, uint32_t flags);

struct weft_whereabouts {
	size_t size; /* in: sizeof(struct weft_whereabouts) */
	int node;    /* on which the stack of the running coroutine lies; -1: not known */
	uint64_t runs_local; /* how often it ran on a worker of that node, */
	uint64_t
		runs_remote; /* and of others: estimates by samples, one each time that its
				 worker looks at its ring */
};

/* -EPERM in a plain thread      -EINVAL */
WEFT_API int weft_whereabouts(struct weft_whereabouts *whereabouts);

WEFT_END_DECLS

#endif
