/* SPDX-License-Identifier: MIT */
/*
 * The clock of the scheduler and of the library.
 *
 * CV1  wf_clock_virtual: store_release by the thread that starts or stops a simulation  <->
 *      load_acquire by who reads the clock. Who sees the function sees what it works on.
 */
#ifndef WF_BASE_CLOCK_H
#define WF_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "assert.h"
#include "atomic.h"

#define WF_NEVER UINT64_MAX

/* What tells the time under simulation (sim/); else NULL. */
extern uint64_t (*wf_clock_virtual)(void); /* CV1 */

/* Whether time is virtual: a look for cold paths. */
static inline int wf_simulated(void)
{
	return wf_unlikely(wf_atomic_load_acquire(&wf_clock_virtual) != NULL); /* CV1 */
}

/* Nanoseconds: CLOCK_MONOTONIC, through the vDSO about 25 ns; or virtual ones. */
static inline uint64_t wf_clock_ns(void)
{
	uint64_t (*simulated)(void) = wf_atomic_load_acquire(&wf_clock_virtual); /* CV1 */
	struct timespec ts;

	if (wf_unlikely(simulated != NULL))
		return simulated();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif
