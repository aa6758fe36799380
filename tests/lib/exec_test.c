/* SPDX-License-Identifier: MIT */
/* Futures, pools of threads, executors of coroutines. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../check.h"
#include "sched/base/sys.h"

static atomic_int calls, present, most;
static atomic_bool gate;

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static int doubles(void *arg)
{
	return 2 * *(int *)arg;
}

static int counts(void *arg)
{
	atomic_fetch_add(&calls, 1);
	return (int)(intptr_t)arg;
}

static int counts_itself(void *arg)
{
	int now = atomic_fetch_add(&present, 1) + 1, seen = atomic_load(&most);

	(void)arg;
	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		;
	usleep(1000);
	atomic_fetch_sub(&present, 1);
	return 0;
}

/* Until the gate is open: on a thread. */
static int blocks(void *arg)
{
	atomic_fetch_add(&calls, 1);
	while (!atomic_load(&gate))
		usleep(500);
	return (int)(intptr_t)arg;
}

#define BOTH(name)                                                                       \
	Test(exec, name, .timeout = 60)                                                  \
	{                                                                                \
		RUN_ON(1, name);                                                         \
		atomic_store(&calls, 0);                                                 \
		atomic_store(&most, 0);                                                  \
		atomic_store(&gate, false);                                              \
		RUN_ON(2, name);                                                         \
	}

/* Blocking calls. */

static int sleeps_on_a_thread(void *arg)
{
	cr_assert_eq(weft_self(), NULL);
	usleep(20000);
	return (int)(intptr_t)arg;
}

static atomic_int turns;

static int takes_turns(void *arg)
{
	while (!atomic_load((atomic_bool *)arg)) {
		atomic_fetch_add(&turns, 1);
		weft_yield();
	}
	return 0;
}

static int others_run_meanwhile(void *arg)
{
	atomic_bool over = false;
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(takes_turns, &over, NULL, &co), 0);
	weft_yield();
	int before = atomic_load(&turns);
	CHECK_EQ(weft_blocking(sleeps_on_a_thread, (void *)7), 7);
	CHECK(atomic_load(&turns) > before + 10);
	atomic_store(&over, true);
	JOIN(co, 0);
	return 0;
}
BOTH(others_run_meanwhile)

static int is_cancelled_in_a_call(void *arg)
{
	CHECK_EQ(weft_blocking(blocks, arg), 5); /* it ran: it is waited for */
	CHECK_EQ(weft_yield(), -ECANCELED);
	return 0;
}

static int a_running_call_is_waited_for(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(is_cancelled_in_a_call, (void *)5, NULL, &co), 0);
	while (!atomic_load(&calls))
		weft_yield();
	CHECK_EQ(weft_cancel(co), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	atomic_store(&gate, true);
	JOIN(co, 0);
	return 0;
}
BOTH(a_running_call_is_waited_for)

/* Pools. */

static int results_in_order(void *arg)
{
	const struct weft_pool_options o = {.size = sizeof(o), .threads = 3};
	struct weft_executor *ex;
	struct weft_future *f[5];
	int status;

	(void)arg;
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	for (intptr_t i = 0; i < 5; i++)
		CHECK_EQ(weft_submit(ex, returns, (void *)(10 + i), NULL, &f[i]), 0);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(weft_future_wait(f[i], &status), 0);
		CHECK_EQ(status, 10 + i);
		CHECK(weft_future_done(f[i]));
		CHECK_EQ(weft_future_cancel(f[i]), -EALREADY);
		weft_future_free(f[i]);
	}
	weft_executor_close(ex, false);
	return 0;
}
BOTH(results_in_order)

static int no_more_threads_than_asked_for(void *arg)
{
	const struct weft_pool_options o = {.size = sizeof(o), .threads = 3};
	struct weft_executor *ex;
	int ignored[64];

	(void)arg;
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	CHECK_EQ(weft_map(ex, counts_itself, ignored, sizeof(int), 64, NULL), 0);
	CHECK_EQ(atomic_load(&most), 3);
	weft_executor_close(ex, false);
	return 0;
}
BOTH(no_more_threads_than_asked_for)

