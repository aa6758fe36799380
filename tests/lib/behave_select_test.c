/* SPDX-License-Identifier: MIT */
/*
 * What programmers who come from other languages expect of select: the behaviours that the
 * tests of their runtimes check. What is promised beyond that is in chan_test.c.
 */
#include <stdatomic.h>

#include "behave.h"

enum { CHANNELS = 4 };

static struct weft_chan *c[CHANNELS];

static int make(uint32_t capacity)
{
	for (int i = 0; i < CHANNELS; i++)
		CHECK_EQ(weft_chan_new(sizeof(int), capacity, &c[i]), 0);
	return 0;
}

static int unmake(void)
{
	for (int i = 0; i < CHANNELS; i++) {
		CHECK_EQ(waiting(c[i]), 0); /* nobody is left behind in a queue */
		weft_chan_free(c[i]);
	}
	return 0;
}

#define RECV(chan, elem)                                                                 \
	{                                                                                \
		WEFT_SELECT_RECV, (chan), (elem)                                         \
	}
#define SEND(chan, elem)                                                                 \
	{                                                                                \
		WEFT_SELECT_SEND, (chan), (elem)                                         \
	}

static int select_now(struct weft_select one, int *ret_rc)
{
	return weft_select(&one, 1, false, ret_rc);
}

/* ---- what can go on and what cannot, case by case ---- */

static int alone(void *arg)
{
	int elem = 7, rc = 1;
	const struct weft_select from_none = RECV(NULL, &elem),
				 to_none = SEND(NULL, &elem), from = RECV(c[0], &elem),
				 to = SEND(c[0], &elem);

	CHECK_EQ(select_now(from_none, &rc), -EAGAIN);
	CHECK_EQ(select_now(to_none, &rc), -EAGAIN);
	CHECK_EQ(select_now(from, &rc), -EAGAIN); /* empty */
	if (!arg) {
		CHECK_EQ(select_now(to, &rc), -EAGAIN); /* nobody is there */
	} else {
		CHECK_EQ(select_now(to, &rc), 0);
		CHECK_EQ(select_now(to, &rc), -EAGAIN); /* full */
		elem = 0;
		CHECK_EQ(select_now(from, &rc), 0);
		CHECK(rc == 0 && elem == 7);
	}
	CHECK_EQ(weft_chan_close(c[0]), 0);
	CHECK(select_now(from, &rc) == 0 && rc == -EPIPE);
	CHECK(select_now(to, &rc) == 0 && rc == -EPIPE);
	return 0;
}

static int each_alone(void *arg)
{
	(void)arg;
	for (uintptr_t capacity = 0; capacity < 2; capacity++) {
		CHECK_EQ(make((uint32_t)capacity), 0);
		CHECK_EQ(alone((void *)capacity), 0);
		CHECK_EQ(unmake(), 0);
	}
	return 0;
}

Test(behave_select, each_case_alone_is_what_it_says)
{
	RUN_EVERYWHERE(each_alone);
}

