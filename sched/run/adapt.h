/* SPDX-License-Identifier: MIT */
/*
 * Fitting the width (width.h) to what the process may have. By the monitor, every adapt_ms
 * while any worker is awake:
 *
 *	cpuset	  workers whose CPU is no longer allowed retire, those whose CPU is allowed
 *		  now come. The monitor's own affinity mask tells: nobody ever bound it, so
 *		  taskset and numactl keep their say, and only a cpuset changes it.
 *	quota	  no more workers than it feeds, rounded up.
 *	throttled in more than a quarter of the quota's periods since the last look, or, with
 *		  `adapt_pressure`, somebody waited for a CPU in more percent of the time than
 *		  that: one worker less, down to what the quota feeds rounded down, or half of
 *		  the CPUs. After ten looks without, one more again. More CPUs or more quota
 *		  are taken at once.
 */
#ifndef WF_RUN_ADAPT_H
#define WF_RUN_ADAPT_H

#include "worker.h"

/* Nanoseconds between two looks; 0: none are wanted. */
uint64_t wf_adapt_period_ns(void);

/* Start anew; then look, each period. */
void wf_adapt_open(void);
void wf_adapt_look(void);

/* ---- a part, apart for tests ---- */

struct wf_fit {
	unsigned width, most; /* as decided last, and what it was bounded by */
	unsigned calm;        /* looks without strain */
	uint64_t periods, throttled;
};

/* The width to have: allowed CPUs, and the strain since the last call. */
unsigned wf_fit(struct wf_fit *fit, unsigned allowed, const struct wf_strain *s,
		long pressure);

#endif
