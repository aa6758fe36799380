/* SPDX-License-Identifier: MIT */
/*
 * Tells where the workers of a runtime run and where their memory lies, one line a worker:
 *
 *	WORKER 2 cpus=4 ran=4 stacks=2 worker=2 ring=2 buffers=2 timers=2 told=2
 *
 * `where [WORKERS]`; the policy comes from WEFT_PLACE. It asks the kernel (affinity masks,
 * move_pages), not the code that it is about; only `told` is the node that
 * weft_place_get() gives. ../places.py knows what should be.
 */
#include <errno.h>
#include <numaif.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/run/worker.h"
#include "weft.h"

enum { PAGE = 4096, NODES = 64, STACKS = 8, DEEP = 5 * PAGE };

/* ---- pages ---- */

/* Add to *nodes, a bit each, where the pages are that have been touched. */
static void look(const void *mem, size_t bytes, uint64_t *nodes)
{
	uintptr_t page = (uintptr_t)mem & ~(uintptr_t)(PAGE - 1);
	int status;

	for (; page < (uintptr_t)mem + bytes; page += PAGE) {
		void *p = (void *)page;
		if (move_pages(0, 1, &p, NULL, &status, 0) == 0 && status >= 0)
			*nodes |= 1ull << status % NODES;
	}
}

static void print_set(const char *name, uint64_t set)
{
	const char *sep = "";

	printf(" %s=", name);
	for (int i = 0; i < NODES; i++) {
		if (set >> i & 1) {
			printf("%s%d", sep, i);
			sep = ",";
		}
	}
}

/* ---- on each worker ---- */

struct found {
	uint64_t cpus, ran, stacks, ring, buffers;
};

/* A coroutine that uses some of its stack. */
static int deep(void *nodes)
{
	volatile char used[DEEP];

	memset((void *)used, 1, sizeof(used));
	look((void *)used, sizeof(used), nodes);
	return weft_yield();
}

/* Bytes that arrive on this worker's ring go through its buffers. */
static int talk(void)
{
	int l = weft_tcp_listen("127.0.0.1", 0, NULL);
	int a = weft_tcp_dial("127.0.0.1", (uint16_t)weft_tcp_port(l), NULL);
	int b = weft_accept(l, NULL), n = 0;
	char buf[64];

	for (int i = 0; i < 100 && n >= 0; i++) {
		weft_send_all(a, "weft", 4, 0);
		n = (int)weft_recv(b, buf, sizeof(buf), 0);
	}
	weft_close(a);
	weft_close(b);
	weft_close(l);
	return n;
}

static int visit(void *arg)
{
	unsigned id = (unsigned)weft_worker_id();
	const struct wf_ring *r = &wf_rt.workers[id]->ring;
	struct weft_co_attr here = {
		.size = sizeof(here), .worker = (int)id + 1, .flags = WEFT_CO_PINNED};
	struct weft_co *co[STACKS];
	struct found *f = arg;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	memcpy(&f->cpus, &set, sizeof(f->cpus)); /* the first 64 */
	for (int i = 0; i < STACKS; i++)
		if (weft_spawn(deep, &f->stacks, &here, &co[i]) < 0)
			return -ENOMEM;
	for (int i = 0; i < STACKS; i++)
		weft_join(co[i], NULL);
	if (talk() < 0 || weft_sleep_ns(20 * WEFT_MS) < 0)
		return -EIO;
	look(r->ur.sq.sqes, PAGE, &f->ring);
	look(r->ur.sq.khead, PAGE, &f->ring);
	if (r->bufs.mem)
		look(r->bufs.mem, (size_t)r->bufs.n * r->bufs.stride, &f->buffers);
	f->ran = 1ull << sched_getcpu();
	return 0;
}

static void print_worker(unsigned id, const struct found *f)
{
	const struct wf_worker *w = wf_rt.workers[id];
	struct weft_place place = {.size = sizeof(place)};
	uint64_t worker = 0, timers = 0;

	look(w, sizeof(*w), &worker);
	look(w->timers.mem, (size_t)16 * PAGE, &timers);
	printf("WORKER %u", id);
	print_set("cpus", f->cpus);
	print_set("ran", f->ran);
	print_set("stacks", f->stacks);
	print_set("worker", worker);
	print_set("ring", f->ring);
	print_set("buffers", f->buffers);
	print_set("timers", timers);
	if (weft_place_get(id, &place) == 0 && place.node >= 0)
		printf(" told=%d", place.node);
	putchar('\n');
}

static int first(void *arg)
{
	(void)arg;
	for (unsigned id = 0; id < (unsigned)weft_workers(); id++) {
		struct weft_co_attr there = {.size = sizeof(there),
					     .worker = (int)id + 1,
					     .flags = WEFT_CO_PINNED};
		struct found f = {0};
		struct weft_co *co;
		int status = -1;

		if (weft_spawn(visit, &f, &there, &co) < 0)
			return -ENOMEM;
		weft_join(co, &status);
		if (status)
			return status;
		print_worker(id, &f);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options o = {.size = sizeof(o),
				 .workers = argc > 1 ? (unsigned)atoi(argv[1]) : 0};
	int rc = weft_run(first, NULL, &o);

	if (rc)
		fprintf(stderr, "where: %d: %s\n", rc, weft_start_error());
	return rc != 0;
}
