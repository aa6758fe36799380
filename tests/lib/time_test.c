/* SPDX-License-Identifier: MIT */
/* Sleeping and deadline scopes. */
#include "../check.h"
#include "sched/co/fiber.h"

static int sleeps(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		weft_time before = weft_now();
		CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
		CHECK(weft_now() - before >= 2 * WEFT_MS);
	}
	CHECK_EQ(weft_sleep_until(0), 0);
	return 0;
}

Test(time, sleep_is_never_early)
{
	RUN_ON(1, sleeps);
	RUN_ON(2, sleeps);
}

static int nested(void *arg)
{
	struct weft_deadline outer, inner;
	weft_time now = weft_now();

	(void)arg;
	CHECK_EQ(weft_deadline_open(&outer, now + WEFT_SEC * 100), 0);
	CHECK_EQ(weft_deadline_open(&inner, now + 10 * WEFT_MS), 0);
	CHECK_EQ(weft_sleep_ns(WEFT_SEC * 50), -ETIMEDOUT);
	CHECK(weft_now() >= now + 10 * WEFT_MS);
	CHECK_EQ(weft_yield(), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&inner), 1);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);

	/* an inner scope cannot outlast the outer one */
	CHECK_EQ(weft_deadline_open(&inner, now + WEFT_SEC * 1000), 0);
	CHECK_EQ(weft_deadline_close(&inner), 0);
	CHECK_EQ(weft_deadline_close(&outer), 0);
	CHECK_EQ(weft_deadline_open(&outer, weft_now() + 5 * WEFT_MS), 0);
	CHECK_EQ(weft_deadline_open(&inner, weft_now() + WEFT_SEC * 100), 0);
	CHECK_EQ(weft_sleep_ns(WEFT_SEC * 50), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&inner), 0); /* it was not this one's time */
	CHECK_EQ(weft_deadline_close(&outer), 1);
	return 0;
}

Test(time, scopes_nest_and_the_earliest_wins)
{
	RUN_ON(1, nested);
	RUN_ON(2, nested);
}

/* The timer is moved lazily: later deadlines touch nothing, earlier ones must count. */
static int moved(void *arg)
{
	struct weft_deadline d;

	(void)arg;
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(weft_deadline_open(&d,
					    weft_now() + WEFT_SEC * (weft_time)(100 + i)),
			 0);
		CHECK_EQ(weft_sleep_ns(100 * WEFT_US), 0);
		CHECK_EQ(weft_deadline_close(&d), 0);
		CHECK_EQ(weft_deadline_open(&d, weft_now() + WEFT_MS), 0);
		CHECK_EQ(weft_sleep_ns(WEFT_SEC * 50), -ETIMEDOUT);
		CHECK_EQ(weft_deadline_close(&d), 1);
	}
	return 0;
}

Test(time, deadlines_move_later_and_earlier)
{
	RUN_ON(1, moved);
	RUN_ON(2, moved);
}

static int wander(void *arg)
{
	struct weft_deadline d;

	(void)arg;
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(weft_deadline_open(&d, weft_now() + (i % 3 ? WEFT_SEC * 100
								    : 200 * WEFT_US)),
			 0);
		int rc = weft_sleep_ns(i % 3 ? 50 * WEFT_US : WEFT_SEC * 50);
		CHECK_EQ(rc, i % 3 ? 0 : -ETIMEDOUT);
		CHECK_EQ(weft_deadline_close(&d), i % 3 ? 0 : 1);
		for (int j = 0; j < 50; j++)
			CHECK_EQ(weft_yield(), 0);
	}
	return 0;
}

