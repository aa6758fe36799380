/* SPDX-License-Identifier: MIT */
/* Simulated runs: replayed by their seed, in virtual time, and finding what they are for. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../sched/ring/feat.h"
#include "../check.h"
#include "weft.h"

static struct weft_sim_report last;

/* fn under the seed; its status. */
static int simulate(int (*fn)(void *), void *arg, unsigned long seed, unsigned level,
		    unsigned workers)
{
	char text[40];
	struct weft_options o = {.size = sizeof(o), .workers = workers, .sim = text};

	snprintf(text, sizeof(text), "%lu:%u", seed, level);
	int rc = weft_run(fn, arg, &o);
	last = (struct weft_sim_report){.size = sizeof(last)};
	cr_assert_eq(weft_sim_report(&last), 0);
	return rc;
}

static int spread(int (*fn)(void *), void *arg, struct weft_co **ret_co)
{
	const struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_SPREAD};

	return weft_spawn(fn, arg, &attr, ret_co);
}

/* A bit of everything: clients and echoes over socket pairs, some of which are stopped. */

enum { PAIRS = 4, ROUNDS = 5 };

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[100];
	ssize_t n;

	while ((n = weft_recv(fd, buf, sizeof(buf), 0)) > 0)
		if (weft_send_all(fd, buf, (size_t)n, 0) != n)
			break;
	weft_close(fd);
	return 0;
}

static int client(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char out[300], in[300];

	for (int i = 0; i < ROUNDS; i++) {
		memset(out, 'a' + i, sizeof(out));
		CHECK_EQ(weft_send_all(fd, out, sizeof(out), 0), sizeof(out));
		CHECK_EQ(weft_recv_all(fd, in, sizeof(in)), sizeof(in));
		CHECK(memcmp(in, out, sizeof(in)) == 0);
		weft_sleep_ns(WEFT_MS);
	}
	CHECK_EQ(weft_close(fd), 0);
	return 0;
}

