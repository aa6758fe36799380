/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "sched/run/adapt.h"

enum { CALM = 10 };

static struct wf_fit f;
static struct wf_strain s;

static void setup(void)
{
	f = (struct wf_fit){.width = 4};
	s = (struct wf_strain){0};
}

static unsigned fit(unsigned allowed)
{
	return wf_fit(&f, allowed, &s, 30);
}

/* A look at a time in which n of 100 periods were throttled. */
static unsigned fit_throttled(unsigned allowed, unsigned n)
{
	s.periods += 100;
	s.throttled += n;
	return fit(allowed);
}

TestSuite(adapt, .init = setup);

Test(adapt, the_width_follows_the_cpus)
{
	cr_assert_eq(fit(4), 4);
	cr_assert_eq(fit(2), 2);
	cr_assert_eq(fit(1), 1);
	cr_assert_eq(fit(8), 8, "at once");
}

Test(adapt, and_the_quota_rounded_up)
{
	s.quota_milli = 2500;
	cr_assert_eq(fit(4), 3);
	s.quota_milli = 900;
	cr_assert_eq(fit(4), 1);
	s.quota_milli = 0;
	cr_assert_eq(fit(4), 4);
	s.quota_milli = 64000;
	cr_assert_eq(fit(4), 4);
}

Test(adapt, who_is_throttled_shrinks_to_the_quota_rounded_down)
{
	s.quota_milli = 2500;
	cr_assert_eq(fit_throttled(4, 20), 3, "a fifth of the periods is no matter");
	cr_assert_eq(fit_throttled(4, 60), 2);
	cr_assert_eq(fit_throttled(4, 60), 2, "two could not use it up");
	for (int i = 0; i < CALM; i++)
		cr_assert_eq(fit_throttled(4, 0), 2);
	cr_assert_eq(fit_throttled(4, 0), 3, "calm for long");
}

Test(adapt, few_periods_tell_nothing)
{
	s.quota_milli = 2500;
	fit(4);
	s.periods += 3;
	s.throttled += 3;
	cr_assert_eq(fit(4), 3);
	s.periods += 3;
	s.throttled += 3;
	cr_assert_eq(fit(4), 2, "but they are not forgotten");
}

Test(adapt, pressure_takes_one_after_the_other_down_to_half)
{
	s.pressure = 31;
	cr_assert_eq(fit(4), 3);
	cr_assert_eq(fit(4), 2);
	cr_assert_eq(fit(4), 2);
	s.pressure = 30;
	for (int i = 0; i < CALM; i++)
		cr_assert_eq(fit(4), 2);
	cr_assert_eq(fit(4), 3);
	s.pressure = 100;
	cr_assert_eq(wf_fit(&f, 4, &s, -1), 3, "not asked for");
	cr_assert_eq(wf_fit(&f, 1, &s, 30), 1, "never none");
}

Test(adapt, another_group_is_another_count)
{
	s.quota_milli = 2500;
	fit_throttled(4, 0);
	s.periods = 10;
	s.throttled = 90; /* nonsense, seen from the old one */
	cr_assert_eq(fit(4), 3);
}
