/* SPDX-License-Identifier: MIT */
/* Timers between heaps, step by step: four workers without threads. */
#include <criterion/criterion.h>

#include "sched/run/worker.h"

enum { N = 4 };

static struct wf_worker worker[N], *list[N];
static struct wf_co co;

static void setup(void)
{
	static uint16_t others[N][N - 1] = {{1, 2, 3}, {2, 0, 3}, {1, 0, 3}, {0, 1, 2}};

	for (unsigned i = 0; i < N; i++) {
		worker[i].id = i;
		worker[i].trim.due = WF_NEVER;
		worker[i].near = (struct wf_near){
			.id = others[i], .n_circles = 1, .circle = {{.end = N - 1}}};
		list[i] = &worker[i];
		cr_assert_eq(wf_timers_open(&worker[i].timers, 8), 0);
	}
	wf_rt.workers = list;
	wf_rt.n_workers = wf_rt.n_slots = wf_rt.width = N;
	co.timer.owner = -1;
	co.due = WF_NEVER;
}

static void finish(void)
{
	for (unsigned i = 0; i < N; i++)
		wf_timers_close(&worker[i].timers);
}

TestSuite(deadline, .init = setup, .fini = finish);

/* As the coroutine does that opens a deadline there and parks. */
static void park_at(unsigned i, uint64_t due)
{
	co.due = due;
	wf_timer_arm(&worker[i], &co);
}

static void take_messages(unsigned i)
{
	struct wf_msg *msg = wf_inbox_take(&worker[i].inbox), *next;

	for (; msg; msg = next) {
		next = msg->next;
		msg->fn(&worker[i], msg);
	}
}

static void retire(unsigned i)
{
	worker[i].off_duty = true;
	worker[i].retired = 1;
	wf_timers_give(&worker[i]);
}

static void is_in(int owner, uint64_t at)
{
	cr_assert_eq(co.timer.owner, owner, "in %d", co.timer.owner);
	for (int i = 0; i < N; i++)
		cr_assert_eq(worker[i].timers.n, i == owner, "heap %d", i);
	if (owner >= 0)
		cr_assert_eq(wf_timers_next(&worker[owner].timers), at);
}

Test(deadline, a_later_one_touches_nothing)
{
	park_at(0, 50);
	park_at(1, 100);
	is_in(0, 50);
	cr_assert(wf_inbox_empty(&worker[0].inbox));
}

Test(deadline, an_earlier_one_goes_to_the_heap_that_has_it)
{
	park_at(0, 100);
	park_at(1, 50);
	is_in(0, 100);
	take_messages(0);
	is_in(0, 50);
}

Test(deadline, who_retires_gives_it_to_the_nearest)
{
	park_at(1, 100);
	retire(1);
	is_in(-1, 0);
	take_messages(2);
	is_in(2, 100);
}

Test(deadline, nobody_gets_what_nobody_wants)
{
	park_at(1, 100);
	co.due = WF_NEVER;
	retire(1);
	is_in(-1, 0);
	for (unsigned i = 0; i < N; i++)
		cr_assert(wf_inbox_empty(&worker[i].inbox));
}

Test(deadline, two_may_retire_one_after_the_other)
{
	park_at(1, 100);
	retire(1);
	retire(2);
	take_messages(2);
	is_in(-1, 0);
	take_messages(0);
	take_messages(1);
	take_messages(3);
	cr_assert_neq(co.timer.owner, -1);
	is_in(co.timer.owner, 100);
}

/* The message that carries the timer is under way, so nobody is told of the earlier wish. */
Test(deadline, a_message_that_finds_it_elsewhere_goes_there)
{
	park_at(1, 100);
	retire(1);
	park_at(0, 100);
	is_in(0, 100);
	park_at(3, 50);
	cr_assert(wf_inbox_empty(&worker[0].inbox), "there is one message");
	take_messages(2);
	take_messages(0);
	is_in(0, 50);
}
