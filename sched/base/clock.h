/* SPDX-License-Identifier: MIT */
#ifndef WF_BASE_CLOCK_H
#define WF_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define WF_NEVER UINT64_MAX

/* CLOCK_MONOTONIC in nanoseconds, through the vDSO: about 25 ns. */
static inline uint64_t wf_clock_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif
