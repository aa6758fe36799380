/* SPDX-License-Identifier: MIT */
/*
 * `weft_class N MINE OTHERS` on one worker: one coroutine of class MINE sleeps N times 1 ms, beside
 * 64 of class OTHERS that compute without end, with a checkpoint each microsecond. By how much
 * each sleep ends late, and how much the others get done.
 */
#include <weft.h>

#include "lateness.h"

enum { OTHERS = 64 };

static long n;
static bool done;
static uint64_t worked;
static enum weft_co_class mine, others;
static struct hist late;

static enum weft_co_class class_by_name(const char *name)
{
	return !strcmp(name, "latency") ? WEFT_CO_LATENCY
	       : !strcmp(name, "batch") ? WEFT_CO_BATCH
					: WEFT_CO_NORMAL;
}

static int works(void *arg)
{
	(void)arg;
	while (!done) {
		bench_compute(1000);
		worked++;
		weft_checkpoint();
	}
	return 0;
}

static int sleeps(void *arg)
{
	(void)arg;
	for (long i = 0; i < n; i++) {
		uint64_t at = bench_now() + LATE_SPAN;

		weft_sleep_until(at);
		hist_add(&late, bench_now() - at);
	}
	done = true;
	return 0;
}

static int run(void *arg)
{
	const struct weft_co_attr attr = {.size = sizeof(attr), .service = others},
				  my = {.size = sizeof(my), .service = mine};
	struct weft_co *co;

	(void)arg;
	for (int i = 0; i < OTHERS; i++)
		if (weft_spawn(works, NULL, &attr, NULL) < 0)
			return 1;
	uint64_t start = bench_now();
	if (weft_spawn(sleeps, NULL, &my, &co) < 0 || weft_join(co, NULL) < 0)
		return 1;
	bench_lateness(&late);
	printf("work_share %.2f\n",
	       (double)worked * 1000 / (double)(bench_now() - start));
	return 0;
}

int main(int argc, char **argv)
{
	const struct weft_options opt = {.size = sizeof(opt), .workers = 1};

	n = bench_count(argc, argv, 1000);
	mine = class_by_name(argc > 2 ? argv[2] : "");
	others = class_by_name(argc > 3 ? argv[3] : "");
	return weft_run(run, NULL, &opt);
}
