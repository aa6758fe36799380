/* SPDX-License-Identifier: MIT */
/* Coroutines: birth, end, handles, cancelling, placement. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../check.h"

static int give(void *arg)
{
	return (int)(intptr_t)arg;
}

static int sleep_for_ever(void *arg)
{
	(void)arg;
	return weft_sleep_ns(WEFT_NEVER);
}

static int joins(void *arg)
{
	struct weft_co *co, *many[1000];

	(void)arg;
	for (intptr_t i = 0; i < 1000; i++)
		CHECK_EQ(weft_spawn(give, (void *)i, NULL, &many[i]), 0);
	for (int i = 0; i < 1000; i++)
		JOIN(many[i], i);
	CHECK_EQ(weft_join(many[0], NULL), -ESRCH);
	CHECK_EQ(weft_cancel(many[1]), -ESRCH);
	CHECK_EQ(weft_join(weft_self(), NULL), -EDEADLK);
	CHECK_EQ(weft_spawn(give, NULL, NULL, &co), 0);
	CHECK_EQ(weft_detach(co), 0);
	return 0;
}

Test(co, join_gives_the_result_once)
{
	RUN_ON(1, joins);
	RUN_ON(3, joins);
}

static int join_it(void *co)
{
	return weft_join(co, NULL);
}

static int two_joiners(void *arg)
{
	struct weft_co *sleeper, *joiner;

	(void)arg;
	CHECK_EQ(weft_spawn(sleep_for_ever, NULL, NULL, &sleeper), 0);
	CHECK_EQ(weft_spawn(join_it, sleeper, NULL, &joiner), 0);
	CHECK_EQ(weft_sleep_ns(10 * WEFT_MS), 0);
	CHECK_EQ(weft_join(sleeper, NULL), -EBUSY);
	CHECK_EQ(weft_detach(sleeper), -EBUSY);
	CHECK_EQ(weft_cancel(sleeper), 0);
	JOIN(joiner, 0);
	return 0;
}

Test(co, a_second_joiner_is_refused)
{
	RUN_ON(2, two_joiners);
}

static atomic_bool stop_hogging, hogging;

static int hog(void *arg)
{
	(void)arg;
	atomic_store(&hogging, true);
	while (!atomic_load(&stop_hogging))
		sched_yield(); /* the thread, not the coroutine: valgrind runs one at a time */
	return 0;
}

/* Ends when the hog has begun. */
static int give_late(void *arg)
{
	while (!atomic_load(&hogging))
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	return give(arg);
}

static int join_42(void *co)
{
	JOIN(co, 42);
	return 0;
}

/* The target has ended, its joiner is on its way, behind a hog: the result is its. */
static int late_joiner(void *arg)
{
	struct weft_co_attr here = {.size = sizeof(here), .flags = WEFT_CO_PINNED};
	struct weft_co_attr there = here;
	struct weft_co *target, *joiner, *busy, *other;

	(void)arg;
	CHECK(weft_pin() > 0);
	here.worker = weft_worker_id() + 1;
	there.worker = here.worker == 1 ? 2 : 1;
	atomic_store(&stop_hogging, false);
	atomic_store(&hogging, false);
	CHECK_EQ(weft_spawn(give_late, (void *)42, &here, &target), 0);
	CHECK_EQ(weft_spawn(join_42, target, &there, &joiner), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_spawn(hog, NULL, &there, &busy), 0);
	while (!atomic_load(&hogging))
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_sleep_ns(20 * WEFT_MS), 0); /* enough for the target to end */
	CHECK_EQ(weft_join(target, NULL), -EBUSY);
	CHECK_EQ(weft_detach(target), -EBUSY);
	CHECK_EQ(weft_spawn(give, (void *)7, &here, &other), 0);
	atomic_store(&stop_hogging, true);
	JOIN(joiner, 0);
	JOIN(other, 7);
	JOIN(busy, 0);
	CHECK(weft_unpin() >= 0);
	return 0;
}

Test(co, a_joiner_on_its_way_keeps_the_result, .timeout = 30)
{
	RUN_ON(2, late_joiner);
}

static int cancels(void *arg)
{
	struct weft_co *sleeper, *joiner;

	(void)arg;
	CHECK_EQ(weft_spawn(sleep_for_ever, NULL, NULL, &sleeper), 0);
	CHECK_EQ(weft_spawn(join_it, sleeper, NULL, &joiner), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(joiner), 0);
	JOIN(joiner, -ECANCELED);
	CHECK_EQ(weft_cancel(sleeper), 0);
	CHECK_EQ(weft_cancel(sleeper), 0);
	JOIN(sleeper, -ECANCELED); /* the cancelled join had not taken it */
	return 0;
}

Test(co, cancel_ends_sleeps_and_joins)
{
	RUN_ON(1, cancels);
	RUN_ON(2, cancels);
}

static int keeps_being_cancelled(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_sleep_ns(WEFT_NEVER), -ECANCELED);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_sleep_ns(1), -ECANCELED);
	return 0;
}

