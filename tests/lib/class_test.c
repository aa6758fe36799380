/* SPDX-License-Identifier: MIT */
/* Classes of coroutines: whose turn it is, by counting; and how workers wait for them. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"

enum { MOST_TURNS = 16, MOST = 4 * MOST_TURNS };

/* The weight of latency and normal, and how many of them there are. */
static unsigned turns = MOST_TURNS, each = MOST;

static int spawn_as(enum weft_co_class class, int (*fn)(void *), void *arg,
		    struct weft_co **ret_co)
{
	const struct weft_co_attr attr = {.size = sizeof(attr), .service = class};

	return weft_spawn(fn, arg, &attr, ret_co);
}

/* Who ran, in order: a letter each. */
static char order[4 * MOST + 1];
static unsigned n_ran;

static int note_one(void *letter)
{
	order[n_ran++] = *(const char *)letter;
	return 0;
}

static int spawn_many(enum weft_co_class class, const char *letter, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(spawn_as(class, note_one, (void *)letter, NULL), 0);
	return 0;
}

/* How many other letters come between two of these, or before the first one. */
static unsigned longest_wait(char letter)
{
	unsigned longest = 0, wait = 0;

	for (const char *c = order; *c; c++) {
		if (*c != letter) {
			wait++;
			continue;
		}
		longest = wait > longest ? wait : longest;
		wait = 0;
	}
	return longest;
}

static int take_turns(void *arg)
{
	(void)arg;
	n_ran = 0;
	memset(order, 0, sizeof(order));
	CHECK_EQ(spawn_many(WEFT_CO_BATCH, "b", each / turns), 0);
	CHECK_EQ(spawn_many(WEFT_CO_NORMAL, "n", each), 0);
	CHECK_EQ(spawn_many(WEFT_CO_LATENCY, "l", each), 0);
	CHECK_EQ(weft_set_class(WEFT_CO_BATCH), 0);
	while (n_ran < 2 * each + each / turns)
		CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(order[0], 'l');
	CHECK_EQ(longest_wait('l'), 1);
	CHECK(longest_wait('n') >= turns &&
	      longest_wait('n') <= turns + 1); /* a batch one */
	/* and this one's own turns, which it does not note */
	CHECK(longest_wait('b') <= 2 * turns * (turns + 1));
	CHECK(strrchr(order, 'n') > strchr(order, 'b'));
	return 0;
}

Test(class, all_have_their_turn, .timeout = 30)
{
	RUN_ON(1, take_turns);
}

/* 3 and 3 instead: each bound is another one. */
Test(class, turns_are_as_the_weights_say, .timeout = 30)
{
	const struct weft_options o = {
		.size = sizeof(o), .workers = 1, .latency_weight = 3, .normal_weight = 3};

	turns = 3;
	each = 4 * turns;
	cr_assert_eq(weft_run(take_turns, NULL, &o), 0, "%s", weft_start_error());
}

Test(class, weights_have_limits)
{
	const struct weft_options o = {.size = sizeof(o), .latency_weight = 1001};

	cr_assert_eq(weft_start(&o), -EINVAL);
	cr_assert(strstr(weft_start_error(), "WEFT_LATENCY_WEIGHT"), "%s",
		  weft_start_error());
}

static atomic_bool stop;

static int yields(void *ret_n)
{
	while (!atomic_load(&stop)) {
		if (ret_n)
			++*(unsigned long *)ret_n;
		CHECK_EQ(weft_yield(), 0);
	}
	return 0;
}

