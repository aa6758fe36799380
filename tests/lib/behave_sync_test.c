/* SPDX-License-Identifier: MIT */
/*
 * What programmers who come from other languages expect of locks and the like: the behaviours
 * that the tests of their runtimes check. What is promised beyond that is in sync_test.c.
 */
#include <stdatomic.h>

#include "behave.h"

static struct weft_mutex m;
static struct weft_cond cond;
static struct weft_rwlock rw;
static struct weft_once once;
static struct weft_sem sem;
static struct weft_barrier barrier;
static struct weft_event event;
static atomic_int running, most_running, done;
static int order[64];

static void reset(void)
{
	memset(&m, 0, sizeof(m));
	memset(&cond, 0, sizeof(cond));
	memset(&rw, 0, sizeof(rw));
	memset(&once, 0, sizeof(once));
	memset(&sem, 0, sizeof(sem));
	memset(&barrier, 0, sizeof(barrier));
	memset(&event, 0, sizeof(event));
	running = most_running = done = 0;
}

/* ---- mutex ---- */

enum { HAMMERS = 10, BLOWS = 1000 };
static long blows;

/* Every third time it tries first. */
static int hammer(void *arg)
{
	(void)arg;
	for (int i = 0; i < BLOWS; i++) {
		if (i % 3 || weft_mutex_trylock(&m))
			CHECK_EQ(weft_mutex_lock(&m), 0);
		blows++;
		if (i % 100 == 0)
			CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(weft_mutex_unlock(&m), 0);
	}
	return 0;
}

static int hammering(void *arg)
{
	struct weft_co *co[HAMMERS];

	(void)arg;
	reset();
	blows = 0;
	CHECK_EQ(weft_mutex_lock(&m), 0);
	CHECK_EQ(weft_mutex_trylock(&m), -EBUSY);
	CHECK_EQ(weft_mutex_unlock(&m), 0);
	CHECK_EQ(weft_mutex_trylock(&m), 0);
	CHECK_EQ(weft_mutex_unlock(&m), 0);
	for (int i = 0; i < HAMMERS; i++)
		CHECK_EQ(weft_spawn(hammer, NULL, NULL, &co[i]), 0);
	for (int i = 0; i < HAMMERS; i++)
		JOIN(co[i], 0);
	CHECK_EQ(blows, HAMMERS * BLOWS);
	return weft_mutex_trylock(&m); /* nothing of it is left held */
}

Test(behave_sync, a_hammered_mutex_excludes, .timeout = 60)
{
	RUN_EVERYWHERE(hammering);
}

/* One holds it nearly always, for long; another that wants it now and then must get it. */
static int holds_long(void *arg)
{
	(void)arg;
	while (!atomic_load(&done)) {
		CHECK_EQ(weft_mutex_lock(&m), 0);
		CHECK_EQ(weft_sleep_ns(100 * WEFT_US), 0);
		CHECK_EQ(weft_mutex_unlock(&m), 0);
	}
	return 0;
}

static int unfair(void *arg)
{
	struct weft_co *co;

	(void)arg;
	reset();
	CHECK_EQ(weft_spawn(holds_long, NULL, NULL, &co), 0);
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(weft_sleep_ns(100 * WEFT_US), 0);
		CHECK_EQ(weft_mutex_lock(&m), 0); /* hangs where it starves */
		CHECK_EQ(weft_mutex_unlock(&m), 0);
	}
	atomic_store(&done, 1);
	JOIN(co, 0);
	return 0;
}

Test(behave_sync, a_long_holder_starves_nobody, .timeout = 60)
{
	RUN_EVERYWHERE(unfair);
}

/* ---- condition ---- */

static atomic_int awake;

static int waits_for_signal(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_mutex_lock(&m), 0);
	CHECK_EQ(weft_cond_wait(&cond, &m), 0);
	order[atomic_fetch_add(&awake, 1)] = (int)(intptr_t)arg;
	return weft_mutex_unlock(&m);
}