static int a_full_queue_says_so(void *arg)
{
	const struct weft_pool_options o = {.size = sizeof(o), .threads = 1, .queue = 2};
	const struct weft_task_attr wait = {.size = sizeof(wait),
					    .flags = WEFT_TASK_WAIT};
	struct weft_future *f[3], *more;
	struct weft_executor *ex;
	struct weft_deadline d;

	(void)arg;
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	CHECK_EQ(weft_submit(ex, blocks, NULL, NULL, &f[0]), 0);
	while (!atomic_load(&calls))
		weft_yield();
	CHECK_EQ(weft_submit(ex, counts, NULL, NULL, &f[1]), 0);
	CHECK_EQ(weft_submit(ex, counts, NULL, NULL, &f[2]), 0);
	CHECK_EQ(weft_submit(ex, counts, NULL, NULL, &more), -EAGAIN);
	CHECK_EQ(weft_deadline_open(&d, weft_now() + 10 * WEFT_MS), 0);
	CHECK_EQ(weft_submit(ex, counts, NULL, &wait, &more), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	CHECK_EQ(weft_future_cancel(f[1]), 0); /* makes room */
	CHECK_EQ(weft_submit(ex, counts, NULL, NULL, &more), 0);
	CHECK_EQ(weft_future_cancel(f[0]), -EBUSY); /* it runs */
	atomic_store(&gate, true);
	int status;
	CHECK_EQ(weft_future_wait(f[1], &status), 0);
	CHECK_EQ(status, -ECANCELED);
	weft_executor_close(ex, false);
	CHECK_EQ(atomic_load(&calls), 3);
	for (int i = 0; i < 3; i++)
		weft_future_free(f[i]);
	weft_future_free(more);
	return 0;
}
BOTH(a_full_queue_says_so)

static atomic_int order[64], n_order;

static int notes(void *arg)
{
	atomic_store(&order[atomic_fetch_add(&n_order, 1)], (int)(intptr_t)arg);
	return 0;
}

static int latency_goes_first_and_none_starves(void *arg)
{
	const struct weft_pool_options o = {.size = sizeof(o), .threads = 1};
	struct weft_task_attr attr = {.size = sizeof(attr)};
	struct weft_future *f;
	struct weft_executor *ex;

	(void)arg;
	atomic_store(&n_order, 0);
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	CHECK_EQ(weft_submit(ex, blocks, NULL, NULL, &f), 0);
	weft_future_free(f);
	while (!atomic_load(&calls))
		weft_yield();
	attr.service = WEFT_CO_BATCH;
	CHECK_EQ(weft_submit(ex, notes, (void *)3, &attr, &f), 0);
	weft_future_free(f);
	for (int i = 0; i < 40; i++) {
		attr.service = i < 20 ? WEFT_CO_NORMAL : WEFT_CO_LATENCY;
		CHECK_EQ(weft_submit(ex, notes, (void *)(intptr_t)(i < 20 ? 2 : 1), &attr,
				     &f),
			 0);
		weft_future_free(f);
	}
	atomic_store(&gate, true);
	weft_executor_close(ex, false);
	CHECK_EQ(atomic_load(&n_order), 41);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(atomic_load(&order[i]), 1);
	CHECK_EQ(atomic_load(&order[16]), 2);
	CHECK_EQ(atomic_load(&order[17]), 1);
	return 0;
}
BOTH(latency_goes_first_and_none_starves)

static int threads_end_when_idle(void *arg)
{
	const struct weft_pool_options o = {.size = sizeof(o),
					    .threads = 2,
					    .idle_ns = 5 * WEFT_MS,
					    .name = "idlers"};
	struct weft_executor *ex;
	int n[2] = {20, 21}, statuses[2], seen = 1;

	(void)arg;
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	CHECK_EQ(weft_map(ex, doubles, n, sizeof(int), 2, statuses), 0);
	while (seen) { /* until none of that name is left */
		weft_sleep_ns(WEFT_MS);
		seen = system("grep -qs idlers /proc/$PPID/task/*/comm") == 0;
	}
	CHECK_EQ(weft_map(ex, doubles, n, sizeof(int), 2, statuses),
		 0); /* and come back */
	CHECK_EQ(statuses[1], 42);
	weft_executor_close(ex, false);
	return 0;
}
BOTH(threads_end_when_idle)

static int close_may_cancel_what_waits(void *arg)
{
	const struct weft_pool_options o = {.size = sizeof(o), .threads = 1};
	struct weft_future *f[8];
	struct weft_executor *ex;
	int status;

	(void)arg;
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	atomic_store(&gate, true);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(weft_submit(ex, blocks, (void *)1, NULL, &f[i]), 0);
	weft_executor_close(ex, true);
	int ran = 0;
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(weft_future_wait(f[i], &status), 0);
		CHECK(status == 1 || status == -ECANCELED);
		ran += status == 1;
		weft_future_free(f[i]);
	}
	CHECK_EQ(ran, atomic_load(&calls));
	return 0;
}
BOTH(close_may_cancel_what_waits)

