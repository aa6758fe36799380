/* SPDX-License-Identifier: MIT */
/* What is said when nobody can go on. */
#include <inttypes.h>
#include <stdio.h>

#include "../co/stack.h"
#include "threads.h"

static const char *const waits[] = {
	[WF_RUNNING] = "is runnable",
	[WF_WAIT_SLEEP] = "sleeps",
	[WF_WAIT_OP] = "waits for an operation on a descriptor",
	[WF_WAIT_STREAM] = "waits for bytes or connections",
	[WF_WAIT_JOIN] = "waits for the end of another one",
	[WF_WAIT_QUEUE] = "waits for a lock, a channel or another thing of the program",
	[WF_WAIT_HARD] = "waits for the end of something, and cannot be cancelled",
};

static void tell_one(struct wf_co *co, void *arg)
{
	int *n = arg;
	unsigned kind = wf_park_kind(wf_co_word(co)); /* PK1 PK2 */

	fprintf(stderr, "  %d: %s %s\n", ++*n, co->name[0] ? co->name : "(no name)",
		kind < sizeof(waits) / sizeof(waits[0]) ? waits[kind] : "?");
}

void wf_sim_tell_deadlock(const char *what)
{
	int n = 0;

	fprintf(stderr,
		"weft: simulation %" PRIu64 ":%u: %s, at %.6f s; the coroutines:\n",
		wf_sim_count.seed, wf_sim_count.level, what,
		(double)(wf_sim_now - WF_SIM_EPOCH) / 1e9);
	wf_co_for_each(tell_one, &n);
}
