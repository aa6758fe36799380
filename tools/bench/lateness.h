/* SPDX-License-Identifier: MIT */
/* What weft and the bare loop share of the benchmark `timer`. */
#ifndef BENCH_LATENESS_H
#define BENCH_LATENESS_H

#include "hist.h"
#include "micro.h"

enum {
	LATE_SPAN = 1000000, /* the sleep that is measured, ns */
	LOAD_TASKS = 16,     /* beside it, when loaded */
	LOAD_NS = 20000,     /* which compute that long at a time */
	SPREAD_TIMERS = 1000,
	SPREAD_NS = 10000000, /* over which they are spread */
};

static inline void bench_compute(uint64_t ns)
{
	uint64_t end = bench_now() + ns;

	while (bench_now() < end)
		;
}

static inline uint64_t bench_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static inline void bench_lateness(const struct hist *late)
{
	printf("p50_us %.1f\n", (double)hist_at(late, 0.5) / 1e3);
	printf("p99_us %.1f\n", (double)hist_at(late, 0.99) / 1e3);
	fflush(stdout);
}

#endif