/* Futures. */

static void sets(struct weft_future *f, void *arg)
{
	*(int *)arg = weft_future_done(f) ? 1 : -1;
}

static void *sets_a_promise(void *f)
{
	usleep(5000);
	weft_promise_set(f, 42);
	return NULL;
}

static int promises(void *arg)
{
	struct weft_future *f;
	pthread_t t;
	int status, told = 0, late = 0;

	(void)arg;
	CHECK_EQ(weft_promise_new(&f), 0);
	CHECK_EQ(weft_future_on_done(f, sets, &told), 0);
	CHECK_EQ(weft_future_on_done(f, sets, &late), -EBUSY);
	CHECK_EQ(weft_future_wait_until(f, weft_now() + WEFT_MS, &status), -ETIMEDOUT);
	CHECK_EQ(weft_future_cancel(f), -EBUSY);
	CHECK_EQ(pthread_create(&t, NULL, sets_a_promise, f), 0);
	CHECK_EQ(weft_future_wait(f, &status), 0);
	CHECK_EQ(status, 42);
	pthread_join(t, NULL);
	CHECK_EQ(told, 1);
	CHECK_EQ(weft_promise_set(f, 43), -EALREADY);
	weft_future_free(f);
	return 0;
}
BOTH(promises)

static int as_they_end(void *arg)
{
	struct weft_doneq q = {{0}};
	struct weft_future *f[4], *next;
	unsigned seen = 0;

	(void)arg;
	CHECK_EQ(weft_doneq_next(&q, WEFT_NEVER, &next), -ENOENT);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(weft_promise_new(&f[i]), 0);
		if (i == 2)
			CHECK_EQ(weft_promise_set(f[i], 0), 0);
		CHECK_EQ(weft_doneq_add(&q, f[i]), 0);
		CHECK_EQ(weft_doneq_add(&q, f[i]), -EBUSY);
	}
	CHECK_EQ(weft_wait_any(f, 4, WEFT_NEVER), -EINVAL); /* they are in a queue */
	CHECK_EQ(weft_doneq_next(&q, WEFT_NEVER, &next), 0);
	CHECK(next == f[2]);
	CHECK_EQ(weft_doneq_next(&q, weft_now() + WEFT_MS, &next), -ETIMEDOUT);
	CHECK_EQ(weft_promise_set(f[3], 0), 0);
	CHECK_EQ(weft_promise_set(f[0], 0), 0);
	CHECK_EQ(weft_doneq_next(&q, WEFT_NEVER, &next), 0);
	CHECK(next == f[3]);
	weft_doneq_close(&q);
	seen = 1;
	CHECK_EQ(weft_wait_any(f, 2, WEFT_NEVER), 0);
	CHECK_EQ(weft_wait_any(&f[1], 1, weft_now() + WEFT_MS), -ETIMEDOUT);
	CHECK_EQ(weft_wait_all(f, 4, weft_now() + WEFT_MS), -ETIMEDOUT);
	CHECK_EQ(weft_promise_set(f[1], 0), 0);
	CHECK_EQ(weft_wait_all(f, 4, WEFT_NEVER), 0);
	for (int i = 0; i < 4; i++)
		weft_future_free(f[i]);
	CHECK_EQ(seen, 1);
	return 0;
}
BOTH(as_they_end)

