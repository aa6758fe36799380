/* SPDX-License-Identifier: MIT */
/*
 * `weft_rescue N STALL WORKERS`: a plain thread makes N round trips of one byte with a connection
 * that is at home on the last worker, which meanwhile is stalled: `hog` computes, `read` waits in
 * read(2), `none` does neither. How long each trip takes.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <weft.h>

#include "lateness.h"

enum { STALL_MS = 10 };

static int end[2], gate[2];
static long n;
static int stalling, stop; /* relaxed */
static struct hist took;

static void set(int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_RELAXED);
}

static int is_set(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static void told(const struct weft_stall *stall, void *arg)
{
	(void)stall, (void)arg;
	set(&stalling);
}

static int serves(void *arg)
{
	char c;

	(void)arg;
	weft_pin(); /* where the first receive is, the connection is at home */
	for (int i = 0; weft_recv(end[1], &c, 1, 0) == 1; i++) {
		weft_send_all(end[1], &c, 1, 0);
		if (i == 0)
			weft_unpin();
	}
	return 0;
}

static int hogs(void *arg)
{
	(void)arg;
	while (!is_set(&stop))
		;
	return 0;
}

static int reads(void *arg)
{
	char c;

	(void)arg;
	return read(gate[0], &c, 1) == 1 ? 0 : 1;
}

static void trip(void)
{
	char c = 0;

	if (send(end[0], &c, 1, 0) != 1 || recv(end[0], &c, 1, 0) != 1)
		abort();
}

static void measure(void)
{
	for (long i = 0; i < n; i++) {
		uint64_t start = bench_now();

		trip();
		hist_add(&took, bench_now() - start);
		usleep(1000); /* as seldom as a request that somebody waits for */
	}
}

static int stall(const char *how, int worker, struct weft_co **ret_co)
{
	const struct weft_co_attr attr = {
		.size = sizeof(attr), .flags = WEFT_CO_PINNED, .worker = worker};
	int rc = weft_spawn(strcmp(how, "hog") ? reads : hogs, NULL, &attr, ret_co);

	while (!rc && !is_set(&stalling))
		usleep(100);
	return rc;
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "none";
	const unsigned workers = argc > 3 ? (unsigned)atoi(argv[3]) : 2;
	const struct weft_options opt = {.size = sizeof(opt),
					 .workers = workers,
					 .faults = 1,
					 .stall_ms = STALL_MS,
					 .on_stall = told,
					 .rescue = 1};
	const struct weft_co_attr last = {.size = sizeof(last), .worker = (int)workers};
	struct weft_co *co = NULL;

	n = bench_count(argc, argv, 100);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, end) || pipe(gate) || weft_start(&opt) ||
	    weft_fd_adopt(end[1]) || weft_spawn(serves, NULL, &last, NULL))
		return 1;
	for (int i = 0; i < 100; i++)
		trip();
	usleep(10000);
	if (strcmp(how, "none") && stall(how, (int)workers, &co))
		return 1;
	measure();
	set(&stop);
	if (co && (write(gate[1], "", 1) != 1 || weft_join(co, NULL)))
		return 1;
	bench_lateness(&took);
	return weft_stop();
}
