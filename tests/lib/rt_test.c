/* SPDX-License-Identifier: MIT */
/* Starting, stopping, options, counters. */
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"

static int give(void *arg)
{
	return (int)(intptr_t)arg;
}

Test(rt, run_returns_the_result_again_and_again)
{
	for (int i = 0; i < 5; i++)
		cr_assert_eq(weft_run(give, (void *)(intptr_t)(40 + i), NULL), 40 + i);
}

Test(rt, start_and_stop_know_the_order)
{
	cr_assert_eq(weft_stop(), -ESRCH);
	cr_assert_eq(weft_workers(), -ESRCH);
	cr_assert_eq(weft_start(NULL), 0, "%s", weft_start_error());
	cr_assert_eq(weft_start(NULL), -EALREADY);
	cr_assert_gt(weft_workers(), 0);
	cr_assert_eq(weft_stop(), 0);
	cr_assert_eq(weft_stop(), -ESRCH);
	cr_assert_eq(weft_spawn(give, NULL, NULL, NULL), -ESHUTDOWN);
}

static int stop_from_inside(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_stop(), -EDEADLK);
	CHECK_EQ(weft_start(NULL), -EDEADLK);
	return 0;
}

Test(rt, a_coroutine_cannot_stop_the_runtime)
{
	RUN_ON(2, stop_from_inside);
}

Test(rt, options_are_checked)
{
	struct weft_options none = {.size = 0};
	struct {
		struct weft_options known;
		long more;
	} newer = {.known.size = sizeof(newer), .more = 1};
	struct weft_options bad = {.size = sizeof(bad), .stack_kib = 1};

	cr_assert_eq(weft_run(give, NULL, &none), -EINVAL);
	cr_assert_eq(weft_run(give, NULL, &newer.known), -E2BIG);
	newer.more = 0;
	cr_assert_eq(weft_run(give, (void *)7, &newer.known), 7);
	cr_assert_eq(weft_run(give, NULL, &bad), -EINVAL);
	cr_assert(strstr(weft_start_error(), "WEFT_STACK_KIB") != NULL);
	cr_assert_eq(weft_run(NULL, NULL, NULL), -EINVAL);
}

static int count_workers(void *arg)
{
	(void)arg;
	return weft_workers();
}

Test(rt, workers_from_code_win_over_the_environment)
{
	struct weft_options four = {.size = sizeof(four), .workers = 4};

	setenv("WEFT_WORKERS", "3", 1);
	cr_assert_eq(weft_run(count_workers, NULL, NULL), 3);
	cr_assert_eq(weft_run(count_workers, NULL, &four), 4);
	setenv("WEFT_WORKERS", "many", 1);
	cr_assert_eq(weft_run(count_workers, NULL, NULL), -EINVAL);
}

static int sleep_for_ever(void *arg)
{
	int rc = weft_sleep_ns(WEFT_NEVER);

	*(int *)arg = rc;
	return rc;
}

static int leave_one_behind(void *arg)
{
	return weft_spawn(sleep_for_ever, arg, NULL, NULL);
}

Test(rt, what_main_leaves_behind_is_cancelled)
{
	int rc = 1;

	cr_assert_eq(weft_run(leave_one_behind, &rc, NULL), 0);
	cr_assert(rc == -ECANCELED || rc == 1); /* 1: it was cancelled before it began */
}

static long cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

/* Whether nothing woke up meanwhile but for the end of the sleep. */
static int look_for_rest(bool *ret_at_rest)
{
	struct weft_stats before = {.size = sizeof(before)}, after = before;

	CHECK_EQ(weft_stats(&before), 0);
	long cpu = cpu_ns();
	CHECK_EQ(weft_sleep_ns(300 * WEFT_MS), 0);
	CHECK(cpu_ns() - cpu < 100000000L);
	CHECK_EQ(weft_stats(&after), 0);
	*ret_at_rest = after.enters - before.enters <= 3 && after.wakes == before.wakes;
	return 0;
}

/* Each worker looks round for a while before it rests, and longer on a loaded machine; but
 * it does come to rest. */
static int comes_to_rest(void *arg)
{
	bool at_rest = false;

	(void)arg;
	for (int i = 0; i < 10 && !at_rest; i++)
		CHECK_EQ(look_for_rest(&at_rest), 0);
	CHECK(at_rest);
	return 0;
}

Test(rt, an_idle_runtime_uses_no_cpu)
{
	RUN_ON(2, comes_to_rest);
}

Test(rt, features_have_names_and_reasons)
{
	const char *name, *lost;
	unsigned i = 0;
	bool on;

	cr_assert_eq(weft_run(give, NULL, NULL), 0);
	while (weft_feature(i, &name, &on, &lost) == 0) {
		cr_assert(*name && *lost);
		i++;
	}
	cr_assert_gt(i, 5);
	cr_assert_eq(weft_feature(i, NULL, NULL, NULL), -ENOENT);
}

Test(rt, an_unknown_feature_is_refused)
{
	struct weft_options o = {.size = sizeof(o), .disable = "WARP_DRIVE"};

	cr_assert_eq(weft_run(give, NULL, &o), -EINVAL);
	cr_assert(strstr(weft_start_error(), "WARP_DRIVE") != NULL);
}

static int fork_inside(void *arg)
{
	int status = -1;
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		_exit(weft_yield() == -EOWNERDEAD &&
				      weft_spawn(give, NULL, NULL, NULL) == -EOWNERDEAD &&
				      weft_start(NULL) == -EOWNERDEAD
			      ? 0
			      : 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return weft_yield();
}

Test(rt, a_forked_child_is_told_so)
{
	RUN_ON(2, fork_inside);
}