static atomic_int dropped;

static void drops(void *arg)
{
	free(arg);
	atomic_fetch_add(&dropped, 1);
}

static int an_abandoned_call_owns_its_argument(void *arg)
{
	const struct weft_task_attr attr = {.size = sizeof(attr), .drop = drops};
	struct weft_future *f;

	(void)arg;
	atomic_store(&dropped, 0);
	CHECK_EQ(weft_submit(NULL, blocks, malloc(1), &attr, &f), 0);
	weft_future_free(f); /* it goes on */
	CHECK_EQ(weft_future_new(blocks, malloc(1), &attr, &f), 0);
	weft_future_free(f); /* it never begins */
	CHECK_EQ(atomic_load(&dropped), 1);
	atomic_store(&gate, true);
	while (atomic_load(&dropped) < 2)
		weft_yield();
	return 0;
}
BOTH(an_abandoned_call_owns_its_argument)

/* Plain threads, signals, the end of the runtime. */

Test(exec, by_plain_threads, .timeout = 60)
{
	struct weft_options two = {.size = sizeof(two), .workers = 2};
	const struct weft_pool_options o = {.size = sizeof(o), .threads = 2, .queue = 4};
	struct weft_executor *ex;
	struct weft_future *f;
	int n[32], statuses[32], status;

	cr_assert_eq(weft_submit(NULL, returns, NULL, NULL, &f), -ESHUTDOWN);
	cr_assert_eq(weft_start(&two), 0);
	cr_assert_eq(weft_pool_open(&o, &ex), 0);
	for (int i = 0; i < 32; i++)
		n[i] = i - 1;
	cr_assert_eq(weft_map(ex, doubles, n, sizeof(int), 32, statuses), 1);
	for (int i = 0; i < 32; i++)
		cr_assert_eq(statuses[i], 2 * i - 2);
	cr_assert_eq(weft_submit(ex, blocks, (void *)9, NULL, &f), 0);
	cr_assert_eq(weft_future_wait_until(f, weft_now() + 5 * WEFT_MS, &status),
		     -ETIMEDOUT);
	cr_assert_eq(weft_future_wait_until(f, 0, &status), -ETIMEDOUT);
	atomic_store(&gate, true);
	cr_assert_eq(weft_future_wait(f, &status), 0);
	cr_assert_eq(status, 9);
	weft_future_free(f);
	cr_assert_eq(weft_blocking(returns, (void *)3), 3);
	weft_executor_close(ex, false);
	cr_assert_eq(weft_submit(NULL, counts, NULL, NULL, &f), 0);
	cr_assert_eq(weft_stop(), 0);
	cr_assert(weft_future_done(f)); /* called, or cancelled before it began */
	weft_future_free(f);
}

static struct weft_future *from_signal;
static struct weft_executor *signalled; /* to this executor */
static int began = -1;

static void on_signal(int sig)
{
	(void)sig;
	began = weft_future_begin_from_signal(from_signal, signalled);
}

static int begun_in_handler(void)
{
	int status;

	signal(SIGUSR1, on_signal);
	CHECK_EQ(weft_future_new(returns, (void *)11, NULL, &from_signal), 0);
	raise(SIGUSR1);
	CHECK_EQ(began, 0);
	CHECK_EQ(weft_future_begin(from_signal, NULL), -EALREADY);
	CHECK_EQ(weft_future_wait(from_signal, &status), 0);
	CHECK_EQ(status, 11);
	weft_future_free(from_signal);
	return 0;
}

