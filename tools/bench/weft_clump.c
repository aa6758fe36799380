/* SPDX-License-Identifier: MIT */
/*
 * `weft_clump N CASE PLACE` on two workers: work comes in clumps of 64, 20 us each. From its
 * arrival to its end, over N pieces.
 *	spawn    one coroutine spawns each clump
 *	accept   one acceptor accepts 64 connections, of which each asks once
 *	PLACE    here, least, turn, spread: where what does the work starts (weft_co_attr)
 */
#include <pthread.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <weft.h>

#include "lateness.h"

enum { CLUMP = 64, WORK_NS = 20000 };

struct piece {
	uint64_t came;
	int fd;
};

static long n, done;
static struct weft_co_attr attr = {.size = sizeof(attr)};
static struct hist took[2]; /* one a worker */
static struct sockaddr_in address;

static void finish(const struct piece *p)
{
	hist_add(&took[weft_worker_id()], bench_now() - p->came);
	__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
}

static int works(void *p)
{
	bench_compute(WORK_NS);
	finish(p);
	return 0;
}

static void await(long want)
{
	while (__atomic_load_n(&done, __ATOMIC_RELAXED) < want)
		weft_sleep_ns(WEFT_MS / 5);
}

static int spawn_clumps(void)
{
	static struct piece piece[CLUMP];

	for (long i = 0; i < n; i += CLUMP) {
		for (int k = 0; k < CLUMP; k++) {
			piece[k].came = bench_now();
			if (weft_spawn(works, &piece[k], &attr, NULL) < 0)
				return 1;
		}
		await(i + CLUMP);
	}
	return 0;
}

static int answers(void *arg)
{
	struct piece *p = arg;
	char c;

	if (weft_recv(p->fd, &c, 1, 0) == 1) {
		bench_compute(WORK_NS);
		weft_send_all(p->fd, &c, 1, 0);
	}
	weft_close(p->fd);
	finish(p);
	free(p);
	return 0;
}

static int accepts(void *listener)
{
	for (;;) {
		int fd = weft_accept((int)(intptr_t)listener, NULL);
		struct piece *p = fd < 0 ? NULL : malloc(sizeof(*p));

		if (!p)
			return 0;
		*p = (struct piece){.came = bench_now(), .fd = fd};
		if (weft_spawn(answers, p, &attr, NULL) < 0)
			return 1;
	}
}

/* A plain thread: all of a clump at once, then all answers. */
static void *client(void *arg)
{
	int fd[CLUMP];
	char c = 'x';

	for (long i = 0; i < n; i += CLUMP) {
		for (int k = 0; k < CLUMP; k++) {
			fd[k] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
			if (connect(fd[k], (struct sockaddr *)&address,
				    sizeof(address)) ||
			    write(fd[k], &c, 1) != 1)
				exit(1);
		}
		for (int k = 0; k < CLUMP; k++) {
			if (read(fd[k], &c, 1) != 1)
				exit(1);
			close(fd[k]);
		}
	}
	return arg;
}

static int accept_clumps(void)
{
	socklen_t len = sizeof(address);
	struct weft_co *acceptor;
	pthread_t thread;
	int l = weft_socket(AF_INET, SOCK_STREAM, 0);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&address, len) || weft_listen(l, 512) < 0 ||
	    getsockname(l, (struct sockaddr *)&address, &len) ||
	    weft_spawn(accepts, (void *)(intptr_t)l, NULL, &acceptor) < 0 ||
	    pthread_create(&thread, NULL, client, NULL))
		return 1;
	await(n);
	pthread_join(thread, NULL);
	weft_cancel(acceptor);
	weft_join(acceptor, NULL);
	weft_close(l);
	return 0;
}

static int run(void *which)
{
	uint64_t start = bench_now();
	int rc = strcmp(which, "accept") ? spawn_clumps() : accept_clumps();

	for (unsigned i = 0; i < HIST_SIZE; i++)
		took[0].bucket[i] += took[1].bucket[i];
	took[0].count += took[1].count;
	printf("rate %.0f\n", (double)n * 1e9 / (double)(bench_now() - start));
	printf("p50_us %.1f\n", (double)hist_at(&took[0], 0.5) / 1e3);
	printf("p99_us %.1f\n", (double)hist_at(&took[0], 0.99) / 1e3);
	printf("p999_us %.1f\n", (double)hist_at(&took[0], 0.999) / 1e3);
	return rc;
}

static void set_place(const char *name)
{
	if (!strcmp(name, "least"))
		attr.place = WEFT_CO_LEAST_LOADED;
	else if (!strcmp(name, "turn"))
		attr.place = WEFT_CO_NODE_IN_TURN;
	else if (!strcmp(name, "spread"))
		attr.flags = WEFT_CO_SPREAD;
}

int main(int argc, char **argv)
{
	const struct weft_options opt = {.size = sizeof(opt), .workers = 2};

	n = (bench_count(argc, argv, 64000) + CLUMP - 1) / CLUMP * CLUMP;
	set_place(argc > 3 ? argv[3] : "here");
	return weft_run(run, (void *)(intptr_t)(argc > 2 ? argv[2] : "spawn"), &opt);
}
