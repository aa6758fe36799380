/* SPDX-License-Identifier: MIT */
/* What a simulation says of itself. */
#ifndef WF_SIM_TOTALS_H
#define WF_SIM_TOTALS_H

#include <stdint.h>

struct wf_sim_totals {
	uint64_t seed;
	unsigned level;
	uint64_t hash, events; /* of all that happened; their number */
	uint64_t ns;           /* of virtual time */
	uint64_t switches;     /* from worker to worker */
	uint64_t freezes, shorts, starved, lost, cancels, cancels_lost, errors;
	uint64_t deadlocks;
};

/* Of the present simulation, or the last one. -ESRCH: there was none. */
int wf_sim_totals(struct wf_sim_totals *ret_totals);

#endif