/* Nobody starves beside others that can always run. */
static int beside_the_greedy(void *arg)
{
	unsigned long n[3] = {0};
	struct weft_co *co[6];

	(void)arg;
	atomic_store(&stop, false);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(spawn_as((enum weft_co_class)(i / 2), yields, &n[i / 2], &co[i]),
			 0);
	CHECK_EQ(weft_set_class(WEFT_CO_BATCH), 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(weft_yield(), 0);
	atomic_store(&stop, true);
	for (int i = 0; i < 6; i++)
		JOIN(co[i], 0);
	/* in 20 turns of a batch one */
	CHECK(n[WEFT_CO_BATCH] >= 19);
	CHECK(n[WEFT_CO_NORMAL] >= 19 * turns);
	CHECK(n[WEFT_CO_LATENCY] >= 19 * turns * turns);
	CHECK(n[WEFT_CO_LATENCY] <= (n[WEFT_CO_NORMAL] + n[WEFT_CO_BATCH] + 22) * turns);
	return 0;
}

Test(class, nobody_starves, .timeout = 30)
{
	RUN_ON(1, beside_the_greedy);
}

/* Batch work writes what latency work waits for: how many batch turns begin before that has
 * its own. */
static int pipe_fd[2];
static atomic_ulong batch_turns, written_at, worst;

static int computes(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		unsigned long turn = atomic_fetch_add(&batch_turns, 1) + 1;

		if (turn % 50 == 0) {
			atomic_store(&written_at, turn);
			CHECK_EQ(write(pipe_fd[1], "x", 1), 1);
		}
		for (volatile int i = 0; i < 1000; i++)
			;
		CHECK_EQ(weft_yield(), 0);
	}
	return 0;
}

static int answers(void *arg)
{
	char c;

	(void)arg;
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(weft_read(pipe_fd[0], &c, 1), 1);
		unsigned long late = atomic_load(&batch_turns) - atomic_load(&written_at);

		if (late > atomic_load(&worst))
			atomic_store(&worst, late);
	}
	atomic_store(&stop, true);
	return 0;
}

static int answer_beside_batch(void *arg)
{
	struct weft_co *co[9];

	(void)arg;
	atomic_store(&stop, false);
	CHECK_EQ(spawn_as(WEFT_CO_LATENCY, answers, NULL, &co[0]), 0);
	for (int i = 1; i < 9; i++)
		CHECK_EQ(spawn_as(WEFT_CO_BATCH, computes, NULL, &co[i]), 0);
	for (int i = 0; i < 9; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(class, batch_delays_latency_by_its_present_run, .timeout = 60)
{
	cr_assert_eq(pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK), 0);
	RUN_ON(1, answer_beside_batch);
	/* its own run; and one more where the poll fires a moment later */
	cr_assert(worst <= 2, "%lu batch turns came first", worst);
}

/* The pinned of a class take turns with its others, and stay where they are. */
static int pinned_yields(void *arg)
{
	int here = weft_worker_id();

	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(weft_worker_id(), here);
	}
	(void)arg;
	return 0;
}

static int pins_of_all_classes(void *arg)
{
	struct weft_co *co[24];

	(void)arg;
	for (int i = 0; i < 24; i++) {
		const struct weft_co_attr attr = {
			.size = sizeof(attr),
			.flags = i % 2 ? WEFT_CO_PINNED | WEFT_CO_SPREAD : WEFT_CO_SPREAD,
			.service = (uint32_t)i % 3};

		CHECK_EQ(weft_spawn(i % 2 ? pinned_yields : note_one, "x", &attr, &co[i]),
			 0);
	}
	for (int i = 0; i < 24; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(class, pinned_ones_have_classes_too, .timeout = 30)
{
	n_ran = 0;
	RUN_ON(1, pins_of_all_classes);
	n_ran = 0;
	RUN_ON(2, pins_of_all_classes);
}

static int change(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_class(), WEFT_CO_BATCH);
	CHECK_EQ(weft_set_class(WEFT_CO_LATENCY), 0);
	CHECK_EQ(weft_class(), WEFT_CO_LATENCY);
	CHECK_EQ(weft_pin(), 1);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_unpin(), 0);
	CHECK_EQ(weft_class(), WEFT_CO_LATENCY);
	CHECK_EQ(weft_set_class((enum weft_co_class)3), -EINVAL);
	return 7;
}

static int changes(void *arg)
{
	const struct weft_co_attr bad = {.size = sizeof(bad), .service = 3};
	const struct weft_co_attr fork = {
		.size = sizeof(fork), .flags = WEFT_CO_FORK, .service = WEFT_CO_BATCH};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_class(), WEFT_CO_NORMAL);
	CHECK_EQ(weft_spawn(change, NULL, &bad, NULL), -EINVAL);
	CHECK_EQ(weft_spawn(change, NULL, &fork, NULL), -EINVAL);
	CHECK_EQ(spawn_as(WEFT_CO_BATCH, change, NULL, &co), 0);
	JOIN(co, 7);
	return 0;
}

Test(class, can_be_changed)
{
	RUN_ON(1, changes);
	cr_assert_eq(weft_set_class(WEFT_CO_BATCH), -EPERM);
	cr_assert_eq(weft_class(), -EPERM);
}