/* Each signal wakes one, in the order in which they came; a broadcast the rest. */
static int signals(void *arg)
{
	enum { WAITERS = 12, SINGLE = 5 };
	struct weft_co *co[WAITERS];

	(void)arg;
	reset();
	awake = 0;
	weft_cond_signal(&cond); /* nobody is there: it is lost */
	for (intptr_t i = 0; i < WAITERS; i++)
		CHECK_EQ(start_waiter(waits_for_signal, (void *)i, &cond, (uint32_t)i + 1,
				      &co[i]),
			 0);
	for (int i = 0; i < SINGLE; i++) {
		CHECK_EQ(awake, i);
		weft_cond_signal(&cond);
		JOIN(co[i], 0);
		CHECK_EQ(order[i], i);
		CHECK_EQ(waiting(&cond), WAITERS - i - 1);
	}
	weft_cond_broadcast(&cond);
	for (int i = SINGLE; i < WAITERS; i++)
		JOIN(co[i], 0);
	CHECK_EQ(awake, WAITERS);
	return 0;
}

Test(behave_sync, a_signal_wakes_the_first_a_broadcast_all)
{
	RUN_EVERYWHERE(signals);
}

/* A signal and the wait for an answer to it race: neither may be lost. */
static bool turn;

static int answers(void *arg)
{
	bool mine = arg;

	CHECK_EQ(weft_mutex_lock(&m), 0);
	for (int i = 0; i < 2000; i++) {
		while (turn != mine)
			CHECK_EQ(weft_cond_wait(&cond, &m), 0);
		turn = !mine;
		weft_cond_signal(&cond);
	}
	return weft_mutex_unlock(&m);
}

static int answering(void *arg)
{
	struct weft_co *co[2];

	(void)arg;
	reset();
	turn = false;
	CHECK_EQ(weft_spawn(answers, NULL, NULL, &co[0]), 0);
	CHECK_EQ(weft_spawn(answers, (void *)1, NULL, &co[1]), 0);
	JOIN(co[0], 0);
	JOIN(co[1], 0);
	return 0;
}

Test(behave_sync, no_signal_is_lost_between_two, .timeout = 60)
{
	RUN_EVERYWHERE(answering);
}

/* ---- readers and writers ---- */

static int reads_beside_others(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_rwlock_rdlock(&rw), 0);
	atomic_fetch_add(&running, 1);
	CHECK_EQ(weft_event_wait(&event), 0);
	atomic_fetch_sub(&running, 1);
	return weft_rwlock_unlock(&rw);
}

/* As many readers as like are inside at the same time. */
static int parallel_readers(void *arg)
{
	enum { READERS = 10 };
	struct weft_co *co[READERS];

	(void)arg;
	reset();
	for (int i = 0; i < READERS; i++)
		CHECK_EQ(weft_spawn(reads_beside_others, NULL, NULL, &co[i]), 0);
	CHECK_EQ(until_waiting(&event, READERS), 0);
	CHECK_EQ(running, READERS);
	weft_event_set(&event);
	for (int i = 0; i < READERS; i++)
		JOIN(co[i], 0);
	CHECK_EQ(running, 0);
	return 0;
}

Test(behave_sync, readers_are_inside_together)
{
	RUN_EVERYWHERE(parallel_readers);
}

enum { WRITER = 10000 };

/* running: readers count one, a writer WRITER. */
static int writes_alone(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(weft_rwlock_wrlock(&rw), 0);
		CHECK_EQ(atomic_fetch_add(&running, WRITER), 0);
		if (i % 4 == 0)
			CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(atomic_fetch_sub(&running, WRITER), WRITER);
		CHECK_EQ(weft_rwlock_unlock(&rw), 0);
	}
	return 0;
}

static int reads_with_readers(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(weft_rwlock_rdlock(&rw), 0);
		int inside = atomic_fetch_add(&running, 1) + 1;
		CHECK(inside >= 1 && inside < WRITER);
		if (i % 4 == 0)
			CHECK_EQ(weft_yield(), 0);
		CHECK(atomic_fetch_sub(&running, 1) < WRITER);
		CHECK_EQ(weft_rwlock_unlock(&rw), 0);
	}
	return 0;
}

