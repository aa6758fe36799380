/* SPDX-License-Identifier: MIT */
/* Executors of coroutines: the limit, what parks and what does not, cancelling. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "../check.h"

static atomic_int calls;

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static int counts(void *arg)
{
	atomic_fetch_add(&calls, 1);
	return (int)(intptr_t)arg;
}

static int parks(void *arg)
{
	atomic_fetch_add(&calls, 1);
	int rc = weft_sleep_ns(100 * WEFT_SEC);

	return rc ? rc : (int)(intptr_t)arg;
}

#define BOTH(name)                                                                       \
	Test(spawner, name, .timeout = 60)                                               \
	{                                                                                \
		RUN_ON(1, name);                                                         \
		atomic_store(&calls, 0);                                                 \
		RUN_ON(2, name);                                                         \
	}

static struct weft_executor *shared_ex;

static int coroutines_within_a_limit(void *arg)
{
	const struct weft_spawner_options o = {.size = sizeof(o), .limit = 2};
	struct weft_future *f[8];
	struct weft_executor *ex;
	int status;

	(void)arg;
	CHECK_EQ(weft_spawner_open(&o, &ex), 0);
	for (intptr_t i = 0; i < 8; i++)
		CHECK_EQ(weft_submit(ex, i < 4 ? parks : returns, (void *)i, NULL, &f[i]),
			 0);
	while (atomic_load(&calls) < 2)
		weft_yield();
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(atomic_load(&calls), 2);
	CHECK_EQ(weft_future_cancel(f[3]), 0); /* not begun */
	for (int i = 0; i < 3; i++) {
		while (atomic_load(&calls) <= i)
			weft_yield();
		CHECK_EQ(weft_future_cancel(f[i]), 0); /* asked */
		CHECK_EQ(weft_future_wait(f[i], &status), 0);
		CHECK_EQ(status, -ECANCELED);
	}
	for (int i = 4; i < 8; i++) {
		CHECK_EQ(weft_future_wait(f[i], &status), 0);
		CHECK_EQ(status, i); /* the cancelling ended with its task */
	}
	weft_executor_close(ex, false);
	for (int i = 0; i < 8; i++)
		weft_future_free(f[i]);
	CHECK_EQ(atomic_load(&calls), 3);
	return 0;
}
BOTH(coroutines_within_a_limit)

/* One that waits for room is cancelled: it gets the room, and is not called. */
static int begins(void *f)
{
	return weft_future_begin(f, shared_ex);
}

