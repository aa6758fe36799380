/* SPDX-License-Identifier: MIT */
/* The forks alone: order, overflow, and that nothing is lost or doubled by thieves. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "sched/run/deque.h"

enum { N = 20000, FEW = WF_DEQUE_SIZE - 1 };

static struct wf_co *objects(void)
{
	return calloc(N, sizeof(struct wf_co));
}

Test(deque, the_owner_takes_the_youngest_a_thief_the_oldest)
{
	static struct wf_deque d;
	struct wf_co *co = objects();

	for (int round = 0; round < 1000; round++) {
		cr_assert_null(wf_deque_pop(&d));
		cr_assert_null(wf_deque_steal(&d));
		for (int i = 0; i < FEW; i++)
			wf_deque_push(&d, &co[i]);
		cr_assert_eq(wf_deque_len(&d), FEW);
		cr_assert_eq(wf_deque_steal(&d), &co[0]);
		cr_assert_eq(wf_deque_pop(&d), &co[FEW - 1]);
		cr_assert_eq(wf_deque_steal(&d), &co[1]);
		for (int i = FEW - 2; i >= 2; i--)
			cr_assert_eq(wf_deque_pop(&d), &co[i]);
	}
	free(co);
}

Test(deque, what_does_not_fit_is_kept)
{
	static struct wf_deque d;
	struct wf_co *co = objects();

	for (int i = 0; i < N; i++)
		wf_deque_push(&d, &co[i]);
	cr_assert_eq(wf_deque_len(&d), N);
	for (int i = N - 1; i >= WF_DEQUE_SIZE; i--)
		cr_assert_eq(i % 2 ? wf_deque_pop(&d) : wf_deque_take_more(&d), &co[i]);
	for (int i = 0; i < WF_DEQUE_SIZE; i++)
		cr_assert_eq(wf_deque_steal(&d), &co[i]);
	cr_assert_null(wf_deque_pop(&d));
	free(co);
}

static struct wf_deque victim;
static struct wf_co *crowd;
static uint8_t taken[N];
static uint32_t left = N;

static void take(const struct wf_co *co)
{
	if (!co)
		return;
	cr_assert_eq(__atomic_fetch_add(&taken[co - crowd], 1, __ATOMIC_SEQ_CST), 0);
	__atomic_fetch_sub(&left, 1, __ATOMIC_SEQ_CST);
}

static void *thieve(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&left, __ATOMIC_SEQ_CST))
		take(wf_deque_steal(&victim));
	return NULL;
}

/* The owner keeps it short, so that all meet at the last one, again and again. */
Test(deque, thieves_and_owner_share_without_loss, .timeout = 60)
{
	pthread_t t[2];

	crowd = objects();
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, thieve, NULL);
	for (int i = 0; i < N; i++) {
		wf_deque_push(&victim, &crowd[i]);
		if (i % 8)
			take(wf_deque_pop(&victim));
	}
	while (__atomic_load_n(&left, __ATOMIC_SEQ_CST))
		take(wf_deque_pop(&victim));
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < N; i++)
		cr_assert_eq(taken[i], 1);
	free(crowd);
}
