/* SPDX-License-Identifier: MIT */
/*
 * Who keeps watch, step by step: three workers without threads. The ring is a fake: what the
 * others do while one sleeps is done by `meanwhile`.
 */
#include <criterion/criterion.h>

#include "sched/base/sys.h"
#include "sched/run/worker.h"

static struct wf_worker worker[3], *list[3] = {&worker[0], &worker[1], &worker[2]};
static struct wf_worker *const a = &worker[0], *const b = &worker[1],
			       *const c = &worker[2];
static struct wf_co queued, own;
static uint64_t slept_ns;
static unsigned woken[3], on_word;
static void (*meanwhile)(void);

static void fake_poll(struct wf_ring *r, uint64_t wait_ns)
{
	void (*what)(void) = meanwhile;

	(void)r;
	slept_ns = wait_ns;
	meanwhile = NULL;
	if (what)
		what();
}

static void fake_wake(struct wf_ring *target, struct wf_ring *from)
{
	(void)from;
	woken[wf_container_of(target, struct wf_worker, ring)->id]++;
}

static bool rests; /* the ring has nothing to wait for */

static bool fake_at_rest(const struct wf_ring *r)
{
	(void)r;
	return rests;
}

static const struct wf_engine fake = {
	.at_rest = fake_at_rest, .poll = fake_poll, .wake = fake_wake};

/* a computes, c sleeps for good, b is idle; nobody is on watch. */
static void setup(void)
{
	static uint16_t others[3][2] = {{1, 2}, {2, 0}, {0, 1}};

	for (unsigned i = 0; i < 3; i++) {
		worker[i].id = i;
		worker[i].ring.engine = &fake;
		worker[i].busy_since = UINT64_MAX / 2; /* nothing is stale */
		worker[i].trim.due = WF_NEVER;
		worker[i].near = (struct wf_near){
			.id = others[i], .n_circles = 1, .circle = {{.end = 2}}};
		wf_runq_init(&worker[i].lane[WF_NORMAL].q, true);
	}
	wf_rt.workers = list;
	wf_rt.n_workers = wf_rt.n_slots = wf_rt.width = 3;
	wf_rt.unwatched = 1;
	a->current = &queued;
	c->sleeping = 1;
}

static void a_queues(void)
{
	wf_push(a, &queued);
}

static void a_wakes_up_and_queues(void)
{
	a->sleeping = 0;
	a_queues();
}

static void b_gets_a_message(void)
{
	static struct wf_msg msg;

	wf_send(b, &msg);
}

/* As the loop does it; a message makes `own` runnable. */
static void round_of_b(void)
{
	struct wf_co *co = wf_idle(b);

	cr_assert_null(co);
	if (wf_inbox_take(&b->inbox))
		wf_push(b, &own);
	if (wf_runq_pop_owner(&b->lane[WF_NORMAL].q) && b->idle)
		wf_idle_end(b);
}

TestSuite(idle, .init = setup);

Test(idle, a_push_calls_one_sleeper)
{
	a_queues();
	cr_assert_eq(woken[2], 1);
	cr_assert_eq(c->called, 1);
	cr_assert_eq(c->sleeping, 0);
	wf_runq_pop_owner(&a->lane[WF_NORMAL].q);
	a_queues();
	cr_assert_eq(woken[1] + woken[2], 1, "called twice for one watch");
}

Test(idle, one_keeps_watch_while_others_are_awake)
{
	round_of_b();
	cr_assert_eq(slept_ns, WF_SENTINEL_NS);
	cr_assert_eq(wf_rt.unwatched, 0);
	a_queues();
	cr_assert_eq(woken[2], 0, "called though somebody looks");
}

Test(idle, only_a_look_in_vain_ends_in_sleep_for_good)
{
	a->sleeping = 1;
	round_of_b();
	cr_assert_eq(slept_ns, WF_RELIEF_NS);
	round_of_b();
	cr_assert_eq(slept_ns, WF_NEVER);
	cr_assert_eq(wf_rt.unwatched, 1);
	cr_assert_eq(wf_rt.relief, 0);
}

Test(idle, who_leaves_the_watch_for_work_calls_another)
{
	meanwhile = b_gets_a_message;
	round_of_b();
	cr_assert_eq(wf_rt.sentinel, 0);
	cr_assert_eq(woken[2], 1);
}

Test(idle, who_leaves_calls_nobody_while_another_looks)
{
	wf_rt.relief = 1;
	meanwhile = b_gets_a_message;
	round_of_b();
	cr_assert_eq(woken[2], 0);
}

/* The message comes between two looks: no sleep begins, but the watch ends. */
Test(idle, work_between_two_looks_ends_the_watch)
{
	round_of_b();
	b_gets_a_message();
	round_of_b();
	cr_assert_eq(slept_ns, 0);
	cr_assert_eq(wf_rt.sentinel, 0);
	cr_assert_eq(woken[2], 1);
}

/* b is about to run its message, and is called by a, who takes it for a sleeper. */
Test(idle, a_call_that_meets_a_message_is_passed_on)
{
	b_gets_a_message();
	meanwhile = a_queues;
	round_of_b();
	cr_assert_eq(woken[1], 1);
	cr_assert_eq(woken[2], 1, "b is busy, c sleeps, and what a queued waits");
}

/* Nothing can come from the ring. */
static int waits_on_word(uint32_t *word, uint32_t val, const struct timespec *rel)
{
	cr_assert_eq(word, &b->sleeping);
	cr_assert_eq(val, WF_ON_WORD);
	cr_assert_eq(*word, WF_ON_WORD);
	fake_poll(NULL, rel ? (uint64_t)rel->tv_nsec : WF_NEVER);
	return 0;
}

static int wakes_word(uint32_t *word, int n)
{
	cr_assert_eq(word, &b->sleeping);
	cr_assert_eq(n, 1);
	cr_assert_eq(*word, WF_AWAKE);
	on_word++;
	return 0;
}

static void b_rests(void)
{
	rests = true;
	wf_sys.futex_wait = waits_on_word;
	wf_sys.futex_wake = wakes_word;
}

Test(idle, who_waits_for_a_wake_up_only_does_so_on_a_word)
{
	b_rests();
	meanwhile = b_gets_a_message;
	round_of_b();
	cr_assert_eq(slept_ns, WF_SENTINEL_NS);
	cr_assert_eq(on_word, 1);
	cr_assert_eq(woken[1], 0);
	cr_assert_eq(b->sleeping, WF_AWAKE);
}

Test(idle, with_timers_the_ring_wakes_more_exactly)
{
	struct wf_timer timer = {0};

	b_rests();
	cr_assert_eq(wf_timers_open(&b->timers, 1), 0);
	wf_timers_add(&b->timers, &timer, WF_NEVER - 1);
	meanwhile = b_gets_a_message;
	round_of_b();
	cr_assert_eq(on_word, 0);
	cr_assert_eq(woken[1], 1);
}

/* It finds nothing, for what was queued is too fresh to be stolen. */
Test(idle, a_call_outlives_a_look_in_vain)
{
	a->sleeping = 1;
	round_of_b();
	meanwhile = a_wakes_up_and_queues;
	round_of_b();
	cr_assert_eq(slept_ns, WF_NEVER);
	cr_assert_eq(woken[1], 1);
	b_gets_a_message();
	round_of_b();
	cr_assert_eq(woken[2], 1);
}
