/* SPDX-License-Identifier: MIT */
/* What a stretch of a weft program cost besides time: thefts, wake-ups, CPU time. */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <inttypes.h>

#include <weft.h>

#include "micro.h"

struct bench_counters {
	struct weft_stats stats;
	double cpu_us;
};

static inline struct bench_counters bench_counters_now(void)
{
	struct bench_counters c = {.stats.size = sizeof(c.stats)};

	if (weft_stats(&c.stats) < 0)
		abort();
	c.cpu_us = bench_cpu_us();
	return c;
}

static inline void bench_counters_since(const struct bench_counters *before)
{
	const struct bench_counters now = bench_counters_now();
#define SINCE(field)                                                                     \
	printf(#field " %" PRIu64 "\n", now.stats.field - before->stats.field)
	SINCE(switches);
	SINCE(steals_near);
	SINCE(steals_node);
	SINCE(steals_remote);
	SINCE(runs_remote);
	SINCE(wakes);
#undef SINCE
	printf("cpu_ms %.3f\n", (now.cpu_us - before->cpu_us) / 1e3);
	fflush(stdout);
}

#endif