/* Of many that are always ready each one has its turn. */
static int fair(void *arg)
{
	enum { ROUNDS = 8000 };
	struct weft_select cases[CHANNELS];
	int count[CHANNELS] = {0}, elem, rc;

	(void)arg;
	CHECK_EQ(make(0), 0);
	for (int i = 0; i < CHANNELS; i++) {
		cases[i] = (struct weft_select)RECV(c[i], &elem);
		CHECK_EQ(weft_chan_close(c[i]), 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		int which = weft_select(cases, CHANNELS, i % 2, &rc);
		CHECK(which >= 0 && which < CHANNELS);
		CHECK_EQ(rc, -EPIPE);
		count[which]++;
	}
	for (int i = 0; i < CHANNELS; i++)
		CHECK(count[i] > ROUNDS / CHANNELS / 2);
	return unmake();
}

Test(behave_select, ready_cases_take_turns)
{
	RUN_EVERYWHERE(fair);
}

/* Two sends to one channel: which of them is left to chance. */
static int which_send(void *arg)
{
	int zero = 0, one = 1, elem, rc, ones = 0;

	(void)arg;
	CHECK_EQ(make(1), 0);
	const struct weft_select both[] = {SEND(c[0], &zero), SEND(c[0], &one)};
	for (int i = 0; i < 1000; i++) {
		int which = weft_select(both, 2, true, &rc);
		CHECK_EQ(weft_chan_recv(c[0], &elem), 0);
		CHECK_EQ(elem, which);
		ones += elem;
	}
	CHECK(ones > 250 && ones < 750);
	return unmake();
}

Test(behave_select, one_channel_twice_is_chosen_by_chance)
{
	RUN_EVERYWHERE(which_send);
}

/* ---- exactly one ---- */

enum { NUMBERS = 4000 };
static struct weft_chan *all;

/* Each number goes to one of the channels. */
static int scatter(void *arg)
{
	int rc = 0;

	(void)arg;
	for (int i = 0; i < NUMBERS; i++) {
		const struct weft_select cases[] = {SEND(c[0], &i), SEND(c[1], &i),
						    SEND(c[2], &i), SEND(c[3], &i)};
		CHECK(weft_select(cases, 4, true, &rc) >= 0);
		CHECK_EQ(rc, 0);
	}
	for (int i = 0; i < CHANNELS; i++)
		CHECK_EQ(weft_chan_close(c[i]), 0);
	return 0;
}

static int forward(void *from)
{
	int elem, rc;

	while (!(rc = weft_chan_recv(from, &elem)))
		CHECK_EQ(weft_chan_send(all, &elem), 0);
	return rc == -EPIPE ? weft_chan_send(all, &(int){-1}) : rc;
}

static int gather(void *arg)
{
	static bool seen[NUMBERS];
	struct weft_co *co[CHANNELS + 1];
	int elem, n = 0;

	(void)arg;
	memset(seen, 0, sizeof(seen));
	CHECK_EQ(make(0), 0);
	CHECK_EQ(weft_chan_new(sizeof(int), 2, &all), 0);
	CHECK_EQ(weft_spawn(scatter, NULL, NULL, &co[CHANNELS]), 0);
	for (int i = 0; i < CHANNELS; i++)
		CHECK_EQ(weft_spawn(forward, c[i], NULL, &co[i]), 0);
	for (int ended = 0; ended < CHANNELS;) {
		CHECK_EQ(weft_chan_recv(all, &elem), 0);
		if (elem < 0) {
			ended++;
			continue;
		}
		CHECK(!seen[elem]);
		seen[elem] = true;
		n++;
	}
	CHECK_EQ(n, NUMBERS);
	for (int i = 0; i <= CHANNELS; i++)
		JOIN(co[i], 0);
	weft_chan_free(all);
	return unmake();
}

Test(behave_select, a_send_goes_to_one_channel_only, .timeout = 60)
{
	RUN_EVERYWHERE(gather);
}

/* The same channel in several cases, and others that never come. */
static int waits_twice(void *arg)
{
	int a = 0, b = 0, rc;
	const struct weft_select cases[] = {RECV(c[0], &a), RECV(c[1], &b),
					    RECV(c[0], &a), RECV(NULL, NULL)};

	(void)arg;
	int which = weft_select(cases, 4, true, &rc);
	CHECK(which == 0 || which == 2);
	CHECK_EQ(rc, 0);
	return a;
}

static int duplicate(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(make(0), 0);
	for (int i = 1; i < 200; i++) {
		CHECK_EQ(start_waiter(waits_twice, NULL, c[0], 2, &co), 0);
		CHECK_EQ(weft_chan_send(c[0], &i), 0);
		JOIN(co, i);
		CHECK_EQ(waiting(c[0]) + waiting(c[1]), 0);
	}
	return unmake();
}

Test(behave_select, the_same_channel_may_come_twice)
{
	RUN_EVERYWHERE(duplicate);
}

/* ---- who waits in the middle of queues ---- */

static int waits_in_two(void *arg)
{
	int a = -1, b = -1, rc;
	const struct weft_select cases[] = {RECV(c[0], &a), RECV(c[1], &b)};
	int which = weft_select(cases, 2, true, &rc);

	(void)arg;
	if (which < 0)
		return which;
	CHECK_EQ(rc, 0);
	return which ? b : a;
}

static int waits_in_second(void *arg)
{
	int elem, rc = weft_chan_recv(c[1], &elem);

	(void)arg;
	return rc ? rc : elem;
}

/* A select leaves the middle of a queue: its neighbours stay, in order. */
static int neighbours(void *arg)
{
	struct weft_co *co[3];

	(void)arg;
	CHECK_EQ(make(0), 0);
	CHECK_EQ(start_waiter(waits_in_second, NULL, c[1], 1, &co[0]), 0);
	CHECK_EQ(start_waiter(waits_in_two, NULL, c[1], 2, &co[1]), 0);
	CHECK_EQ(start_waiter(waits_in_second, NULL, c[1], 3, &co[2]), 0);
	CHECK_EQ(weft_chan_send(c[0], &(int){10}), 0);
	JOIN(co[1], 10);
	CHECK_EQ(waiting(c[1]), 2);
	CHECK_EQ(weft_chan_send(c[1], &(int){11}), 0);
	CHECK_EQ(weft_chan_send(c[1], &(int){12}), 0);
	JOIN(co[0], 11);
	JOIN(co[2], 12);
	return unmake();
}

Test(behave_select, who_leaves_disturbs_no_neighbour)
{
	RUN_EVERYWHERE(neighbours);
}

/* ... also when it is cancelled, or out of time. */
static int stopped(void *arg)
{
	struct weft_co *co;
	struct weft_deadline scope;

	(void)arg;
	CHECK_EQ(make(0), 0);
	CHECK_EQ(start_waiter(waits_in_two, NULL, c[1], 1, &co), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, -ECANCELED);
	CHECK_EQ(waiting(c[0]) + waiting(c[1]), 0);
	CHECK_EQ(weft_chan_trysend(c[0], &(int){1}), -EAGAIN); /* nobody is there */
	const struct weft_select cases[] = {RECV(c[0], &(int){0}), SEND(c[1], &(int){1})};
	CHECK_EQ(weft_deadline_open(&scope, weft_now() + WEFT_MS), 0);
	CHECK_EQ(weft_select(cases, 2, true, NULL), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&scope), 1);
	CHECK_EQ(weft_chan_tryrecv(c[1], &(int){0}), -EAGAIN);
	return unmake();
}

