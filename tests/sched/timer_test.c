/* SPDX-License-Identifier: MIT */
/* The heap against a plain array, and how much one operation touches. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sched/run/timer.h"

enum { N = 300, STEPS = 100000 };

static struct wf_timer timers[N];
static bool armed[N];

static uint64_t earliest(void)
{
	uint64_t at = WF_NEVER;

	for (int i = 0; i < N; i++)
		if (armed[i] && timers[i].at < at)
			at = timers[i].at;
	return at;
}

static void expire(struct wf_timers *heap, uint64_t now)
{
	uint64_t last = 0;
	struct wf_timer *t;

	while ((t = wf_timers_expire(heap, now))) {
		cr_assert(armed[t - timers] && t->at <= now && t->at >= last);
		last = t->at;
		armed[t - timers] = false;
	}
	cr_assert(earliest() > now);
}

Test(timer, the_heap_agrees_with_a_plain_array, .timeout = 60)
{
	struct wf_timers heap;
	uint64_t now = 0;

	cr_assert_eq(wf_timers_open(&heap, N), 0);
	srand(42);
	for (int step = 0; step < STEPS; step++) {
		int i = rand() % N;

		if (armed[i])
			wf_timers_remove(&heap, &timers[i]);
		else
			wf_timers_add(&heap, &timers[i], now + (uint64_t)(rand() % 1000));
		armed[i] = !armed[i];
		if (step % 10 == 0) {
			now += (uint64_t)(rand() % 20);
			expire(&heap, now);
		}
		if (step % 100 == 0)
			cr_assert_eq(wf_timers_next(&heap), earliest());
	}
	expire(&heap, WF_NEVER - 1);
	cr_assert_eq(heap.n, 0);
	wf_timers_close(&heap);
}

/* The longest way from the root to a leaf among n, plus the entry that is put in or out. */
static unsigned most_moves(uint32_t n)
{
	unsigned levels = 2;

	for (; n > 1; n /= 4)
		levels++;
	return levels;
}

static unsigned moves(const struct wf_timers *heap, const struct wf_timer_entry *before,
		      uint32_t n)
{
	unsigned moved = 0;

	for (uint32_t i = 0; i < n; i++)
		moved += heap->heap[i].timer != before[i].timer;
	return moved;
}

/* Not on average: each single operation moves no more than one path of the heap, whatever
 * the order in which n timers were armed. */
static void one_path(uint32_t n, uint64_t (*time_of)(uint32_t i))
{
	size_t bytes = (n + 1) * sizeof(struct wf_timer_entry);
	struct wf_timer *all = calloc(n, sizeof(*all)), *first;
	struct wf_timer_entry *before = malloc(bytes);
	struct wf_timers heap;

	cr_assert_eq(wf_timers_open(&heap, n), 0);
	for (uint32_t i = 0; i < n; i++)
		wf_timers_add(&heap, &all[i], time_of(i));
	for (uint32_t i = 0; i < 300; i++) {
		struct wf_timer *t = &all[(uint32_t)rand() % n];

		memcpy(before, heap.heap, bytes);
		wf_timers_remove(&heap, t);
		cr_assert_leq(moves(&heap, before, n - 1), most_moves(n));

		memcpy(before, heap.heap, bytes);
		wf_timers_add(&heap, t, time_of(n + i));
		cr_assert_leq(moves(&heap, before, n - 1), most_moves(n));

		memcpy(before, heap.heap, bytes);
		first = wf_timers_expire(&heap, WF_NEVER - 1);
		cr_assert_leq(moves(&heap, before, n - 1), most_moves(n));
		wf_timers_add(&heap, first, first->at);
	}
	wf_timers_close(&heap);
	free(before);
	free(all);
}

static uint64_t ascending(uint32_t i)
{
	return i;
}

static uint64_t descending(uint32_t i)
{
	return UINT32_MAX - i;
}

static uint64_t at_random(uint32_t i)
{
	(void)i;
	return (uint64_t)rand();
}

Test(timer, an_operation_moves_one_path_at_most, .timeout = 60)
{
	srand(42);
	for (uint32_t n = 100; n <= 10000; n *= 10) {
		one_path(n, ascending);
		one_path(n, descending);
		one_path(n, at_random);
	}
}

/* Four siblings, of which the earliest is looked for, lie in one cache line. */
Test(timer, siblings_share_a_cache_line)
{
	struct wf_timers heap;

	cr_assert_eq(wf_timers_open(&heap, 1000), 0);
	for (uint32_t i = 0; i < 200; i++)
		cr_assert_eq((uintptr_t)&heap.heap[i * 4 + 1] / 64,
			     (uintptr_t)&heap.heap[i * 4 + 4] / 64);
	wf_timers_close(&heap);
}
