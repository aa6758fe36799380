/* SPDX-License-Identifier: MIT */
/* What a wake-up costs: at most one for each sleeping worker in a burst. */
#include <pthread.h>
#include <sched.h>

#include "../../sched/base/sys.h"
#include "../../sched/ring/feat.h"
#include "../../sched/ring/uapi.h"
#include "../../sched/run/worker.h"
#include "../check.h"

enum { BURST = 100 };

static int (*real_register)(int fd, unsigned op, const void *arg, unsigned n);
static int messages, ran;
static bool hold;

/* Counts wake-ups by any thread; all else goes through. */
static int count_messages(int fd, unsigned op, const void *arg, unsigned n)
{
	if (op == WF_REGISTER_SEND_MSG_RING)
		__atomic_add_fetch(&messages, 1, __ATOMIC_SEQ_CST);
	return real_register(fd, op, arg, n);
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

static void await_sleep(unsigned worker)
{
	while (!__atomic_load_n(&wf_rt.workers[worker]->sleeping, __ATOMIC_SEQ_CST))
		sched_yield();
}

/* Spawn a burst on worker 1 while it sleeps. */
static int burst(void)
{
	const struct weft_co_attr there = {
		.size = sizeof(there), .worker = 2, .flags = WEFT_CO_PINNED};

	await_sleep(1);
	__atomic_store_n(&hold, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&ran, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&messages, 0, __ATOMIC_SEQ_CST);
	for (int i = 0; i < BURST; i++)
		CHECK_EQ(weft_spawn(i ? next : first, NULL, &there, NULL), 0);
	int n = __atomic_load_n(&messages, __ATOMIC_SEQ_CST);
	__atomic_store_n(&hold, false, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ran, __ATOMIC_SEQ_CST) < BURST)
		sched_yield();
	CHECK(n >= 1 && n <= 2); /* the other worker may be called to keep watch */
	return 0;
}

static int from_a_worker(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		CHECK_EQ(burst(), 0);
	return 0;
}

static void start_counting(void)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2};

	real_register = wf_sys.ring_register;
	wf_sys.ring_register = count_messages;
	cr_assert_eq(weft_start(&o), 0);
	if (!wf_has(WF_FEAT_MSG_RING_SYNC))
		cr_skip_test("MSG_RING_SYNC (6.13): wake-ups are not counted here");
}

Test(wake, a_burst_from_a_worker_costs_one, .timeout = 60)
{
	const struct weft_co_attr here = {
		.size = sizeof(here), .worker = 1, .flags = WEFT_CO_PINNED};
	struct weft_co *co;
	int status = -1;

	start_counting();
	cr_assert_eq(weft_spawn(from_a_worker, NULL, &here, &co), 0);
	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, 0, "line %d", status);
	cr_assert_eq(weft_stop(), 0);
}

Test(wake, a_burst_from_a_plain_thread_costs_one, .timeout = 60)
{
	start_counting();
	for (int i = 0; i < 20; i++)
		cr_assert_eq(burst(), 0);
	cr_assert_eq(weft_stop(), 0);
}
