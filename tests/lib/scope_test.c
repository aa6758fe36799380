/* SPDX-License-Identifier: MIT */
/* Scopes and shields: what is cancelled, what is not, and when it is over. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"

static int a_cancelled_scope_says_so_until_it_is_closed(void *arg)
{
	struct weft_scope s;

	(void)arg;
	CHECK_EQ(weft_scope_open(&s, WEFT_NEVER), 0);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_scope_cancel(&s), 0);
	CHECK_EQ(weft_stopped(), -ECANCELED);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_sleep_ns(WEFT_SEC), -ECANCELED);
	CHECK_EQ(weft_scope_cancel(&s), 0);
	CHECK_EQ(weft_scope_close(&s), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_stopped(), 0);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}

Test(scope, a_cancelled_scope_says_so_until_it_is_closed)
{
	RUN_ON(1, a_cancelled_scope_says_so_until_it_is_closed);
}

static int only_the_cancelled_one_is_over(void *arg)
{
	struct weft_scope outer, inner;

	(void)arg;
	CHECK_EQ(weft_scope_open(&outer, WEFT_NEVER), 0);
	CHECK_EQ(weft_scope_open(&inner, WEFT_NEVER), 0);
	weft_scope_cancel(&inner);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_close(&inner), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_scope_open(&inner, WEFT_NEVER), 0);
	weft_scope_cancel(&outer);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_close(&inner), 0); /* it was not */
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_open(&inner, WEFT_NEVER), 0); /* opened in a cancelled one */
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_close(&inner), 0);
	CHECK_EQ(weft_scope_close(&outer), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}

Test(scope, only_the_cancelled_one_is_over)
{
	RUN_ON(1, only_the_cancelled_one_is_over);
}

static int both_are_cancelled_inner_first(void *arg)
{
	struct weft_scope outer, inner;

	(void)arg;
	CHECK_EQ(weft_scope_open(&outer, WEFT_NEVER), 0);
	CHECK_EQ(weft_scope_open(&inner, WEFT_NEVER), 0);
	weft_scope_cancel(&inner);
	weft_scope_cancel(&outer);
	CHECK_EQ(weft_scope_close(&inner), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_close(&outer), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}

Test(scope, both_are_cancelled_inner_first)
{
	RUN_ON(1, both_are_cancelled_inner_first);
}

static int deadlines_nest_with_it(void *arg)
{
	struct weft_scope outer, inner;
	struct weft_deadline d;

	(void)arg;
	CHECK_EQ(weft_scope_open(&outer, weft_now() + 20 * WEFT_MS), 0);
	CHECK_EQ(weft_scope_open(&inner, WEFT_NEVER), 0);
	CHECK_EQ(weft_deadline_open(&d, weft_now() + WEFT_SEC), 0);
	CHECK_EQ(weft_sleep_ns(10 * WEFT_SEC), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 0);
	CHECK_EQ(weft_scope_close(&inner), 0);
	CHECK_EQ(weft_stopped(), -ETIMEDOUT);
	CHECK_EQ(weft_scope_close(&outer), WEFT_SCOPE_TIMED_OUT);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}

Test(scope, deadlines_nest_with_it)
{
	RUN_ON(1, deadlines_nest_with_it);
}

/* Shields. */

static int shielded_from_scopes_and_deadlines(void *arg)
{
	struct weft_scope outer, shield, inner;

	(void)arg;
	CHECK_EQ(weft_scope_open(&outer, weft_now()), 0);
	weft_scope_cancel(&outer);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_shield_open(&shield, WEFT_NEVER), 0);
	CHECK_EQ(weft_stopped(), 0);
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	weft_scope_cancel(&outer);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_scope_open(&inner, WEFT_NEVER), 0); /* counts in here */
	weft_scope_cancel(&inner);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_close(&inner), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_scope_close(&shield), 0);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_close(&outer), WEFT_SCOPE_CANCELED | WEFT_SCOPE_TIMED_OUT);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}