static int begun_in_a_signal_handler(void *arg)
{
	(void)arg;
	signalled = NULL;
	CHECK_EQ(begun_in_handler(), 0);
	CHECK_EQ(weft_spawner_open(NULL, &signalled), 0); /* a worker's loop spawns */
	CHECK_EQ(begun_in_handler(), 0);
	weft_executor_close(signalled, false);
	return 0;
}
BOTH(begun_in_a_signal_handler)

static int no_thread(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *),
		     void *arg)
{
	(void)t, (void)a, (void)fn, (void)arg;
	return -EAGAIN;
}

static int without_a_thread_it_says_so(void *arg)
{
	const struct weft_pool_options o = {.size = sizeof(o), .threads = 2};
	struct weft_executor *ex;
	struct weft_future *f;
	int status;

	(void)arg;
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		wf_sys.thread_create;
	wf_sys.thread_create = no_thread;
	CHECK_EQ(weft_submit(ex, counts, NULL, NULL, &f), -EAGAIN);
	wf_sys.thread_create = real;
	CHECK_EQ(weft_submit(ex, counts, (void *)4, NULL, &f), 0);
	CHECK_EQ(weft_future_wait(f, &status), 0);
	CHECK_EQ(status, 4);
	CHECK_EQ(atomic_load(&calls), 1);
	weft_future_free(f);
	weft_executor_close(ex, false);
	return 0;
}
BOTH(without_a_thread_it_says_so)

/* Many at once, and cancels at any moment: each is called once or cancelled. */

static int cancels_at_any_moment(void *arg)
{
	const struct weft_pool_options o = {
		.size = sizeof(o), .threads = 2, .queue = 4096};
	struct weft_future *f[500];
	struct weft_executor *ex;
	unsigned seed = 1;
	int status, ran = 0;

	(void)arg;
	CHECK_EQ(weft_pool_open(&o, &ex), 0);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 500; i++) {
			CHECK_EQ(weft_submit(ex, counts, NULL, NULL, &f[i]), 0);
			if (rand_r(&seed) % 4 == 0)
				weft_future_cancel(f[rand_r(&seed) % (unsigned)(i + 1)]);
		}
		for (int i = 0; i < 500; i++) {
			CHECK_EQ(weft_future_wait(f[i], &status), 0);
			CHECK(status == 0 || status == -ECANCELED);
			ran += !status;
			weft_future_free(f[i]);
		}
	}
	CHECK_EQ(ran, atomic_load(&calls));
	weft_executor_close(ex, false);
	return 0;
}
BOTH(cancels_at_any_moment)

static int bad_use(void *arg)
{
	struct weft_task_attr attr = {.size = sizeof(attr), .flags = 1u << 31};
	struct weft_future *f;

	(void)arg;
	CHECK_EQ(weft_submit(NULL, NULL, NULL, NULL, &f), -EINVAL);
	CHECK_EQ(weft_submit(NULL, returns, NULL, &attr, &f), -EINVAL);
	attr.flags = 0;
	attr.service = 9;
	CHECK_EQ(weft_submit(NULL, returns, NULL, &attr, &f), -EINVAL);
	CHECK_EQ(weft_future_new(returns, NULL, NULL, &f), 0);
	CHECK_EQ(weft_promise_set(f, 1), -EINVAL);
	CHECK_EQ(weft_future_cancel(f), 0);
	CHECK_EQ(weft_future_begin(f, NULL), -EALREADY);
	CHECK_EQ(weft_future_on_done(f, NULL, NULL), -EINVAL);
	weft_future_free(f);
	weft_future_free(NULL);
	weft_executor_close(NULL, false);
	CHECK_EQ(weft_wait_any(NULL, 0, WEFT_NEVER), -EINVAL);
	return 0;
}
BOTH(bad_use)
