/* SPDX-License-Identifier: MIT */
/* The run queue alone: order, overflow, and that nothing is lost or doubled by thieves. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "sched/run/runq.h"

enum { N = 5000 };

static struct wf_co *objects(void)
{
	return calloc(N, sizeof(struct wf_co));
}

Test(runq, first_in_first_out_beyond_the_ring)
{
	static struct wf_runq q;
	struct wf_co *co = objects();

	wf_runq_init(&q, true);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++)
			wf_runq_push_owner(&q, &co[i]);
		cr_assert_eq(wf_runq_len(&q), N);
		for (int i = 0; i < N; i++)
			cr_assert_eq(wf_runq_pop_owner(&q), &co[i], "round %d, %d", round,
				     i);
		cr_assert_null(wf_runq_pop_owner(&q));
	}
	free(co);
}

Test(runq, a_thief_takes_half_in_order)
{
	static struct wf_runq q, mine;
	struct wf_co *co = objects();
	uint32_t n = 0;

	wf_runq_init(&q, true);
	wf_runq_init(&mine, true);
	cr_assert_null(wf_runq_steal(&mine, &q, 100, -1, &n));
	for (int i = 0; i < 10; i++)
		wf_runq_push_owner(&q, &co[i]);
	cr_assert_eq(wf_runq_steal(&mine, &q, 100, -1, &n), &co[0]);
	cr_assert_eq(n, 5);
	for (int i = 1; i < 5; i++)
		cr_assert_eq(wf_runq_pop_owner(&mine), &co[i]);
	cr_assert_eq(wf_runq_pop_owner(&q), &co[5]);
	cr_assert_eq(wf_runq_steal(&mine, &q, 2, -1, &n), &co[6]);
	cr_assert_eq(n, 2);
	free(co);
}

static struct wf_runq victim;
static struct wf_co *crowd;
static uint8_t taken[N];
static uint32_t left = N;

static void take(const struct wf_co *co)
{
	cr_assert_eq(__atomic_fetch_add(&taken[co - crowd], 1, __ATOMIC_SEQ_CST), 0);
	__atomic_fetch_sub(&left, 1, __ATOMIC_SEQ_CST);
}

static void *thieve(void *arg)
{
	struct wf_runq *mine = arg;
	struct wf_co *co;
	uint32_t n;

	while (__atomic_load_n(&left, __ATOMIC_SEQ_CST)) {
		co = wf_runq_steal(mine, &victim, 100, -1, &n);
		for (; co; co = wf_runq_pop_owner(mine))
			take(co);
	}
	return NULL;
}

Test(runq, thieves_and_owner_share_without_loss, .timeout = 60)
{
	static struct wf_runq q[2];
	pthread_t t[2];

	crowd = objects();
	wf_runq_init(&victim, true);
	for (int i = 0; i < 2; i++) {
		wf_runq_init(&q[i], true);
		pthread_create(&t[i], NULL, thieve, &q[i]);
	}
	for (int i = 0; i < N; i++) {
		wf_runq_push_owner(&victim, &crowd[i]);
		struct wf_co *co = i % 3 ? NULL : wf_runq_pop_owner(&victim);
		if (co)
			take(co);
	}
	for (struct wf_co *co; __atomic_load_n(&left, __ATOMIC_SEQ_CST);)
		if ((co = wf_runq_pop_owner(&victim)))
			take(co);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < N; i++)
		cr_assert_eq(taken[i], 1);
	free(crowd);
}
