/* SPDX-License-Identifier: MIT */
/*
 * `weft_wake N CASE`:
 *	local	    two coroutines of one worker wake each other in turn; a round trip
 *	contended   64 coroutines on two workers take and post one semaphore of 8; a wait and post
 *	thread	    a plain thread and a coroutine wake each other in turn, both sleep
 *	latency	    the same with a coroutine of class latency, whose worker looks for a while
 *	burst	    a plain thread wakes 1,000 coroutines of a worker that sleeps; each, and how many
 *		    wake-ups that took
 */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <weft.h>

#include "micro.h"

enum { SLOTS = 8, CROWD = 64, BURST = 1000 };

static struct weft_sem there, back, slots;
static long n, done;

static int answers(void *arg)
{
	(void)arg;
	for (long i = 0; i < n; i++) {
		weft_sem_wait(&there, 1);
		weft_sem_post(&back, 1);
	}
	return 0;
}

static int ask(void)
{
	uint64_t start = bench_now();

	for (long i = 0; i < n; i++) {
		weft_sem_post(&there, 1);
		weft_sem_wait(&back, 1);
	}
	bench_per_op(start, n);
	return 0;
}

static int local(void *arg)
{
	struct weft_co *co;

	(void)arg;
	if (weft_spawn(answers, NULL, NULL, &co) < 0)
		return 1;
	ask();
	return weft_join(co, NULL);
}

static int takes(void *arg)
{
	(void)arg;
	for (long i = 0; i < n / CROWD; i++) {
		weft_sem_wait(&slots, 1);
		weft_yield();
		weft_sem_post(&slots, 1);
	}
	return 0;
}

static int contended(void *arg)
{
	const struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_SPREAD};
	struct weft_co *co[CROWD];
	uint64_t start = bench_now();

	(void)arg;
	weft_sem_post(&slots, SLOTS);
	for (int i = 0; i < CROWD; i++)
		if (weft_spawn(takes, NULL, &attr, &co[i]) < 0)
			return 1;
	for (int i = 0; i < CROWD; i++)
		weft_join(co[i], NULL);
	bench_per_op(start, n);
	return 0;
}

static int one(void *arg)
{
	(void)arg;
	weft_sem_wait(&there, 1);
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Who is woken goes back to sleep: that is a voluntary switch. */
static long sleeps(void)
{
	struct rusage r;

	return getrusage(RUSAGE_SELF, &r) ? 0 : r.ru_nvcsw;
}

static void burst(void)
{
	uint64_t ns = 0;
	long wake_ups = 0;

	for (long k = 0; k < n / BURST; k++) {
		done = 0;
		for (int i = 0; i < BURST; i++)
			weft_spawn(one, NULL, NULL, NULL);
		usleep(5000);
		long before = sleeps();
		uint64_t start = bench_now();
		weft_sem_post(&there, BURST);
		while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < BURST)
			sched_yield();
		ns += bench_now() - start;
		usleep(5000);
		wake_ups += sleeps() - before - 1; /* but for ours just now */
	}
	printf("ns_per_op %.1f\n", (double)ns / (double)(n / BURST * BURST));
	printf("wake_ups %.1f\n", (double)wake_ups / (double)(n / BURST));
}

static int from_thread(const char *which)
{
	const struct weft_co_attr attr = {
		.size = sizeof(attr),
		.service = strcmp(which, "latency") ? WEFT_CO_NORMAL : WEFT_CO_LATENCY};
	struct weft_co *co;

	if (!strcmp(which, "burst")) {
		burst();
		return 0;
	}
	if (weft_spawn(answers, NULL, &attr, &co) < 0)
		return 1;
	ask();
	return weft_join(co, NULL);
}

/* This thread is on another CPU than the worker. */
static void keep_off(int cpu)
{
	cpu_set_t all, set;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && i != cpu)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int first_cpu(void)
{
	cpu_set_t all;
	int cpu = 0;

	sched_getaffinity(0, sizeof(all), &all);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	return cpu;
}

int main(int argc, char **argv)
{
	const char *which = argc > 2 ? argv[2] : "local";
	struct weft_options opt = {.size = sizeof(opt), .workers = 1};

	n = bench_count(argc, argv, 100000);
	if (!strcmp(which, "local"))
		return weft_run(local, NULL, &opt);
	if (!strcmp(which, "contended")) {
		opt.workers = 2;
		return weft_run(contended, NULL, &opt);
	}
	int cpu = first_cpu();
	char place[32];

	snprintf(place, sizeof(place), "cpus:%d", cpu);
	opt.place = place;
	int rc = weft_start(&opt);
	keep_off(cpu);
	if (!rc)
		rc = from_thread(which);
	weft_stop();
	return rc;
}
