/* SPDX-License-Identifier: MIT */
/*
 * `weft_timer N CASE [SLACK_US]` on one worker:
 *	rearm    N coroutines sleep; all are due at once, and each sleeps again until some time
 *	         later (fire, switch, arm); then all are cancelled and end
 *	late     N sleeps of 1 ms: by how much each ends late
 *	loaded   the same beside coroutines that compute 20 us at a time
 *	spread   timers 10 us apart: how often the worker enters the kernel for them
 */
#include <unistd.h>

#include <weft.h>

#include "lateness.h"

static long n, asleep, ended;
static uint64_t first_at;
static int done;
static struct hist late;

static int sleeps_twice(void *arg)
{
	(void)arg;
	asleep++;
	weft_sleep_until(first_at);
	asleep++;
	weft_sleep_until(first_at + 60 * WEFT_SEC + bench_random() % (60 * WEFT_SEC));
	ended++;
	return 0;
}

static void yield_until(const long *count, long want)
{
	while (*count < want)
		weft_yield();
}

static int rearm(void)
{
	struct weft_co **co = calloc((size_t)n, sizeof(struct weft_co *));

	if (!co)
		return 1;
	first_at = bench_now() + WEFT_SEC + (uint64_t)n * 30000; /* when all sleep */
	for (long i = 0; i < n; i++) {
		if (weft_spawn(sleeps_twice, NULL, NULL, &co[i]) < 0)
			return 1;
		if (i % 256 == 0)
			weft_yield();
	}
	yield_until(&asleep, n);
	weft_sleep_until(first_at - 50 * WEFT_MS);
	while (bench_now() < first_at)
		;
	asleep = 0;
	uint64_t start = bench_now();
	yield_until(&asleep, n);
	printf("rearm_ns_per_timer %.1f\n", (double)(bench_now() - start) / (double)n);

	start = bench_now();
	for (long i = 0; i < n; i++) {
		weft_cancel(co[i]);
		if (i % 256 == 0)
			weft_yield();
	}
	yield_until(&ended, n);
	printf("cancel_ns_per_timer %.1f\n", (double)(bench_now() - start) / (double)n);
	fflush(stdout);
	_exit(0);
}

static int computes(void *arg)
{
	(void)arg;
	while (!done) {
		bench_compute(LOAD_NS);
		weft_yield();
	}
	return 0;
}

static int lateness(int loaded)
{
	for (int i = 0; loaded && i < LOAD_TASKS; i++)
		if (weft_spawn(computes, NULL, NULL, NULL) < 0)
			return 1;
	for (long i = 0; i < n; i++) {
		uint64_t at = bench_now() + LATE_SPAN;

		weft_sleep_until(at);
		hist_add(&late, bench_now() - at);
	}
	done = 1;
	bench_lateness(&late);
	return 0;
}

static int sleeps_once(void *arg)
{
	weft_sleep_until(first_at +
			 (uint64_t)(uintptr_t)arg * (SPREAD_NS / SPREAD_TIMERS));
	ended++;
	return 0;
}

static int spread(void)
{
	struct weft_stats before = {.size = sizeof(before)}, after = before;

	first_at = bench_now() + 20 * WEFT_MS;
	for (uintptr_t i = 0; i < SPREAD_TIMERS; i++)
		if (weft_spawn(sleeps_once, (void *)i, NULL, NULL) < 0)
			return 1;
	weft_sleep_until(first_at - 5 * WEFT_MS);
	weft_stats(&before);
	weft_sleep_until(first_at + SPREAD_NS + 5 * WEFT_MS);
	while (ended < SPREAD_TIMERS)
		weft_sleep_ns(WEFT_MS);
	weft_stats(&after);
	printf("wake_ups %.1f\n", (double)(after.enters - before.enters));
	return 0;
}

static int bench(void *which)
{
	if (!strcmp(which, "rearm"))
		return rearm();
	if (!strcmp(which, "spread"))
		return spread();
	return lateness(!strcmp(which, "loaded"));
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 1};

	n = bench_count(argc, argv, 1000);
	opt.timer_slack_us = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	int err = weft_run(bench, argc > 2 ? argv[2] : "late", &opt);
	if (err < 0)
		fprintf(stderr, "weft_run: %s: %s\n", strerror(-err), weft_start_error());
	return err != 0;
}
