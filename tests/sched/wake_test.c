/* SPDX-License-Identifier: MIT */
/* What a wake-up costs: at most one system call for each sleeping worker in a burst; on its word when
 * it waits for nothing but that, else through its ring. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "../../sched/base/sys.h"
#include "../../sched/ring/feat.h"
#include "../../sched/ring/uapi.h"
#include "../../sched/run/worker.h"
#include "../check.h"

enum { BURST = 100 };

static int (*real_register)(int fd, unsigned op, const void *arg, unsigned n);
static int (*real_futex_wake)(uint32_t *word, int n);
static int by_ring, by_word; /* wake-ups of the second worker */
static int ran;
static bool hold;

static void count(int *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST);
}

static int taken(int *n)
{
	return __atomic_exchange_n(n, 0, __ATOMIC_SEQ_CST);
}

static bool is_up(void)
{
	return __atomic_load_n(&wf_rt.phase, __ATOMIC_SEQ_CST) == WF_UP;
}

/* By any thread; all else goes through. */
static int count_messages(int fd, unsigned op, const void *arg, unsigned n)
{
	const struct io_uring_sqe *sqe = arg;

	if (op == WF_REGISTER_SEND_MSG_RING && is_up() &&
	    sqe->fd == wf_rt.workers[1]->ring.ur.ring_fd)
		count(&by_ring);
	return real_register(fd, op, arg, n);
}

static int count_words(uint32_t *word, int n)
{
	if (is_up() && word == &wf_rt.workers[1]->sleeping)
		count(&by_word);
	return real_futex_wake(word, n);
}

/* Its worker stays awake until the whole burst was sent. */
static int first(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&hold, __ATOMIC_SEQ_CST))
		;
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int next(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static const struct weft_co_attr first_worker = {
	.size = sizeof(first_worker), .worker = 1, .flags = WEFT_CO_PINNED};
static const struct weft_co_attr second_worker = {
	.size = sizeof(second_worker), .worker = 2, .flags = WEFT_CO_PINNED};

static void await_sleep(void)
{
	while (!__atomic_load_n(&wf_rt.workers[1]->sleeping, __ATOMIC_SEQ_CST))
		sched_yield();
}

/* Spawn a burst on the second worker while it sleeps; adds the wake-ups. On watch it wakes up by itself
 * now and then, and needs none. */
static int burst(int *ring, int *word)
{
	await_sleep();
	__atomic_store_n(&hold, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&ran, 0, __ATOMIC_SEQ_CST);
	taken(&by_ring);
	taken(&by_word);
	for (int i = 0; i < BURST; i++)
		CHECK_EQ(weft_spawn(i ? next : first, NULL, &second_worker, NULL), 0);
	int r = taken(&by_ring), w = taken(&by_word);
	__atomic_store_n(&hold, false, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ran, __ATOMIC_SEQ_CST) < BURST)
		sched_yield();
	CHECK(r + w <= 1);
	*ring += r;
	*word += w;
	return 0;
}

/* In its ring it sleeps if a coroutine there waits for a descriptor. */
static int bursts(bool in_ring)
{
	int ring = 0, word = 0;

	for (int i = 0; i < 20; i++)
		CHECK_EQ(burst(&ring, &word), 0);
	CHECK((in_ring ? ring : word) > 0);
	CHECK_EQ(in_ring ? word : ring, 0);
	return 0;
}

static int from_a_worker(void *arg)
{
	return bursts(arg);
}

static int reads(void *arg)
{
	char byte;

	count(&ran);
	return (int)weft_read(*(int *)arg, &byte, 1);
}

static void start_counting(void)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2};

	real_register = wf_sys.ring_register;
	wf_sys.ring_register = count_messages;
	real_futex_wake = wf_sys.futex_wake;
	wf_sys.futex_wake = count_words;
	cr_assert_eq(weft_start(&o), 0);
}

static void burst_from_a_worker(bool in_ring)
{
	struct weft_co *co;
	int status = -1;

	cr_assert_eq(weft_spawn(from_a_worker, (void *)in_ring, &first_worker, &co), 0);
	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, 0, "line %d", status);
}

Test(wake, a_burst_from_a_worker_costs_one, .timeout = 60)
{
	start_counting();
	burst_from_a_worker(false);
	cr_assert_eq(weft_stop(), 0);
}

Test(wake, a_burst_from_a_plain_thread_costs_one, .timeout = 60)
{
	start_counting();
	cr_assert_eq(bursts(false), 0);
	cr_assert_eq(weft_stop(), 0);
}

Test(wake, a_burst_while_its_ring_has_work_costs_one, .timeout = 60)
{
	struct weft_co *co;
	int fd[2], status = -1;

	start_counting();
	if (!wf_has(WF_FEAT_MSG_RING_SYNC)) {
		weft_stop();
		cr_skip_test(
			"MSG_RING_SYNC (6.13): wake-ups of rings are not counted here");
	}
	cr_assert_eq(pipe(fd), 0);
	taken(&ran);
	cr_assert_eq(weft_spawn(reads, &fd[0], &second_worker, &co), 0);
	while (!__atomic_load_n(&ran, __ATOMIC_SEQ_CST))
		sched_yield();
	cr_assert_eq(bursts(true), 0);
	burst_from_a_worker(true);
	cr_assert_eq(write(fd[1], "", 1), 1);
	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, 1);
	cr_assert_eq(weft_stop(), 0);
}
