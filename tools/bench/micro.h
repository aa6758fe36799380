/* SPDX-License-Identifier: MIT */
/*
 * What every micro-benchmark shares, weft's and the peers'. The protocol: `PROGRAM N`
 * does N operations once and prints one "METRIC VALUE" a line; repeating, pinning and
 * medians are the harness's.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline long bench_count(int argc, char **argv, long otherwise)
{
	long n = argc > 1 ? atol(argv[1]) : otherwise;

	return n > 0 ? n : otherwise;
}

static inline void bench_per_op(uint64_t start, long ops)
{
	printf("ns_per_op %.3f\n", (double)(bench_now() - start) / (double)ops);
	fflush(stdout);
}

/* A field of /proc/self/status that is given in kB, in bytes. */
static inline long bench_status_bytes(const char *field)
{
	char line[256];
	size_t len = strlen(field);
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ':')
			kb = atol(line + len + 1);
	if (f)
		fclose(f);
	return kb * 1024;
}

/* Memory that the process costs: resident pages and the page tables that map them. */
static inline long bench_memory(void)
{
	return bench_status_bytes("VmRSS") + bench_status_bytes("VmPTE");
}

/* Context switches of all threads of this process until now. */
static inline long bench_context_switches(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_nvcsw + u.ru_nivcsw;
}

static inline double bench_cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Wait until the program has settled, then ms more, and print what that cost. */
static inline void bench_idle(long ms)
{
	usleep(200000);
	long switches = bench_context_switches();
	double cpu = bench_cpu_us();
	usleep((useconds_t)ms * 1000);
	/* less the one that this sleep itself is */
	printf("switches_per_second %.1f\n",
	       (double)(bench_context_switches() - switches - 1) * 1000 / (double)ms);
	printf("cpu_us_per_second %.1f\n", (bench_cpu_us() - cpu) * 1000 / (double)ms);
	fflush(stdout);
}

#endif