static int readers_and_writers(void *arg)
{
	struct weft_co *co[12];

	(void)arg;
	reset();
	for (int i = 0; i < 12; i++)
		CHECK_EQ(weft_spawn(i % 6 ? reads_with_readers : writes_alone, NULL, NULL,
				    &co[i]),
			 0);
	for (int i = 0; i < 12; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(behave_sync, a_writer_is_alone, .timeout = 60)
{
	RUN_EVERYWHERE(readers_and_writers);
}

static int writes_once(void *arg)
{
	int rc = weft_rwlock_wrlock(&rw);

	order[atomic_fetch_add(&done, 1)] = (int)(intptr_t)arg;
	return rc ? rc : weft_rwlock_unlock(&rw);
}

static int reads_once(void *arg)
{
	int rc = weft_rwlock_rdlock(&rw);

	order[atomic_fetch_add(&done, 1)] = (int)(intptr_t)arg;
	return rc ? rc : weft_rwlock_unlock(&rw);
}

/* A writer that waits holds up readers that come later. */
static int writers_first(void *arg)
{
	struct weft_co *writer, *reader;

	(void)arg;
	reset();
	CHECK_EQ(weft_rwlock_rdlock(&rw), 0);
	CHECK_EQ(start_waiter(writes_once, (void *)1, &rw, 1, &writer), 0);
	CHECK_EQ(start_waiter(reads_once, (void *)2, &rw, 2, &reader), 0);
	CHECK_EQ(weft_rwlock_unlock(&rw), 0);
	JOIN(writer, 0);
	JOIN(reader, 0);
	CHECK(order[0] == 1 && order[1] == 2);
	CHECK_MISUSE(weft_rwlock_unlock(&rw), -EPERM);
	return 0;
}

Test(behave_sync, a_waiting_writer_comes_before_later_readers)
{
	RUN_EVERYWHERE(writers_first);
}

/* ---- once ---- */

static int slow_start(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	atomic_fetch_add(&done, 1);
	return 0;
}

static int after_once(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_once_do(&once, slow_start, NULL), 0);
	CHECK_EQ(done, 1); /* nobody returns before it is done */
	return 0;
}

static int only_once(void *arg)
{
	struct weft_co *co[10];

	(void)arg;
	reset();
	for (int i = 0; i < 10; i++)
		CHECK_EQ(weft_spawn(after_once, NULL, NULL, &co[i]), 0);
	for (int i = 0; i < 10; i++)
		JOIN(co[i], 0);
	return after_once(NULL);
}

Test(behave_sync, all_wait_until_it_was_done_once)
{
	RUN_EVERYWHERE(only_once);
}

/* Who was first fails; who waited does it instead. */
static int fails_first(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	return atomic_fetch_add(&done, 1) ? 0 : -EIO;
}

static int once_or_error(void *arg)
{
	(void)arg;
	return weft_once_do(&once, fails_first, NULL);
}

static int once_again(void *arg)
{
	struct weft_co *co[4];
	int failed = 0, status;

	(void)arg;
	reset();
	for (int i = 0; i < 4; i++)
		CHECK_EQ(weft_spawn(once_or_error, NULL, NULL, &co[i]), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(weft_join(co[i], &status), 0);
		failed += status == -EIO;
	}
	CHECK_EQ(failed, 1);
	CHECK_EQ(done, 2);
	return 0;
}

Test(behave_sync, a_failure_is_its_callers_alone)
{
	RUN_EVERYWHERE(once_again);
}

/* ---- wait group ---- */

struct shared {
	struct weft_wg to_start, to_end;
};

static int works(void *arg)
{
	struct shared *s = arg;

	CHECK_EQ(weft_wg_done(&s->to_start), 0);
	CHECK_EQ(weft_wg_wait(&s->to_start), 0); /* all of them at a time */
	atomic_fetch_add(&done, 1);
	return weft_wg_done(&s->to_end);
}

static int groups(void *arg)
{
	enum { N = 16 };
	struct shared s = {0};

	(void)arg;
	for (int round = 0; round < 20; round++) { /* it may be used again */
		reset();
		CHECK_EQ(weft_wg_wait(&s.to_end), 0); /* 0: at once */
		CHECK_EQ(weft_wg_add(&s.to_start, N), 0);
		CHECK_EQ(weft_wg_add(&s.to_end, N), 0);
		struct weft_co *co[N];
		for (int i = 0; i < N; i++)
			CHECK_EQ(weft_spawn(works, &s, NULL, &co[i]), 0);
		CHECK_EQ(weft_wg_wait(&s.to_end), 0);
		CHECK_EQ(done, N);
		for (int i = 0; i < N; i++)
			JOIN(co[i], 0);
	}
	CHECK_MISUSE(weft_wg_done(&s.to_end), -EINVAL);
	CHECK_EQ(weft_wg_add(&s.to_end, INT32_MAX), 0);
	CHECK_EQ(weft_wg_add(&s.to_end, 1), -EINVAL);
	return 0;
}

Test(behave_sync, a_wait_group_ends_with_the_last_and_begins_anew)
{
	RUN_EVERYWHERE(groups);
}

/* ---- semaphore: no more inside than permits, and large requests are not overtaken ---- */

static int takes(void *arg)
{
	uint32_t n = (uint32_t)(intptr_t)arg;

	CHECK_EQ(weft_sem_wait(&sem, n), 0);
	order[atomic_fetch_add(&done, 1)] = (int)n;
	return 0;
}

static int weights(void *arg)
{
	struct weft_co *large, *small;

	(void)arg;
	reset();
	CHECK_EQ(weft_sem_post(&sem, 3), 0);
	CHECK_EQ(start_waiter(takes, (void *)5, &sem, 1, &large), 0);
	CHECK_EQ(start_waiter(takes, (void *)1, &sem, 2, &small), 0);
	CHECK_EQ(weft_sem_post(&sem, 1), 0);
	CHECK_EQ(waiting(&sem),
		 2); /* four would do for the small one, but it came later */
	CHECK_EQ(weft_sem_post(&sem, 1), 0);
	JOIN(large, 0);
	CHECK_EQ(waiting(&sem), 1);
	CHECK_EQ(weft_sem_post(&sem, 1), 0);
	JOIN(small, 0);
	CHECK(order[0] == 5 && order[1] == 1);
	CHECK_EQ(weft_sem_trywait(&sem, 1), -EBUSY);
	return 0;
}

Test(behave_sync, a_large_request_is_not_overtaken)
{
	RUN_EVERYWHERE(weights);
}

/* ---- barrier, event ---- */

static int crosses(void *arg)
{
	(void)arg;
	return weft_barrier_wait(&barrier, 3);
}

static int waits_for_event(void *arg)
{
	(void)arg;
	return weft_event_wait(&event);
}

/* One who gives up waiting for the others no longer counts. */
static int barriers(void *arg)
{
	struct weft_co *a, *b;

	(void)arg;
	reset();
	CHECK_EQ(weft_barrier_wait(&barrier, 0), -EINVAL);
	CHECK_EQ(weft_barrier_wait(&barrier, 1), 1);
	CHECK_EQ(start_waiter(crosses, NULL, &barrier, 1, &a), 0);
	CHECK_EQ(weft_cancel(a), 0);
	JOIN(a, -ECANCELED);
	CHECK_EQ(start_waiter(crosses, NULL, &barrier, 1, &a), 0);
	CHECK_EQ(start_waiter(crosses, NULL, &barrier, 2, &b), 0);
	CHECK_EQ(crosses(NULL), 1);
	JOIN(a, 0);
	JOIN(b, 0);
	return 0;
}

Test(behave_sync, who_gives_up_at_a_barrier_does_not_count)
{
	RUN_EVERYWHERE(barriers);
}

static int latch(void *arg)
{
	struct weft_co *co[3];

	(void)arg;
	reset();
	for (uint32_t i = 0; i < 3; i++)
		CHECK_EQ(start_waiter(waits_for_event, NULL, &event, i + 1, &co[i]), 0);
	CHECK_EQ(weft_cancel(co[1]), 0);
	JOIN(co[1], -ECANCELED);
	weft_event_set(&event);
	weft_event_reset(&event); /* who waited goes on nevertheless */
	JOIN(co[0], 0);
	JOIN(co[2], 0);
	CHECK(!weft_event_is_set(&event));
	weft_event_set(&event);
	weft_event_set(&event);
	return weft_event_wait(&event);
}

Test(behave_sync, an_event_set_and_reset_wakes_who_waited)
{
	RUN_EVERYWHERE(latch);
}