Test(behave_select, who_is_stopped_has_done_nothing)
{
	RUN_EVERYWHERE(stopped);
}

static int waits_to_send(void *arg)
{
	int elem = (int)(intptr_t)arg, rc;
	const struct weft_select cases[] = {SEND(c[0], &elem), SEND(c[1], &elem)};
	int which = weft_select(cases, 2, true, &rc);

	return which < 0 ? which : rc ? rc : which;
}

/* The close of one channel is a result of a case like another. */
static int closing(void *arg)
{
	struct weft_co *co[2];

	(void)arg;
	CHECK_EQ(make(0), 0);
	CHECK_EQ(start_waiter(waits_to_send, (void *)4, c[1], 1, &co[0]), 0);
	CHECK_EQ(start_waiter(waits_to_send, (void *)4, c[1], 2, &co[1]), 0);
	CHECK_EQ(weft_chan_close(c[1]), 0);
	JOIN(co[0], -EPIPE);
	JOIN(co[1], -EPIPE);
	CHECK_EQ(weft_chan_tryrecv(c[0], &(int){0}), -EAGAIN);
	return unmake();
}

Test(behave_select, a_close_ends_a_case)
{
	RUN_EVERYWHERE(closing);
}

/* ---- all ways to meet ---- */

static int by_call(void *arg)
{
	int elem = 3, rc;

	rc = arg ? weft_chan_send(c[0], &elem) : weft_chan_recv(c[0], &elem);
	return rc ? rc : elem;
}

static int by_select(void *arg)
{
	int elem = 3, rc;
	const struct weft_select one = {arg ? WEFT_SELECT_SEND : WEFT_SELECT_RECV, c[0],
					&elem};

	CHECK_EQ(weft_select(&one, 1, true, &rc), 0);
	return rc ? rc : elem;
}

static int by_select_of_two(void *arg)
{
	int elem = 3, never, rc;
	const struct weft_select two[] = {
		RECV(c[1], &never),
		{arg ? WEFT_SELECT_SEND : WEFT_SELECT_RECV, c[0], &elem}};

	CHECK_EQ(weft_select(two, 2, true, &rc), 1);
	return rc ? rc : elem;
}

static int by_trying(void *arg)
{
	int elem = 3, rc;
	const struct weft_select one = {arg ? WEFT_SELECT_SEND : WEFT_SELECT_RECV, c[0],
					&elem};

	while (weft_select(&one, 1, false, &rc) == -EAGAIN)
		CHECK_EQ(weft_yield(), 0);
	return rc ? rc : elem;
}