/* An idle worker takes what waits behind a hog, of whatever class. */
static atomic_int n_elsewhere;

static int ends_elsewhere(void *arg)
{
	(void)arg;
	atomic_fetch_add(&n_elsewhere, 1);
	return 0;
}

static int hog_with_queue(void *arg)
{
	(void)arg;
	atomic_store(&n_elsewhere, 0);
	for (int i = 0; i < 30; i++)
		CHECK_EQ(
			spawn_as((enum weft_co_class)(i % 3), ends_elsewhere, NULL, NULL),
			0);
	while (atomic_load(&n_elsewhere) < 30)
		;
	return 0;
}

Test(class, all_classes_are_stolen, .timeout = 60)
{
	RUN_ON(2, hog_with_queue);
}

/* Waiting. A plain thread feeds pipes, the worker waits for them. */
enum { PIPES = 12, ROUNDS = 40 };

static int feed[PIPES][2];
static struct weft_stats before, after;

static void *feeder(void *arg)
{
	const struct timespec gap = {.tv_nsec = 200000};

	for (int i = 0; i < PIPES * ROUNDS; i++) {
		nanosleep(&gap, NULL);
		if (write(feed[i % PIPES][1], "x", 1) != 1)
			return NULL;
	}
	return arg;
}

static int eats(void *arg)
{
	char c;

	for (int i = 0; i < ROUNDS; i++)
		CHECK_EQ(weft_read(*(int *)arg, &c, 1), 1);
	return 0;
}

static int wait_as(enum weft_co_class class)
{
	struct weft_co *co[PIPES];
	pthread_t thread;

	before.size = after.size = sizeof(before);
	for (int i = 0; i < PIPES; i++) {
		CHECK_EQ(pipe2(feed[i], O_CLOEXEC), 0);
		CHECK_EQ(spawn_as(class, eats, &feed[i][0], &co[i]), 0);
	}
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_stats(&before), 0);
	CHECK_EQ(pthread_create(&thread, NULL, feeder, NULL), 0);
	for (int i = 0; i < PIPES; i++)
		JOIN(co[i], 0);
	CHECK_EQ(weft_stats(&after), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	for (int i = 0; i < PIPES; i++)
		CHECK(close(feed[i][0]) == 0 && close(feed[i][1]) == 0);
	return 0;
}

static int as_latency(void *arg)
{
	(void)arg;
	return wait_as(WEFT_CO_LATENCY);
}

static int as_normal(void *arg)
{
	(void)arg;
	return wait_as(WEFT_CO_NORMAL);
}

static int as_batch(void *arg)
{
	(void)arg;
	return wait_as(WEFT_CO_BATCH);
}

static void run_waiting(int (*fn)(void *), int spin_us, int linger_us)
{
	const struct weft_options o = {.size = sizeof(o),
				       .workers = 1,
				       .spin_us = spin_us,
				       .linger_us = linger_us};
	int rc = weft_run(fn, NULL, &o);

	cr_assert_eq(rc, 0, "status or line %d", rc);
}

Test(class, only_latency_work_spins, .timeout = 60)
{
	run_waiting(as_latency, 100000, 0);
	cr_assert_gt(after.spins, before.spins);
	cr_assert_gt(after.spins_won, before.spins_won);
	cr_assert_geq(after.latency_runs - before.latency_runs, PIPES * ROUNDS / 2);
	run_waiting(as_latency, -1, 0);
	cr_assert_eq(after.spins, before.spins);
	run_waiting(as_normal, 100000, 0);
	cr_assert_eq(after.spins, before.spins);
}

static bool can_linger(void)
{
	const char *name;
	bool on = false;

	for (unsigned i = 0; weft_feature(i, &name, &on, NULL) == 0; i++)
		if (strcmp(name, "MIN_WAIT") == 0)
			return on;
	return false;
}

Test(class, batch_work_gathers_completions, .timeout = 60)
{
	run_waiting(as_batch, 0, -1);
	uint64_t plain = after.enters - before.enters;

	run_waiting(as_batch, 0, 20000);
	uint64_t gathered = after.enters - before.enters;

	if (can_linger())
		cr_assert_lt(gathered * 3, plain, "%lu, without %lu", gathered, plain);
}