static int cancel_is_sticky(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(keeps_being_cancelled, NULL, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	return 0;
}

Test(co, a_cancelled_coroutine_stays_cancelled)
{
	RUN_ON(2, cancel_is_sticky);
}

Test(co, parking_calls_need_a_coroutine)
{
	cr_assert_eq(weft_yield(), -EPERM);
	cr_assert_eq(weft_start(NULL), 0);
	cr_assert_eq(weft_yield(), -EPERM);
	cr_assert_eq(weft_sleep_ns(1), -EPERM);
	cr_assert_eq(weft_recv(0, &(char){0}, 1, 0), -EPERM);
	cr_assert_eq(weft_pin(), -EPERM);
	cr_assert_eq(weft_set_name("x"), -EPERM);
	cr_assert_null(weft_self());
	cr_assert_str_eq(weft_name(), "");
	cr_assert_eq(weft_stop(), 0);
}

Test(co, plain_threads_spawn_join_and_cancel)
{
	struct weft_co *co;
	int status = 0;

	cr_assert_eq(weft_start(NULL), 0);
	for (intptr_t i = 0; i < 1000; i++) {
		cr_assert_eq(weft_spawn(give, (void *)i, NULL, &co), 0);
		cr_assert_eq(weft_join(co, &status), 0);
		cr_assert_eq(status, i);
	}
	cr_assert_eq(weft_spawn(sleep_for_ever, NULL, NULL, &co), 0);
	cr_assert_eq(weft_cancel(co), 0);
	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, -ECANCELED);
	cr_assert_eq(weft_stop(), 0);
}

static int attributes(void *arg)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .stack_size = (16 << 20)};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(give, NULL, &attr, NULL), -EINVAL);
	attr.stack_size = 0;
	attr.worker = 99;
	CHECK_EQ(weft_spawn(give, NULL, &attr, NULL), -EINVAL);
	attr.worker = 0;
	attr.flags = 1u << 31;
	CHECK_EQ(weft_spawn(give, NULL, &attr, NULL), -EINVAL);
	attr.flags = 0;
	attr.size = 0;
	CHECK_EQ(weft_spawn(give, NULL, &attr, NULL), -EINVAL);
	CHECK_EQ(weft_spawn(NULL, NULL, NULL, NULL), -EINVAL);
	attr = (struct weft_co_attr){.size = sizeof(attr), .stack_size = 1 << 20};
	CHECK_EQ(weft_spawn(give, (void *)5, &attr, &co), 0);
	JOIN(co, 5);
	return 0;
}

Test(co, attributes_are_checked)
{
	RUN_ON(2, attributes);
}

static int where(void *arg)
{
	int first = weft_worker_id();

	(void)arg;
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(weft_worker_id(), first);
	}
	return 1000 + first;
}

static int pinning(void *arg)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_PINNED};
	struct weft_co *co[4];

	(void)arg;
	for (int i = 0; i < 4; i++) {
		attr.worker = 1 + i % 2;
		CHECK_EQ(weft_spawn(where, NULL, &attr, &co[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		JOIN(co[i], 1000 + i % 2);
	CHECK_EQ(weft_unpin(), -EINVAL);
	CHECK_EQ(weft_pin(), 1);
	CHECK_EQ(weft_pin(), 2);
	CHECK_EQ(weft_unpin(), 1);
	CHECK_EQ(weft_unpin(), 0);
	return 0;
}

Test(co, pinned_ones_stay_where_they_are)
{
	RUN_ON(2, pinning);
}

static atomic_int seen[2];

static int note_worker(void *arg)
{
	(void)arg;
	atomic_fetch_add(&seen[weft_worker_id()], 1);
	return 0;
}

static int spreading(void *arg)
{
	struct weft_co_attr attr = {.size = sizeof(attr),
				    .flags = WEFT_CO_SPREAD | WEFT_CO_PINNED};
	struct weft_co *co[10];

	(void)arg;
	for (int i = 0; i < 10; i++)
		CHECK_EQ(weft_spawn(note_worker, NULL, &attr, &co[i]), 0);
	for (int i = 0; i < 10; i++)
		JOIN(co[i], 0);
	CHECK_EQ(atomic_load(&seen[0]), 5);
	CHECK_EQ(atomic_load(&seen[1]), 5);
	return 0;
}

Test(co, spread_takes_the_workers_in_turn)
{
	RUN_ON(2, spreading);
}

static int release_hog(void *arg)
{
	(void)arg;
	atomic_store(&stop_hogging, true);
	return 0;
}

/* Both start on main's worker; the hog keeps it, so only a thief can run the other. */
static int stealing(void *arg)
{
	struct weft_co *a, *b;

	(void)arg;
	atomic_store(&stop_hogging, false);
	CHECK_EQ(weft_spawn(hog, NULL, NULL, &a), 0);
	CHECK_EQ(weft_spawn(release_hog, NULL, NULL, &b), 0);
	JOIN(a, 0);
	JOIN(b, 0);
	return 0;
}

Test(co, a_hog_does_not_keep_its_neighbours, .timeout = 30)
{
	RUN_ON(2, stealing);
}

static int names(void *arg)
{
	(void)arg;
	CHECK(!strcmp(weft_name(), "main"));
	CHECK_EQ(weft_set_name("a name of more than thirty-one bytes, surely"), 0);
	CHECK_EQ(strlen(weft_name()), 31);
	return 0;
}

Test(co, names_are_kept_and_cut)
{
	RUN_ON(1, names);
}

static int at_the_limit(void *arg)
{
	static struct weft_co *co[64];
	int n = 0, rc = 0;

	(void)arg;
	while (n < 64 && !(rc = weft_spawn(sleep_for_ever, NULL, NULL, &co[n])))
		n++;
	CHECK_EQ(rc, -EAGAIN);
	CHECK_EQ(n, 9); /* and main */
	for (int i = 0; i < n; i++) {
		CHECK_EQ(weft_cancel(co[i]), 0);
		CHECK_EQ(weft_join(co[i], NULL), 0);
	}
	return weft_spawn(give, NULL, NULL, NULL);
}

Test(co, the_limit_is_an_error_and_then_passes)
{
	struct weft_options o = {.size = sizeof(o), .max_coroutines = 10};

	cr_assert_eq(weft_run(at_the_limit, NULL, &o), 0);
}