static int meetings(void *arg)
{
	int (*const way[])(void *) = {by_call, by_select, by_select_of_two, by_trying};
	struct weft_co *first, *second;

	(void)arg;
	CHECK_EQ(make(0), 0);
	for (int i = 0; i < 64; i++) {
		int a = i / 4 % 4, b = i % 4, a_sends = i / 16 % 2;
		if (a == 3 && b == 3)
			continue; /* two that only try never meet */
		CHECK_EQ(weft_spawn(way[a], (void *)(intptr_t)a_sends, NULL, &first), 0);
		if (i < 32)
			CHECK_EQ(weft_yield(), 0); /* who comes first */
		CHECK_EQ(weft_spawn(way[b], (void *)(intptr_t)!a_sends, NULL, &second),
			 0);
		JOIN(first, 3);
		JOIN(second, 3);
	}
	return unmake();
}

Test(behave_select, any_two_ways_meet)
{
	RUN_EVERYWHERE(meetings);
}

/* ---- races ---- */

static int tries_both(void *arg)
{
	int elem, rc;
	const struct weft_select cases[] = {RECV(c[0], &elem), RECV(c[1], &elem)};

	(void)arg;
	return weft_select(cases, 2, false, &rc) >= 0 ? 0 : __LINE__;
}

/* At any moment one of two channels holds something, so a look at both finds it. */
static int never_both_empty(void *arg)
{
	struct weft_co *co;
	int elem;

	(void)arg;
	for (int i = 0; i < 3000; i++) {
		CHECK_EQ(make(1), 0);
		CHECK_EQ(weft_chan_send(c[0], &i), 0);
		CHECK_EQ(weft_spawn(tries_both, NULL, NULL, &co), 0);
		CHECK_EQ(weft_chan_send(c[1], &i), 0);
		weft_chan_tryrecv(c[0], &elem);
		JOIN(co, 0);
		CHECK_EQ(unmake(), 0);
	}
	return 0;
}

Test(behave_select, a_look_at_several_is_one_look, .timeout = 60)
{
	RUN_EVERYWHERE(never_both_empty);
}

/* Two that select in opposite order among the same channels do not lock each other out. */
static int crossing(void *arg)
{
	bool first = arg;
	int rc = 0, elem = 0;
	const struct weft_select left[] = {SEND(c[0], &elem), RECV(c[1], &elem)},
				 right[] = {SEND(c[1], &elem), RECV(c[0], &elem)};

	for (int i = 0; i < NUMBERS; i++)
		CHECK(weft_select(first ? left : right, 2, true, &rc) >= 0 && !rc);
	return 0;
}

static int opposite(void *arg)
{
	struct weft_co *co[2];

	(void)arg;
	CHECK_EQ(make(0), 0);
	CHECK_EQ(weft_spawn(crossing, (void *)1, NULL, &co[0]), 0);
	CHECK_EQ(weft_spawn(crossing, NULL, NULL, &co[1]), 0);
	JOIN(co[0], 0);
	JOIN(co[1], 0);
	return unmake();
}

Test(behave_select, opposite_orders_do_not_lock_out, .timeout = 60)
{
	RUN_EVERYWHERE(opposite);
}

/* Two that would both send and receive: each gets what the other sent, never its own. */
static int talks_to_itself(void *arg)
{
	int mine = (int)(intptr_t)arg, heard, rc;
	const struct weft_select cases[] = {RECV(c[0], &heard), SEND(c[0], &mine)};

	for (int i = 0; i < NUMBERS; i++) {
		int which = weft_select(cases, 2, true, &rc);
		CHECK_EQ(rc, 0);
		CHECK(which == 1 || (which == 0 && heard != mine));
	}
	return 0;
}

static int selves(void *arg)
{
	struct weft_co *co[2];

	(void)arg;
	CHECK_EQ(make(0), 0);
	CHECK_EQ(weft_spawn(talks_to_itself, (void *)1, NULL, &co[0]), 0);
	CHECK_EQ(weft_spawn(talks_to_itself, (void *)2, NULL, &co[1]), 0);
	JOIN(co[0], 0);
	JOIN(co[1], 0);
	return unmake();
}

Test(behave_select, who_sends_and_receives_hears_the_other, .timeout = 60)
{
	RUN_EVERYWHERE(selves);
}