static int echoes(void *arg)
{
	struct weft_co *co[2 * PAIRS];

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		int fd[2];
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
		CHECK_EQ(weft_fd_adopt(fd[0]), 0);
		if (i % 2)
			CHECK_EQ(weft_fd_adopt(fd[1]), 0);
		CHECK_EQ(spread(echo, (void *)(intptr_t)fd[0], &co[2 * i]), 0);
		CHECK_EQ(spread(client, (void *)(intptr_t)fd[1], &co[2 * i + 1]), 0);
	}
	for (int i = 0; i < 2 * PAIRS; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(sim, a_seed_is_a_run)
{
	unsigned same = 0;

	for (unsigned long seed = 1; seed <= 20; seed++) {
		cr_assert_eq(simulate(echoes, NULL, seed, 1, 3), 0, "seed %lu", seed);
		struct weft_sim_report first = last;
		cr_assert_eq(simulate(echoes, NULL, seed, 1, 3), 0, "seed %lu", seed);
		cr_assert_eq(first.hash, last.hash, "seed %lu", seed);
		cr_assert_eq(first.ns, last.ns);
		cr_assert_eq(simulate(echoes, NULL, seed + 1000, 1, 3), 0);
		same += first.hash == last.hash;
	}
	cr_assert_eq(same, 0);
}

Test(sim, all_that_a_correct_program_bears_is_tried)
{
	struct weft_sim_report sum = {0};

	for (unsigned long seed = 1; seed <= 100; seed++) {
		cr_assert_eq(simulate(echoes, NULL, seed, 1, 2), 0, "seed %lu", seed);
		sum.shorts += last.shorts;
		sum.starved += last.starved;
		sum.lost += last.lost;
		sum.freezes += last.freezes;
		sum.turns += last.turns;
		cr_assert_eq(last.errors, 0);
	}
	cr_assert(sum.shorts && sum.freezes && sum.turns);
	cr_assert(!wf_has(WF_FEAT_BUF_RING) || !wf_has(WF_FEAT_RECV_MULTI) ||
			  (sum.starved && sum.lost),
		  "what can only happen to streams");
}

/* Time. */

static int sleeps_an_hour(void *arg)
{
	weft_time begin = weft_now();

	(void)arg;
	CHECK_EQ(weft_sleep_ns(3600 * WEFT_SEC), 0);
	CHECK(weft_now() - begin >= 3600 * WEFT_SEC);
	CHECK(weft_now() - begin < 3601 * WEFT_SEC);
	return 0;
}

Test(sim, time_is_virtual)
{
	cr_assert_eq(simulate(sleeps_an_hour, NULL, 1, 1, 2), 0);
	cr_assert_geq(last.ns, 3600 * WEFT_SEC);
}

/* Programs with a mistake. */

enum { ADDERS = 3 };

static int shared;

/* Reads, lets others go first, writes. */
static int adds_one(void *arg)
{
	int seen = shared;

	(void)arg;
	weft_sleep_ns(1000);
	shared = seen + 1;
	return 0;
}

static int loses_an_update(void *arg)
{
	struct weft_co *co[ADDERS];

	(void)arg;
	shared = 0;
	for (int i = 0; i < ADDERS; i++) {
		CHECK_EQ(spread(adds_one, NULL, &co[i]), 0);
		weft_sleep_ns(20 * WEFT_US);
	}
	for (int i = 0; i < ADDERS; i++)
		JOIN(co[i], 0);
	return shared == ADDERS ? 0 : 1;
}

Test(sim, finds_a_race_and_replays_it)
{
	unsigned long seed = 1;
	unsigned good = 0;

	/* it needs one worker that is not run for a while at the wrong moment */
	for (; seed < 1000 && simulate(loses_an_update, NULL, seed, 0, 3) == 0; seed++)
		good++;
	cr_assert_lt(seed, 1000);
	cr_assert_gt(good, 0, "it is not always there");
	for (int i = 0; i < 3; i++)
		cr_assert_eq(simulate(loses_an_update, NULL, seed, 0, 3), 1);
}

static int waits_for_nobody(void *arg)
{
	struct weft_event never = {0};

	(void)arg;
	return weft_event_wait(&never);
}

Test(sim, tells_a_deadlock)
{
	cr_assert_eq(simulate(waits_for_nobody, NULL, 1, 1, 2), -EDEADLK);
	cr_assert_eq(last.deadlocks, 1);
	cr_assert_eq(simulate(echoes, NULL, 1, 1, 2), 0, "and goes on afterwards");
}

/* Which of two that became runnable one after the other runs first. */
static int order[2], n_told;

static int tells(void *arg)
{
	order[n_told++] = (int)(intptr_t)arg;
	return 0;
}

static int makes_two(void *arg)
{
	struct weft_co *co[2];

	(void)arg;
	n_told = 0;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(weft_spawn(tells, (void *)(intptr_t)(i + 1), NULL, &co[i]), 0);
	for (int i = 0; i < 2; i++)
		JOIN(co[i], 0);
	return order[0];
}

Test(sim, order_is_a_choice_where_there_are_several_workers)
{
	unsigned seen[3] = {0};

	for (unsigned long seed = 1; seed <= 300; seed++)
		seen[simulate(makes_two, NULL, seed, 0, 2) % 3]++;
	cr_assert(seen[1] > 0 && seen[2] > 0);
	for (unsigned long seed = 1; seed <= 100; seed++)
		cr_assert_eq(simulate(makes_two, NULL, seed, 0, 1), 1);
}

/* The runtime stops while workers look around, fall asleep, or were about to. */
static int ends_at_once(void *arg)
{
	(void)arg;
	return 0;
}

Test(sim, a_stop_is_heard_at_any_moment)
{
	for (unsigned long seed = 1; seed <= 500; seed++)
		for (unsigned workers = 1; workers <= 3; workers++)
			cr_assert_eq(simulate(ends_at_once, NULL, seed, 0, workers), 0);
}

Test(sim, nonsense_is_refused)
{
	const char *const bad[] = {"x", "1:3", "1:", "-1", "1 2", ":1"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct weft_options o = {.size = sizeof(o), .sim = bad[i]};
		cr_assert_eq(weft_start(&o), -EINVAL, "%s", bad[i]);
		cr_assert(strstr(weft_start_error(), "WEFT_SIM") != NULL);
	}
}