Test(scope, shielded_from_scopes_and_deadlines)
{
	RUN_ON(1, shielded_from_scopes_and_deadlines);
}

static int a_scope_cancelled_behind_a_shield_counts_later(void *arg)
{
	struct weft_scope outer, shield, second;

	(void)arg;
	CHECK_EQ(weft_scope_open(&outer, WEFT_NEVER), 0);
	CHECK_EQ(weft_shield_open(&shield, WEFT_NEVER), 0);
	CHECK_EQ(weft_shield_open(&second, WEFT_NEVER), 0);
	weft_scope_cancel(&outer);
	weft_scope_cancel(&shield);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_scope_close(&second), 0);
	CHECK_EQ(weft_yield(), -ECANCELED); /* the shield itself */
	CHECK_EQ(weft_scope_close(&shield), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_yield(), -ECANCELED);
	CHECK_EQ(weft_scope_close(&outer), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}

Test(scope, a_scope_cancelled_behind_a_shield_counts_later)
{
	RUN_ON(1, a_scope_cancelled_behind_a_shield_counts_later);
}

static int a_shields_own_deadline_bounds_it(void *arg)
{
	struct weft_scope shield;

	(void)arg;
	CHECK_EQ(weft_shield_open(&shield, weft_now() + 10 * WEFT_MS), 0);
	CHECK_EQ(weft_sleep_ns(10 * WEFT_SEC), -ETIMEDOUT);
	CHECK_EQ(weft_scope_close(&shield), WEFT_SCOPE_TIMED_OUT);
	return 0;
}

Test(scope, a_shields_own_deadline_bounds_it)
{
	RUN_ON(1, a_shields_own_deadline_bounds_it);
}

static atomic_int step;

static int cleans_up(void *arg)
{
	struct weft_chan *c = arg;
	int n;

	CHECK_EQ(weft_chan_recv(c, &n), -ECANCELED);
	{
		weft_shield_scoped(guard, WEFT_NEVER);
		atomic_store(&step, 1);
		CHECK_EQ(weft_chan_recv(c, &n), 0); /* parks, though it is cancelled */
		CHECK_EQ(n, 42);
	}
	CHECK_EQ(weft_yield(), -ECANCELED);
	return 0;
}

static int a_cancelled_coroutine_cleans_up(void *arg)
{
	struct weft_chan *c;
	struct weft_co *co;
	int n = 42;

	(void)arg;
	CHECK_EQ(weft_chan_new(sizeof(int), 0, &c), 0);
	CHECK_EQ(weft_spawn(cleans_up, c, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co), 0);
	while (!atomic_load(&step))
		weft_yield();
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co), 0); /* again: it stays shielded */
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_chan_send(c, &n), 0);
	JOIN(co, 0);
	weft_chan_free(c);
	return 0;
}

Test(scope, a_cancelled_coroutine_cleans_up)
{
	RUN_ON(2, a_cancelled_coroutine_cleans_up);
}

/* From elsewhere. */

static struct weft_scope *target;

static int waits_in_a_scope(void *arg)
{
	struct weft_scope s;
	int fd[2];
	char byte;

	(void)arg;
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	CHECK_EQ(weft_fd_adopt(fd[0]), 0);
	CHECK_EQ(weft_scope_open(&s, WEFT_NEVER), 0);
	target = &s;
	atomic_store(&step, 1);
	CHECK_EQ(weft_recv(fd[0], &byte, 1, 0), -ECANCELED);
	CHECK_EQ(weft_scope_close(&s), WEFT_SCOPE_CANCELED);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	CHECK_EQ(weft_recv(fd[0], &byte, 1, 0), 1); /* nothing was lost */
	CHECK_EQ(weft_close(fd[0]), 0);
	CHECK_EQ(weft_close(fd[1]), 0);
	return 0;
}

Test(scope, by_a_plain_thread_while_it_receives)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2};
	struct weft_co *co;
	int status = -1;

	cr_assert_eq(weft_start(&o), 0);
	cr_assert_eq(weft_spawn(waits_in_a_scope, NULL, NULL, &co), 0);
	while (!atomic_load(&step))
		;
	cr_assert_eq(weft_scope_cancel(target), 0);
	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, 0, "line %d", status);
	cr_assert_eq(weft_stop(), 0);
}

