/* SPDX-License-Identifier: MIT */
/* Two processes, each on a CPU of its own: what the benchmarks of queues between them share. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "micro.h"

/* The i-th CPU that we may use, counted round. */
static inline int pair_cpu(int i)
{
	cpu_set_t all;
	int cpu = 0;

	sched_getaffinity(0, sizeof(all), &all);
	i %= CPU_COUNT(&all);
	for (;; cpu++)
		if (CPU_ISSET(cpu, &all) && i-- == 0)
			return cpu;
}

static inline void pair_pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* Run fn in a child on that CPU; it dies with us. */
static inline pid_t pair_child(int cpu, int (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pair_pin(cpu);
		_exit(fn());
	}
	return pid;
}

/* Print what n messages of `bytes` took, and wait for the child. Returns its status. */
static inline int pair_end(uint64_t start, long n, long bytes, pid_t pid)
{
	double ns = (double)(bench_now() - start);
	int status = 1;

	if (bytes)
		printf("mb_per_second %.3f\n", (double)n * (double)bytes * 1e3 / ns);
	printf("ns_per_op %.3f\n", ns / (double)n);
	fflush(stdout);
	waitpid(pid, &status, 0);
	return status != 0;
}

#endif
