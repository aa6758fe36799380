/* SPDX-License-Identifier: MIT */
/* Receive buffers alone: what the kernel is shown, and what comes back from others. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "../smaps.h"
#include "sched/base/sys.h"
#include "sched/ring/bufs.h"

enum { N = 512, BYTES = 100, GIVERS = 3 };

static struct wf_bufs bufs;
static int answer; /* of the kernel */

static int registered(int fd, unsigned op, const void *arg, unsigned n)
{
	(void)fd, (void)op, (void)arg, (void)n;
	return answer;
}

static void begin(void)
{
	wf_sys.ring_register = registered;
	answer = 0;
	cr_assert_eq(wf_bufs_open(&bufs, -1, N - 5, BYTES), 0);
}

static void end(void)
{
	wf_bufs_close(&bufs);
}

TestSuite(bufs, .init = begin, .fini = end, .timeout = 30);

/* What the kernel would take next. */
static uint16_t take(void)
{
	static uint16_t head;
	uint16_t bid;

	cr_assert_neq(head, bufs.ring->tail, "nothing is shown");
	bid = bufs.ring->bufs[head++ & (bufs.n - 1)].bid;
	wf_bufs_taken(&bufs);
	return bid;
}

Test(bufs, are_not_shared_with_children_nor_by_huge_pages)
{
	size_t bytes = (size_t)bufs.n * bufs.stride;

	cr_assert(smaps_all_are(bufs.ring, bufs.n * sizeof(struct io_uring_buf), " dc"));
	cr_assert(smaps_all_are(bufs.mem, bytes, " dc"));
	cr_assert(smaps_all_are(bufs.mem, bytes, " nh"));
}

Test(bufs, each_is_shown_once_and_none_overlap)
{
	static bool seen[N];

	cr_assert_eq(bufs.n, N); /* rounded up */
	cr_assert_eq(bufs.n_free, N);
	for (int i = 0; i < N; i++) {
		uint16_t bid = take();
		cr_assert(bid < N && !seen[bid]);
		seen[bid] = true;
		bufs.info[bid] = (struct wf_buf){.len = BYTES};
		memset(wf_bufs_data(&bufs, bid), bid & 0xff, BYTES);
	}
	cr_assert_eq(bufs.n_free, 0);
	for (int i = 0; i < N; i++)
		for (int j = 0; j < BYTES; j++)
			cr_assert_eq((uint8_t)wf_bufs_data(&bufs, (uint16_t)i)[j],
				     i & 0xff);
}

Test(bufs, few_are_in_turn_until_they_do_not_suffice)
{
	uint32_t goal = bufs.goal;
	uint16_t bid = 0;

	cr_assert_lt(goal, N);
	for (uint32_t i = 0; i < 3 * N; i++) {
		bid = take();
		wf_bufs_give_owner(&bufs, bid);
		cr_assert(bufs.n_shown <= goal && bufs.n_shown >= goal / 2);
	}
	wf_bufs_short(&bufs);
	cr_assert_eq(bufs.n_shown, 2 * goal);
	for (int i = 0; i < 10; i++)
		wf_bufs_short(&bufs);
	cr_assert_eq(bufs.n_shown, N); /* and no more */
	cr_assert_eq(bufs.n_free, N);
}

Test(bufs, no_memory_leaves_nothing)
{
	struct wf_bufs b;

	answer = -ENOMEM;
	cr_assert_eq(wf_bufs_open(&b, -1, 16, BYTES), -ENOMEM);
	cr_assert(!b.ring && !b.mem && !b.info);
}

static void *give_third(void *arg)
{
	for (uintptr_t i = (uintptr_t)arg; i < N; i += GIVERS)
		wf_bufs_give_any(&bufs, (uint16_t)i);
	return NULL;
}

Test(bufs, others_give_back_through_the_owner)
{
	pthread_t t[GIVERS];

	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < N; i++)
			take();
		for (uintptr_t i = 0; i < GIVERS; i++)
			pthread_create(&t[i], NULL, give_third, (void *)i);
		while (bufs.n_free < N)
			wf_bufs_collect(&bufs);
		for (int i = 0; i < GIVERS; i++)
			pthread_join(t[i], NULL);
		cr_assert_eq(bufs.remote, 0);
	}
}
