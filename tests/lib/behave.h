/* SPDX-License-Identifier: MIT */
/* What tests of behaviour share: every number of workers, and a way to know who waits. */
#ifndef WF_TESTS_LIB_BEHAVE_H
#define WF_TESTS_LIB_BEHAVE_H

#include "../check.h"
#include "../../lib/chan/chan.h"

/* fn as main coroutine on 1, 2 and 4 workers. */
#define RUN_EVERYWHERE(fn)                                                               \
	do {                                                                             \
		RUN_ON(1, fn);                                                           \
		RUN_ON(2, fn);                                                           \
		RUN_ON(4, fn);                                                           \
	} while (0)

/* How many wait. Every object begins with its queue, and who is in it has parked. */
static inline uint32_t waiting(void *object)
{
	struct wf_waitq *q = object;

	wf_spin_lock(&q->lock);
	uint32_t n = q->n;
	wf_spin_unlock(&q->lock);
	return n;
}

/* Until n wait. It takes as long as it takes: whoever should come does, or the test hangs. */
static inline int until_waiting(void *object, uint32_t n)
{
	while (waiting(object) != n)
		CHECK_EQ(weft_sleep_ns(20 * WEFT_US), 0);
	return 0;
}

/* Start fn(arg) and return when it waits as the nth in object. */
static inline int start_waiter(int (*fn)(void *), void *arg, void *object, uint32_t n,
			       struct weft_co **ret_co)
{
	CHECK_EQ(weft_spawn(fn, arg, NULL, ret_co), 0);
	return until_waiting(object, n);
}

#endif
