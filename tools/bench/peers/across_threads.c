/* SPDX-License-Identifier: MIT */
/*
 * A round trip between two threads, each on a core of its own: `across_threads N
 * futex|spin|eventfd [BUSY_NS]`. One word goes up by one on each side in turn; who waits for it sleeps
 * in futex(2), or reads it until it changes, or sleeps in read(2) of an eventfd. Each side computes for
 * BUSY_NS before it answers: without that the answer often comes before the other one sleeps.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../micro.h"

static uint32_t word __attribute__((aligned(64)));
static bool sleeps;
static int event[2] = {-1, -1};
static long trips;
static uint64_t busy_ns;

static void pin(int i)
{
	cpu_set_t all, one;
	int cpu = 0;

	sched_getaffinity(0, sizeof(all), &all);
	for (;; cpu++)
		if (CPU_ISSET(cpu, &all) && i-- == 0)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void await(uint32_t want)
{
	uint32_t seen;
	uint64_t times;

	if (event[0] >= 0 && read(event[want & 1], &times, sizeof(times)) < 0)
		exit(1);

	while ((seen = __atomic_load_n(&word, __ATOMIC_ACQUIRE)) != want)
		if (sleeps)
			syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, NULL);
		else
			__asm__ volatile("" ::: "memory");
}

static void compute(void)
{
	uint64_t end = bench_now() + busy_ns;

	while (bench_now() < end)
		;
}

static void go_on(uint32_t value)
{
	if (busy_ns)
		compute();
	__atomic_store_n(&word, value, __ATOMIC_RELEASE);
	if (sleeps)
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
	if (event[0] >= 0 && write(event[value & 1], &(uint64_t){1}, 8) < 0)
		exit(1);
}

static void *other(void *arg)
{
	(void)arg;
	pin(1);
	for (long i = 0; i < trips; i++) {
		await((uint32_t)(2 * i + 1));
		go_on((uint32_t)(2 * i + 2));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;

	trips = bench_count(argc, argv, 20000);
	sleeps = argc > 2 && !strcmp(argv[2], "futex");
	busy_ns = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	for (int i = 0; i < 2 && argc > 2 && !strcmp(argv[2], "eventfd"); i++)
		event[i] = eventfd(0, EFD_CLOEXEC);
	pthread_create(&t, NULL, other, NULL);
	pin(0);
	uint64_t start = bench_now();
	for (long i = 0; i < trips; i++) {
		go_on((uint32_t)(2 * i + 1));
		await((uint32_t)(2 * i + 2));
	}
	bench_per_op(start, trips);
	pthread_join(t, NULL);
	return 0;
}
