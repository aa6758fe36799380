/* SPDX-License-Identifier: MIT */
/* Sleeping and deadline scopes. */
#include "../check.h"

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
