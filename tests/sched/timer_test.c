/* SPDX-License-Identifier: MIT */
/* The pairing heap against a plain array. */
#include <criterion/criterion.h>
#include <stdlib.h>

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
	struct wf_timers heap = {0};
	uint64_t now = 0;

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
	cr_assert_null(heap.root);
}
