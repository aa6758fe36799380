/* SPDX-License-Identifier: MIT */
/*
 * Simulation: the whole program on one thread, in virtual time, every choice from a seed.
 *
 * Switched on by weft_options.sim or, for any program that uses weft, by the environment:
 *
 *	WEFT_SIM=42 ./program		seed 42, level 1
 *	WEFT_SIM=42:2 ./program
 *	weft sim --seeds 1000 ./program	many seeds; tells those that failed and how to replay them
 *
 * The same library code runs: workers, queues, stealing, timers, streams. But the workers take
 * turns on the thread that called weft_run() or weft_start(), in an order of the seed, and
 * instead of the kernel's ring the simulator does the operations, one at a time, by system
 * calls on the real descriptors. The seed decides
 *   level 0  which worker goes on and for how long, who steals, who is not run for a while;
 *            when each operation is done, when its completion is seen, in which order
 *   level 1  also what a correct program does not notice: short reads and writes, no receive
 *            buffer left, streams that end and are armed again, cancels that come too late
 *   level 2  also errors that it must handle: -ECONNRESET, -ENOSPC, -EMFILE
 * WEFT_SIM_REPORT names a file that gets a line of JSON for each run: what weft_sim_report()
 * tells. The same seed gives the same run, exactly, if the program's own choices are the same: it has
 * no threads, no random numbers or addresses that decide, and no peers outside of it. (`weft
 * sim` switches address randomization off.) Connections over loopback TCP depend on the
 * kernel's timing a little; AF_UNIX ones do not.
 *
 * Time is virtual: weft_now() begins anew at each start, runs while coroutines do, some hundred
 * nanoseconds each run, and jumps to the next timer when nobody can go on: a sleep of an hour
 * costs nothing. Other clocks know nothing of this.
 *
 * When nobody can go on and no timer is left, that is a deadlock: the coroutines and what they
 * wait for are listed on stderr, weft_run() and a weft_join() by the simulating thread return
 * -EDEADLK (what is left is cancelled); if even that does not help the program is aborted.
 *
 * Not under simulation: placement, stall reports and rescue, adapting the width; the number of
 * workers is 3 unless it is set. Coroutines run only while the simulating thread waits inside
 * weft: in weft_run(), a join, a lock. Other threads may call weft, but what they do is not
 * replayed; weft_stop() from them is -EPERM. A coroutine that blocks its thread blocks all.
 */
#ifndef WEFT_SIM_H
#define WEFT_SIM_H

#include "base.h"

WEFT_BEGIN_DECLS

struct weft_sim_report {
	size_t size; /* in: sizeof(struct weft_sim_report) */
	uint64_t seed;
	unsigned level;
	uint64_t hash;         /* of all that happened: the same run has the same hash */
	uint64_t events;       /* how much that was */
	uint64_t ns;           /* of virtual time */
	uint64_t turns;        /* from one worker to another */
	uint64_t freezes;      /* workers that were not run for a while */
	uint64_t shorts;       /* results cut short */
	uint64_t starved;      /* streams that found no buffer */
	uint64_t lost;         /* streams that ended for no reason */
	uint64_t cancels;      /* that were in time */
	uint64_t cancels_lost; /* that came too late */
	uint64_t errors;       /* level 2 */
	uint64_t deadlocks;
};

/* What the present simulated run was until here, or the last one. Any thread that is not
 * outside of it. -ESRCH: there was none; -EINVAL: report or its size. */
WEFT_API int weft_sim_report(struct weft_sim_report *report);

WEFT_END_DECLS

#endif
