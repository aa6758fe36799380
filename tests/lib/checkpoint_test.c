/* SPDX-License-Identifier: MIT */
/* weft_checkpoint(): yields when it is time, and only then. */
#include <errno.h>
#include <stdatomic.h>

#include "../check.h"

static atomic_bool stop;

static int note(void *arg)
{
	(void)arg;
	atomic_store(&stop, true);
	return 0;
}

static int note_after_a_sleep(void *arg)
{
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	return note(arg);
}

/* Computes until somebody else has run. */
static int compute(int (*other)(void *))
{
	struct weft_co *co;

	atomic_store(&stop, false);
	CHECK_EQ(weft_spawn(other, NULL, NULL, &co), 0);
	if (other == note_after_a_sleep)
		CHECK_EQ(weft_yield(), 0);
	while (!atomic_load(&stop))
		CHECK_EQ(weft_checkpoint(), 0);
	JOIN(co, 0);
	return 0;
}

static int beside_one_that_is_runnable(void *arg)
{
	(void)arg;
	return compute(note);
}

static int beside_one_that_sleeps(void *arg)
{
	(void)arg;
	return compute(note_after_a_sleep);
}

Test(checkpoint, lets_others_run, .timeout = 30)
{
	RUN_ON(1, beside_one_that_is_runnable);
}

Test(checkpoint, lets_timers_fire, .timeout = 30)
{
	RUN_ON(1, beside_one_that_sleeps);
}

static uint64_t switches(void)
{
	struct weft_stats s = {.size = sizeof(s)};

	return weft_stats(&s) ? 0 : s.switches;
}

/* Each yield is a switch, and there is at most one in 100 us. */
static int seldom(void *arg)
{
	weft_time from = weft_now();
	uint64_t before = switches();

	(void)arg;
	for (int i = 0; i < 100000; i++)
		CHECK_EQ(weft_checkpoint(), 0);
	CHECK(switches() - before <= (weft_now() - from) / (100 * WEFT_US) + 1);
	return 0;
}

Test(checkpoint, yields_only_when_due)
{
	RUN_ON(1, seldom);
}

static int checks(void *ret_rc)
{
	int rc;

	do
		rc = weft_checkpoint();
	while (rc == 0);
	*(int *)ret_rc = rc;
	return 0;
}

static int cancelled(void *arg)
{
	struct weft_co *co;
	int rc = 0;

	(void)arg;
	CHECK_EQ(weft_spawn(checks, &rc, NULL, &co), 0);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	CHECK_EQ(rc, -ECANCELED);
	return 0;
}

static int late(void *arg)
{
	struct weft_deadline d;
	int rc = 0;

	(void)arg;
	CHECK_EQ(weft_deadline_open(&d, weft_now() + WEFT_MS), 0);
	checks(&rc);
	CHECK_EQ(rc, -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	return 0;
}

Test(checkpoint, says_what_every_parking_call_says_at_entry, .timeout = 30)
{
	RUN_ON(1, cancelled);
	RUN_ON(1, late);
	cr_assert_eq(weft_checkpoint(), -EPERM);
}