static int crowd(void *arg)
{
	struct weft_co *co[100];

	(void)arg;
	for (int i = 0; i < 100; i++)
		CHECK_EQ(weft_spawn(wander, NULL, NULL, &co[i]), 0);
	for (int i = 0; i < 100; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(time, timers_survive_migration, .timeout = 60)
{
	RUN_ON(1, crowd);
	RUN_ON(3, crowd);
}

Test(time, scopes_need_a_coroutine)
{
	struct weft_deadline d;

	cr_assert_eq(weft_deadline_open(&d, 0), -EPERM);
}

/* A loop of `at += period` is in step for ever: ticks that are late already do not park,
 * and each later one is due where it would have been without them. */
static int ticks(void *arg)
{
	enum { TICKS = 60, LATE_AT = 20, BEHIND = 10 };
	const weft_time period = 5 * WEFT_MS, start = weft_now();
	struct weft_stats before = {.size = sizeof(before)}, after = before;

	(void)arg;
	for (int i = 1; i <= TICKS; i++) {
		bool due = weft_now() >= start + (weft_time)i * period;

		CHECK_EQ(weft_stats(&before), 0);
		CHECK_EQ(weft_sleep_until(start + (weft_time)i * period), 0);
		CHECK_EQ(weft_stats(&after), 0);
		CHECK(weft_now() >= start + (weft_time)i * period);
		CHECK(!due || after.switches == before.switches);
		/* fall behind once */
		while (i == LATE_AT && weft_now() < start + (i + BEHIND) * period)
			;
		CHECK(i <= LATE_AT || i > LATE_AT + BEHIND || due);
	}
	return 0;
}

Test(time, a_late_tick_delays_no_later_one)
{
	RUN_ON(1, ticks);
}

enum { AT_ONCE = 3000 };

static long n_asleep, n_woken;
static weft_time alarm_at;

static int wakes_with_all(void *arg)
{
	(void)arg;
	n_asleep++;
	CHECK_EQ(weft_sleep_until(alarm_at), 0);
	n_woken++;
	return 0;
}

/* Have all sleep until the same moment; false: it came before the last one slept. */
static bool all_sleep(weft_time for_ns)
{
	n_asleep = n_woken = 0;
	alarm_at = weft_now() + for_ns;
	for (int i = 0; i < AT_ONCE; i++)
		if (weft_spawn(wakes_with_all, NULL, NULL, NULL) < 0)
			abort();
	while (n_asleep < AT_ONCE)
		weft_yield();
	return weft_now() < alarm_at;
}

static int alarms_at_once(void *arg)
{
	long most = 0;

	(void)arg;
	for (weft_time ns = 300 * WEFT_MS; !all_sleep(ns); ns *= 2)
		while (n_woken < AT_ONCE)
			CHECK_EQ(weft_yield(), 0);
	while (weft_now() < alarm_at)
		;
	while (n_woken < AT_ONCE) {
		long before = n_woken;

		CHECK_EQ(weft_yield(), 0);
		if (n_woken - before > most)
			most = n_woken - before;
	}
	CHECK(most <= 512); /* what two looks at the timers fire */
	return 0;
}

Test(time, a_crowd_of_timers_is_fired_in_parts)
{
	RUN_ON(1, alarms_at_once);
}

enum { SPREAD = 100 };

static int wakes_at(void *at)
{
	CHECK_EQ(weft_sleep_until(*(weft_time *)at), 0);
	CHECK(weft_now() >= *(weft_time *)at);
	return 0;
}

/* Timers 1 ms apart, and a slack that spans them all: one wake-up instead of a hundred. */
static int spread_alarms(void *arg)
{
	struct weft_stats before = {.size = sizeof(before)}, after = before;
	struct weft_co *co[SPREAD];
	weft_time at[SPREAD];

	(void)arg;
	CHECK_EQ(weft_stats(&before), 0);
	for (int i = 0; i < SPREAD; i++) {
		at[i] = weft_now() + (weft_time)(i + 1) * WEFT_MS;
		CHECK_EQ(weft_spawn(wakes_at, &at[i], NULL, &co[i]), 0);
	}
	for (int i = 0; i < SPREAD; i++)
		JOIN(co[i], 0);
	CHECK_EQ(weft_stats(&after), 0);
	CHECK(after.enters - before.enters < SPREAD / 4);
	return 0;
}

Test(time, slack_lets_timers_fire_together)
{
	struct weft_options o = {
		.size = sizeof(o), .workers = 1, .timer_slack_us = 300000};

	if (wf_on_valgrind())
		cr_skip_test("the ring is waited for in another way there");
	cr_assert_eq(weft_run(spread_alarms, NULL, &o), 0);
}
