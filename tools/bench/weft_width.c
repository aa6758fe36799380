/* SPDX-License-Identifier: MIT */
/*
 * `weft_width N`: N connections wait for bytes at the second of two workers, and it retires. How
 * long until all of its receives are at the other, and until each has received once there.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <weft.h>

#include "micro.h"

static long n, answered;
static int (*pair)[2];

static int receives(void *p)
{
	char c;

	while (weft_recv(((int *)p)[0], &c, 1, 0) == 1)
		__atomic_fetch_add(&answered, 1, __ATOMIC_RELAXED);
	return 0;
}

static uint64_t moved(void)
{
	struct weft_stats s = {.size = sizeof(s)};

	return weft_stats(&s) ? 0 : s.moved;
}

static int open_all(struct weft_co **co)
{
	for (long i = 0; i < n; i++) {
		const struct weft_co_attr attr = {.size = sizeof(attr), .worker = 2};

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]) ||
		    weft_fd_adopt(pair[i][0]) < 0 ||
		    weft_spawn(receives, pair[i], &attr, &co[i]) < 0)
			return 1;
		if (i % 256 == 0)
			weft_sleep_ns(WEFT_MS);
	}
	weft_sleep_ns(100 * WEFT_MS);
	return 0;
}

static int run(void *arg)
{
	struct weft_co **co = calloc((size_t)n, sizeof(struct weft_co *));

	(void)arg;
	pair = calloc((size_t)n, sizeof(*pair));
	if (!co || !pair || open_all(co))
		return 1;
	uint64_t start = bench_now();
	if (weft_set_workers(1) != 1)
		return 1;
	while (moved() < (uint64_t)n)
		weft_sleep_ns(WEFT_MS / 10);
	printf("retire_ms %.2f\n", (double)(bench_now() - start) / 1e6);
	start = bench_now();
	for (long i = 0; i < n; i++)
		if (write(pair[i][1], "x", 1) != 1)
			return 1;
	while (__atomic_load_n(&answered, __ATOMIC_RELAXED) < n)
		weft_yield();
	printf("answer_ms %.2f\n", (double)(bench_now() - start) / 1e6);
	for (long i = 0; i < n; i++)
		close(pair[i][1]);
	for (long i = 0; i < n; i++)
		weft_join(co[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const struct weft_options opt = {.size = sizeof(opt), .workers = 2};
	struct rlimit lim;

	n = bench_count(argc, argv, 9000);
	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	return weft_run(run, NULL, &opt);
}
