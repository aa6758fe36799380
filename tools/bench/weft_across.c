/* SPDX-License-Identifier: MIT */
/*
 * A round trip between two workers: `weft_across N idle|busy|latency`. Two coroutines, each
 * pinned to a worker, post to each other. busy: another one on each yields all the time, so
 * that neither worker ever sleeps. latency: both are of that class, so that the workers look
 * for a while before they sleep.
 */
#include <weft.h>

#include "micro.h"

static bool over;
static long n;
static struct weft_sem to_pong __attribute__((aligned(64)));
static struct weft_sem to_ping __attribute__((aligned(64)));

static int yielder(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		weft_yield();
	return 0;
}

static int pong(void *arg)
{
	(void)arg;
	for (long i = 0; i < n; i++) {
		weft_sem_wait(&to_pong, 1);
		weft_sem_post(&to_ping, 1);
	}
	return 0;
}

static int ping(void *arg)
{
	uint64_t start = bench_now();

	(void)arg;
	for (long i = 0; i < n; i++) {
		weft_sem_post(&to_pong, 1);
		weft_sem_wait(&to_ping, 1);
	}
	bench_per_op(start, n);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 2};
	struct weft_co_attr pinned = {.size = sizeof(pinned), .flags = WEFT_CO_PINNED};
	bool busy = argc > 2 && !strcmp(argv[2], "busy");
	bool latency = argc > 2 && !strcmp(argv[2], "latency");
	struct weft_co *co[2] = {NULL, NULL};
	int err = weft_start(&opt);

	n = bench_count(argc, argv, 20000);
	for (int w = 1; !err && busy && w <= 2; w++) {
		pinned.worker = w;
		err = weft_spawn(yielder, NULL, &pinned, NULL);
	}
	pinned.service = latency ? WEFT_CO_LATENCY : WEFT_CO_NORMAL;
	for (int w = 1; !err && w <= 2; w++) {
		pinned.worker = w;
		err = weft_spawn(w == 1 ? ping : pong, NULL, &pinned, &co[w - 1]);
	}
	for (int i = 0; !err && i < 2; i++)
		err = weft_join(co[i], NULL);
	weft_stop();
	return err != 0;
}