/*
 * A victim opens and closes scopes and shields in a fixed pattern while another worker cancels the
 * outer one at any moment. Whenever it comes, calls outside of the shield say so from then
 * on, those inside never do, and after the end of the scope nothing is left of it.
 */
enum { ROUNDS = 20000, ROUNDS_ON_ONE_CPU = 300 };

static atomic_int round_ready, round_done;
static int n_rounds;

/* Where both share a CPU each round takes two turns of the kernel's scheduler. */
static int rounds(void)
{
	cpu_set_t ours;

	if (sched_getaffinity(getpid(), sizeof(ours), &ours) || CPU_COUNT(&ours) > 1)
		return ROUNDS;
	return ROUNDS_ON_ONE_CPU;
}

static int canceller(void *arg)
{
	for (int i = 1; i <= n_rounds; i++) {
		while (atomic_load(&round_ready) != i)
			if (atomic_load(&round_ready) < 0)
				return 0;
		for (volatile int n = i % 97; n > 0; n--)
			;
		weft_scope_cancel(*(struct weft_scope **)arg);
		atomic_store(&round_done, i);
	}
	return 0;
}

static int one_round(struct weft_scope *outer, int i)
{
	struct weft_scope shield, inner;
	bool told = false;

	CHECK_EQ(weft_scope_open(outer, WEFT_NEVER), 0);
	atomic_store(&round_ready, i);
	while (!told || atomic_load(&round_done) != i) {
		CHECK_EQ(weft_shield_open(&shield, WEFT_NEVER), 0);
		CHECK_EQ(weft_stopped(), 0);
		CHECK_EQ(weft_scope_close(&shield), 0);
		CHECK_EQ(weft_scope_open(&inner, WEFT_NEVER), 0);
		if (told)
			CHECK_EQ(weft_stopped(), -ECANCELED);
		told = weft_stopped() == -ECANCELED;
		CHECK_EQ(weft_scope_close(&inner), 0);
		if (told)
			CHECK_EQ(weft_stopped(), -ECANCELED);
		if (atomic_load(&round_done) == i)
			CHECK_EQ(weft_stopped(), -ECANCELED);
	}
	CHECK_EQ(weft_scope_close(outer), WEFT_SCOPE_CANCELED);
	CHECK_EQ(weft_stopped(), 0);
	return 0;
}

static int races(void *arg)
{
	const struct weft_co_attr there = {
		.size = sizeof(there), .worker = 2, .flags = WEFT_CO_PINNED};
	struct weft_scope outer, *p = &outer;
	struct weft_co *co;
	int line = 0;

	(void)arg;
	CHECK_EQ(weft_spawn(canceller, &p, &there, &co), 0);
	for (int i = 1; i <= n_rounds && !line; i++)
		line = one_round(&outer, i);
	if (line)
		atomic_store(&round_ready, -1);
	JOIN(co, 0);
	return line;
}

Test(scope, cancelled_at_any_moment, .timeout = 60)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2};
	struct weft_co_attr here = {
		.size = sizeof(here), .worker = 1, .flags = WEFT_CO_PINNED};
	struct weft_co *co;
	int status = -1;

	n_rounds = rounds();
	cr_assert_eq(weft_start(&o), 0);
	cr_assert_eq(weft_spawn(races, NULL, &here, &co), 0);
	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, 0, "line %d", status);
	cr_assert_eq(weft_stop(), 0);
}

/* Bad use. */

Test(scope, not_in_plain_threads)
{
	struct weft_scope s;

	cr_assert_eq(weft_scope_open(&s, WEFT_NEVER), -EPERM);
	cr_assert_eq(weft_shield_open(&s, WEFT_NEVER), -EPERM);
	cr_assert_eq(weft_scope_close(&s), -EPERM);
	cr_assert_eq(weft_stopped(), 0);
}
