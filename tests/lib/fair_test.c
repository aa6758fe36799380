/* SPDX-License-Identifier: MIT */
/* Nobody waits for ever behind others that are busy. */
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "../check.h"

static atomic_bool stop;

static int yields(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop) && weft_yield() == 0)
		;
	return 0;
}

/* The sleeper's timer must fire although somebody can always run. */
static int sleep_beside(int (*busy)(void *), int n)
{
	struct weft_co *co[2];

	atomic_store(&stop, false);
	for (int i = 0; i < n; i++)
		CHECK_EQ(weft_spawn(busy, NULL, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(10 * WEFT_MS), 0);
	atomic_store(&stop, true);
	for (int i = 0; i < n; i++)
		JOIN(co[i], 0);
	return 0;
}

static int beside_one_that_yields(void *arg)
{
	(void)arg;
	return sleep_beside(yields, 1);
}

static int beside_two_that_yield(void *arg)
{
	(void)arg;
	return sleep_beside(yields, 2);
}

Test(fair, yielding_starves_no_timer, .timeout = 30)
{
	RUN_ON(1, beside_one_that_yields);
	RUN_ON(1, beside_two_that_yield);
	RUN_ON(2, beside_one_that_yields);
}

static atomic_int generation;

static int successor(void *arg)
{
	atomic_fetch_add(&generation, 1);
	return atomic_load(&stop) ? 0 : weft_spawn(successor, arg, NULL, NULL);
}

static int beside_a_chain(void *arg)
{
	(void)arg;
	return sleep_beside(successor, 1);
}

Test(fair, a_chain_of_spawns_starves_no_timer, .timeout = 30)
{
	RUN_ON(1, beside_a_chain);
	cr_assert(generation > 1);
}

/*
 * Bounds by counting: the one that waits its turn (a yielder) runs at least once while the
 * others do BOUND things, the most that a worker does between two looks at its queues.
 */
enum { BOUND = 2 * 256, THINGS = 100000, READERS = 64 };

static int turns(void *ret_n)
{
	while (!atomic_load(&stop)) {
		++*(long *)ret_n;
		CHECK_EQ(weft_yield(), 0);
	}
	return 0;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* A parent and the child it joins switch to each other directly; but the child begins in
 * the queue, behind the yielder. */
static int hot_pair(void *arg)
{
	struct weft_co *yielder, *co;
	long n = 0;

	(void)arg;
	atomic_store(&stop, false);
	CHECK_EQ(weft_spawn(turns, &n, NULL, &yielder), 0);
	for (int i = 0; i < THINGS; i++) {
		CHECK_EQ(weft_spawn(nothing, NULL, NULL, &co), 0);
		JOIN(co, 0);
	}
	atomic_store(&stop, true);
	JOIN(yielder, 0);
	CHECK(n >= THINGS - 1);
	return 0;
}

Test(fair, a_hot_pair_starves_nobody, .timeout = 60)
{
	RUN_ON(1, hot_pair);
}

/* A counter that is never empty: each read completes at once. */
static int read_at_once(void *fd)
{
	uint64_t one;

	for (int i = 0; i < THINGS / READERS; i++)
		CHECK_EQ(weft_read(*(int *)fd, &one, sizeof(one)), sizeof(one));
	return 0;
}

static int completions_flood(void *arg)
{
	int fd = eventfd(1000000000, EFD_SEMAPHORE | EFD_CLOEXEC);
	struct weft_co *yielder[2], *reader[READERS];
	struct weft_stats before = {.size = sizeof(before)}, after = before;
	long n[2] = {0, 0};

	(void)arg;
	CHECK(fd >= 0);
	atomic_store(&stop, false);
	CHECK_EQ(weft_stats(&before), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(weft_spawn(turns, &n[i], NULL, &yielder[i]), 0);
	for (int i = 0; i < READERS; i++)
		CHECK_EQ(weft_spawn(read_at_once, &fd, NULL, &reader[i]), 0);
	CHECK_EQ(weft_sleep_ns(1), 0); /* a timer fires amid */
	CHECK(!atomic_load(&stop));
	for (int i = 0; i < READERS; i++)
		JOIN(reader[i], 0);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		JOIN(yielder[i], 0);
	CHECK_EQ(weft_stats(&after), 0);
	CHECK(n[0] + n[1] >= THINGS / BOUND);
	/* and the completions did not wait for those that yield */
	CHECK(n[0] + n[1] <= BOUND * (long)(after.enters - before.enters + 1));
	return weft_close(fd);
}

Test(fair, a_flood_of_completions_starves_nobody, .timeout = 60)
{
	RUN_ON(1, completions_flood);
}

/*
 * Three workers, two of which are kept busy, the second as soon as it has been called to
 * watch the first: the third must notice what waits behind the first.
 */
static weft_time kept_until;

static int keep(void *arg)
{
	(void)arg;
	while (weft_now() < kept_until)
		;
	return 0;
}

static int keep_at(void *at)
{
	CHECK_EQ(weft_sleep_until(*(weft_time *)at), 0);
	return keep(NULL);
}

static int note_time(void *ret_time)
{
	*(weft_time *)ret_time = weft_now();
	return 0;
}

static int neighbour_waits(void *at)
{
	weft_time ran = 0;
	struct weft_co *co;

	CHECK_EQ(weft_sleep_until(*(weft_time *)at - 100 * WEFT_US), 0);
	while (weft_now() < *(weft_time *)at - 20 * WEFT_US)
		;
	CHECK_EQ(weft_spawn(note_time, &ran, NULL, &co), 0);
	keep(NULL);
	JOIN(co, 0);
	CHECK(ran < kept_until);
	return 0;
}

static int watch_is_passed_on(void *arg)
{
	struct weft_co_attr first = {
		.size = sizeof(first), .worker = 1, .flags = WEFT_CO_PINNED};
	struct weft_co_attr second = first;
	weft_time at = weft_now() + 30 * WEFT_MS;
	struct weft_co *a, *b;

	(void)arg;
	second.worker = 2;
	kept_until = at + WEFT_SEC;
	CHECK_EQ(weft_spawn(neighbour_waits, &at, &first, &a), 0);
	CHECK_EQ(weft_spawn(keep_at, &at, &second, &b), 0);
	JOIN(a, 0);
	JOIN(b, 0);
	return 0;
}

Test(fair, who_keeps_watch_passes_it_on, .timeout = 30)
{
	struct weft_options o = {.size = sizeof(o), .workers = 3, .pin = -1};

	for (int i = 0; i < 3; i++)
		cr_assert_eq(weft_run(watch_is_passed_on, NULL, &o), 0);
}

static int give(void *arg)
{
	(void)arg;
	return 0;
}

static int spawn_many(void *ret_count)
{
	static struct weft_co *co[200];
	int n = 0;

	while (n < 200 && weft_spawn(give, NULL, NULL, &co[n]) == 0)
		n++;
	*(int *)ret_count = n;
	while (n > 0)
		JOIN(co[--n], 0);
	return 0;
}

/* What ended on one worker may not keep the others from spawning. */
static int limit_is_shared(void *arg)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_PINNED};
	struct weft_co *co;
	int n = 0;

	(void)arg;
	for (int i = 0; i < 4; i++) {
		attr.worker = 1 + i % 2;
		CHECK_EQ(weft_spawn(spawn_many, &n, &attr, &co), 0);
		JOIN(co, 0);
		CHECK(n >= 150 - 2);
	}
	return 0;
}

Test(fair, pools_leave_three_quarters_of_the_limit_to_others)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2, .max_coroutines = 200};

	cr_assert_eq(weft_run(limit_is_shared, NULL, &o), 0);
}