static int cancelled_while_it_waits_for_room(void *arg)
{
	const struct weft_spawner_options o = {.size = sizeof(o), .limit = 1, .queue = 1};
	const struct weft_task_attr waits = {.size = sizeof(waits),
					     .flags = WEFT_TASK_WAIT};
	struct weft_future *f[3];
	struct weft_co *co;
	int status;

	(void)arg;
	CHECK_EQ(weft_spawner_open(&o, &shared_ex), 0);
	CHECK_EQ(weft_submit(shared_ex, parks, NULL, NULL, &f[0]), 0);
	while (atomic_load(&calls) < 1)
		weft_yield();
	CHECK_EQ(weft_submit(shared_ex, returns, (void *)5, NULL, &f[1]), 0);
	CHECK_EQ(weft_future_new(counts, NULL, &waits, &f[2]), 0);
	CHECK_EQ(weft_spawn(begins, f[2], NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_future_cancel(f[2]), 0);
	CHECK_EQ(weft_future_cancel(f[0]), 0);
	CHECK_EQ(weft_future_wait(f[1], &status), 0);
	CHECK_EQ(status, 5);
	CHECK_EQ(weft_future_wait(f[2], &status), 0);
	CHECK_EQ(status, -ECANCELED);
	JOIN(co, 0);
	CHECK_EQ(atomic_load(&calls), 1);
	weft_executor_close(shared_ex, false);
	for (int i = 0; i < 3; i++)
		weft_future_free(f[i]);
	return 0;
}
BOTH(cancelled_while_it_waits_for_room)

/* Each waits for the next one to begin: none keeps the others from it, and the runner that is ahead of
 * them does not wait. */
enum { CHAIN = 50 };

static struct weft_event begun[CHAIN + 1];

static int awaits_next(void *arg)
{
	intptr_t i = (intptr_t)arg;

	weft_event_set(&begun[i]);
	return weft_event_wait(&begun[i + 1]);
}

static int who_parks_holds_nobody_up(void *arg)
{
	const struct weft_spawner_options few = {.size = sizeof(few), .limit = CHAIN + 1};
	struct weft_future *f[CHAIN + 1];
	struct weft_executor *ex;

	(void)arg;
	for (int round = 0; round < 2; round++) {
		memset(begun, 0, sizeof(begun));
		CHECK_EQ(weft_spawner_open(round ? &few : NULL, &ex), 0);
		for (intptr_t i = 0; i < CHAIN; i++)
			CHECK_EQ(weft_submit(ex, awaits_next, (void *)i, NULL, &f[i]), 0);
		CHECK_EQ(weft_submit(ex, returns, (void *)7, NULL, &f[CHAIN]), 0);
		CHECK_EQ(weft_future_wait(f[CHAIN], NULL), 0);
		for (int i = 0; i < CHAIN; i++)
			CHECK(!weft_future_done(f[i]) || i < CHAIN - 1);
		weft_event_set(&begun[CHAIN]);
		for (int i = 0; i <= CHAIN; i++) {
			CHECK_EQ(weft_future_wait(f[i], NULL), 0);
			weft_future_free(f[i]);
		}
		weft_executor_close(ex, false);
	}
	return 0;
}
BOTH(who_parks_holds_nobody_up)

/* Those that do not park share a coroutine; and who waits for room gets it. */
static int who_does_not_park_costs_no_coroutine(void *arg)
{
	const struct weft_spawner_options small = {.size = sizeof(small), .queue = 4};
	const struct weft_task_attr waits = {.size = sizeof(waits),
					     .flags = WEFT_TASK_WAIT};
	struct weft_stats before = {.size = sizeof(before)}, after = before;
	struct weft_executor *ex;
	struct weft_future *f[100];

	(void)arg;
	CHECK_EQ(weft_spawner_open(NULL, &ex), 0);
	CHECK_EQ(weft_stats(&before), 0);
	for (intptr_t i = 0; i < 100; i++)
		CHECK_EQ(weft_submit(ex, returns, (void *)i, NULL, &f[i]), 0);
	CHECK_EQ(weft_wait_all(f, 100, WEFT_NEVER), 0);
	CHECK_EQ(weft_stats(&after), 0);
	if (weft_workers() == 1)
		CHECK(after.spawned - before.spawned <= 2);
	for (int i = 0; i < 100; i++)
		weft_future_free(f[i]);
	weft_executor_close(ex, false);

	CHECK_EQ(weft_spawner_open(&small, &ex), 0);
	for (intptr_t i = 0; i < 4; i++)
		CHECK_EQ(weft_submit(ex, returns, (void *)i, NULL, &f[i]), 0);
	if (weft_workers() == 1)
		CHECK_EQ(weft_submit(ex, returns, NULL, NULL, &f[4]), -EAGAIN);
	for (intptr_t i = 4; i < 100; i++)
		CHECK_EQ(weft_submit(ex, returns, (void *)i, &waits, &f[i]), 0);
	for (int i = 0; i < 100; i++) {
		int status;

		CHECK_EQ(weft_future_wait(f[i], &status), 0);
		CHECK_EQ(status, i);
		weft_future_free(f[i]);
	}
	weft_executor_close(ex, false);
	return 0;
}
BOTH(who_does_not_park_costs_no_coroutine)
