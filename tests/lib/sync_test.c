/* SPDX-License-Identifier: MIT */
/* Synchronisation between coroutines on any workers and plain threads. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "../check.h"

enum { PARTIES = 8, ROUNDS = 3000, THREADS = 2 };

/* What all parties do things to, coroutines and threads alike. */
static struct {
	struct weft_mutex m;
	struct weft_cond c;
	struct weft_sem s;
	struct weft_event e;
	struct weft_wg wg;
	struct weft_once o;
	struct weft_barrier b;
	struct weft_rwlock l;
	long plain; /* guarded by what is tested */
	atomic_int inside, most, count;
} it;

static void enter(void)
{
	int n = atomic_fetch_add(&it.inside, 1) + 1;

	if (n > atomic_load(&it.most))
		atomic_store(&it.most, n);
}

static void leave(void)
{
	atomic_fetch_sub(&it.inside, 1);
}

static void *in_thread(void *fn)
{
	return (void *)(intptr_t)((int (*)(void *))fn)(NULL);
}

/* PARTIES coroutines and THREADS threads do fn; all must return 0. */
static int all_do(void *fn)
{
	struct weft_co *co[PARTIES];
	pthread_t t[THREADS];
	void *rc;

	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, in_thread, fn), 0);
	for (int i = 0; i < PARTIES; i++)
		CHECK_EQ(weft_spawn((int (*)(void *))fn, NULL, NULL, &co[i]), 0);
	for (int i = 0; i < PARTIES; i++)
		JOIN(co[i], 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &rc);
		CHECK_EQ((intptr_t)rc, 0);
	}
	return 0;
}

static void run_all(int (*fn)(void *))
{
	for (unsigned workers = 1; workers <= 4; workers *= 2) {
		struct weft_options o = {.size = sizeof(o), .workers = workers};

		memset(&it, 0, sizeof(it));
		int rc = weft_run(all_do, (void *)fn, &o);
		cr_assert_eq(rc, 0, "line %d on %u workers", rc, workers);
	}
}

/* ---- mutex ---- */

static int add_under_mutex(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(weft_mutex_lock(&it.m), 0);
		enter();
		it.plain++;
		if (i % 64 == 0)
			weft_yield(); /* -EPERM in a thread */
		leave();
		CHECK_EQ(weft_mutex_unlock(&it.m), 0);
	}
	return 0;
}

Test(sync, mutex_lets_in_one_at_a_time, .timeout = 120)
{
	run_all(add_under_mutex);
	cr_assert_eq(it.plain, (PARTIES + THREADS) * ROUNDS);
	cr_assert_eq(it.most, 1);
}

static int lock_it(void *arg)
{
	(void)arg;
	int rc = weft_mutex_lock(&it.m);
	return rc ? rc : weft_mutex_unlock(&it.m);
}

static int lock_it_scoped(void *arg)
{
	weft_lock_scoped(guard, &it.m);
	(void)arg;
	return guard.err;
}

static int mutex_errors(void *arg)
{
	struct weft_deadline scope;
	struct weft_co *co, *other;

	(void)arg;
	CHECK_MISUSE(weft_mutex_unlock(&it.m), -EPERM);
	CHECK_EQ(lock_it_scoped(NULL), 0);
	CHECK_EQ(weft_mutex_lock(&it.m), 0);
	CHECK_EQ(weft_mutex_lock(&it.m), -EDEADLK);
	CHECK_EQ(weft_mutex_trylock(&it.m), -EBUSY);
	CHECK_EQ(weft_spawn(lock_it, NULL, NULL, &co), 0);
	CHECK_EQ(weft_spawn(lock_it_scoped, NULL, NULL, &other), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co), 0); /* the first in the queue */
	JOIN(co, -ECANCELED);
	CHECK_EQ(weft_mutex_unlock(&it.m), 0);
	JOIN(other, 0); /* the second got it */

	CHECK_EQ(weft_mutex_lock(&it.m), 0);
	CHECK_EQ(weft_spawn(lock_it, NULL, NULL, &co), 0);
	CHECK_EQ(weft_deadline_open(&scope, weft_now() + WEFT_MS), 0);
	CHECK_EQ(weft_join(co, NULL), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&scope), 1);
	CHECK_EQ(weft_mutex_unlock(&it.m), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_mutex_trylock(&it.m), 0);
	return weft_mutex_unlock(&it.m);
}

Test(sync, mutex_says_what_is_wrong)
{
	RUN_ON(1, mutex_errors);
	RUN_ON(2, mutex_errors);
}

/* One that takes it again and again must not keep out one that waits. */
static int hogs_mutex(void *arg)
{
	(void)arg;
	while (!atomic_load(&it.count)) {
		CHECK_EQ(weft_mutex_lock(&it.m), 0);
		CHECK_EQ(weft_yield(), 0); /* it waits meanwhile */
		CHECK_EQ(weft_mutex_unlock(&it.m), 0);
	}
	return 0;
}

static int wants_mutex(void *arg)
{
	CHECK_EQ(lock_it(arg), 0);
	atomic_store(&it.count, 1);
	return 0;
}

static int beside_a_hog(void *arg)
{
	struct weft_co *hog, *co;

	(void)arg;
	atomic_store(&it.count, 0);
	CHECK_EQ(weft_spawn(hogs_mutex, NULL, NULL, &hog), 0);
	CHECK_EQ(weft_spawn(wants_mutex, NULL, NULL, &co), 0);
	JOIN(co, 0);
	JOIN(hog, 0);
	return 0;
}

Test(sync, mutex_starves_nobody, .timeout = 30)
{
	RUN_ON(1, beside_a_hog);
	RUN_ON(2, beside_a_hog);
}

/* ---- condition ---- */

/* A token goes round: each party waits for its turn. */
static int take_turns(void *arg)
{
	int me = atomic_fetch_add(&it.count, 1);

	(void)arg;
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(weft_mutex_lock(&it.m), 0);
		while (it.plain % (PARTIES + THREADS) != me)
			CHECK_EQ(weft_cond_wait(&it.c, &it.m), 0);
		it.plain++;
		weft_cond_broadcast(&it.c);
		CHECK_EQ(weft_mutex_unlock(&it.m), 0);
	}
	return 0;
}

Test(sync, condition_wakes_those_it_should, .timeout = 120)
{
	run_all(take_turns);
	cr_assert_eq(it.plain, (PARTIES + THREADS) * 200);
}

static int waits_for_ever(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_mutex_lock(&it.m), 0);
	int rc = weft_cond_wait(&it.c, &it.m);
	CHECK_EQ(weft_mutex_unlock(&it.m), 0); /* it is held again, whatever came */
	return rc;
}

static int condition_errors(void *arg)
{
	struct weft_co *co[3];

	(void)arg;
	CHECK_MISUSE(weft_cond_wait(&it.c, &it.m), -EPERM);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_spawn(waits_for_ever, NULL, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_mutex_lock(&it.m), 0);
	CHECK_EQ(weft_cancel(co[0]), 0); /* must wait for the mutex first */
	weft_cond_signal(&it.c);         /* so this is for the second */
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_mutex_unlock(&it.m), 0);
	JOIN(co[0], -ECANCELED);
	JOIN(co[1], 0);
	weft_cond_broadcast(&it.c);
	JOIN(co[2], 0);
	return 0;
}

Test(sync, condition_gives_the_mutex_back)
{
	RUN_ON(1, condition_errors);
	RUN_ON(2, condition_errors);
}

/* ---- semaphore ---- */

static int use_permits(void *arg)
{
	uint32_t n = 1 + (uint32_t)atomic_fetch_add(&it.count, 1) % 3;

	(void)arg;
	if (n == 1)
		CHECK_EQ(weft_sem_post(&it.s, 1), 0); /* some bring one */
	for (int i = 0; i < ROUNDS / 4; i++) {
		CHECK_EQ(weft_sem_wait(&it.s, n), 0);
		int now = atomic_fetch_add(&it.inside, (int)n) + (int)n;
		if (now > atomic_load(&it.most))
			atomic_store(&it.most, now);
		if (i % 16 == 0)
			weft_yield();
		atomic_fetch_sub(&it.inside, (int)n);
		CHECK_EQ(weft_sem_post(&it.s, n), 0);
	}
	return 0;
}

Test(sync, semaphore_lets_in_as_many_as_permits, .timeout = 120)
{
	run_all(use_permits);
	cr_assert_leq(it.most, 4);
}

static int takes_ten(void *arg)
{
	(void)arg;
	return weft_sem_wait(&it.s, 10);
}

static int takes_one(void *arg)
{
	(void)arg;
	return weft_sem_wait(&it.s, 1);
}

static int semaphore_order(void *arg)
{
	struct weft_co *ten, *one;

	(void)arg;
	memset(&it, 0, sizeof(it));
	CHECK_EQ(weft_spawn(takes_ten, NULL, NULL, &ten), 0);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_spawn(takes_one, NULL, NULL, &one), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_sem_post(&it.s, 5), 0);
	CHECK_EQ(weft_sem_trywait(&it.s, 1), -EBUSY); /* others wait before */
	CHECK_EQ(weft_cancel(ten), 0);
	JOIN(ten, -ECANCELED);
	JOIN(one, 0); /* who waited behind that one only */
	CHECK_EQ(weft_sem_trywait(&it.s, 4), 0);
	CHECK_EQ(weft_sem_trywait(&it.s, 1), -EBUSY);
	CHECK_EQ(weft_sem_post(&it.s, UINT32_MAX), 0);
	CHECK_EQ(weft_sem_post(&it.s, 1), -EOVERFLOW);
	return 0;
}

Test(sync, semaphore_serves_in_order)
{
	RUN_ON(1, semaphore_order);
	RUN_ON(2, semaphore_order);
}

/* ---- event, count, once, barrier ---- */

static int in_phases(void *arg)
{
	(void)arg;
	for (int i = 1; i <= 100; i++) {
		atomic_fetch_add(&it.count, 1);
		int rc = weft_barrier_wait(&it.b, PARTIES + THREADS);
		CHECK(rc == 0 || rc == 1);
		if (rc == 1)
			it.plain++;
		CHECK(atomic_load(&it.count) >= i * (PARTIES + THREADS));
	}
	return 0;
}

Test(sync, barrier_holds_until_all_are_there, .timeout = 120)
{
	run_all(in_phases);
	cr_assert_eq(it.plain, 100); /* one of them each time */
}

static int set_up(void *arg)
{
	(void)arg;
	it.plain++;
	weft_yield();
	return it.plain < 3 ? -EAGAIN : 7;
}

static int do_once(void *arg)
{
	int rc;

	(void)arg;
	while ((rc = weft_once_do(&it.o, set_up, NULL)) == -EAGAIN)
		;
	CHECK_EQ(rc, 0);
	CHECK_EQ(it.plain, 3);
	return 0;
}

Test(sync, once_is_done_once_and_tried_until_then, .timeout = 60)
{
	run_all(do_once);
}

static int wait_for_event(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_event_wait(&it.e), 0);
	CHECK(weft_event_is_set(&it.e));
	atomic_fetch_add(&it.count, 1);
	return 0;
}

static void *set_soon(void *arg)
{
	(void)arg;
	usleep(3000);
	weft_event_set(&it.e);
	return NULL;
}

static int events(void *arg)
{
	struct weft_deadline scope;
	pthread_t t;

	(void)arg;
	memset(&it, 0, sizeof(it));
	CHECK(!weft_event_is_set(&it.e));
	CHECK_EQ(pthread_create(&t, NULL, set_soon, NULL), 0);
	CHECK_EQ(all_do((void *)wait_for_event), 0);
	pthread_join(t, NULL);
	CHECK_EQ(it.count, PARTIES + THREADS);
	weft_event_reset(&it.e);
	CHECK_EQ(weft_deadline_open(&scope, weft_now() + WEFT_MS), 0);
	CHECK_EQ(weft_event_wait(&it.e), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&scope), 1);
	return 0;
}

Test(sync, event_lets_all_go_on, .timeout = 60)
{
	RUN_ON(1, events);
	RUN_ON(2, events);
}

static int work(void *wg)
{
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_yield(), 0);
	atomic_fetch_add(&it.count, 1);
	return weft_wg_done(wg);
}

/* The count lives on the waiter's stack and is gone as soon as it goes on. */
static int wait_for_work(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		struct weft_wg wg = {{0}};

		atomic_store(&it.count, 0);
		CHECK_EQ(weft_wg_add(&wg, 5), 0);
		for (int j = 0; j < 5; j++)
			CHECK_EQ(weft_spawn(work, &wg, NULL, NULL), 0);
		CHECK_EQ(weft_wg_wait(&wg), 0);
		CHECK_EQ(it.count, 5);
		CHECK_MISUSE(weft_wg_done(&wg), -EINVAL);
		memset(&wg, 0xa5, sizeof(wg));
	}
	return 0;
}

Test(sync, wait_group_ends_with_the_last, .timeout = 60)
{
	RUN_ON(1, wait_for_work);
	RUN_ON(4, wait_for_work);
}

/* ---- readers and writers ---- */

static int read_and_write(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS / 3; i++) {
		if (i % 8) {
			CHECK_EQ(weft_rwlock_rdlock(&it.l), 0);
			long seen = it.plain;
			enter();
			if (i % 16 == 1)
				weft_yield();
			leave();
			CHECK_EQ(it.plain, seen);
		} else {
			CHECK_EQ(weft_rwlock_wrlock(&it.l), 0);
			CHECK_EQ(atomic_load(&it.inside), 0);
			it.plain++;
			weft_yield();
			CHECK_EQ(atomic_load(&it.inside), 0);
		}
		CHECK_EQ(weft_rwlock_unlock(&it.l), 0);
	}
	return 0;
}

Test(sync, writers_are_alone_readers_are_not, .timeout = 120)
{
	run_all(read_and_write);
	cr_assert_eq(it.plain, (PARTIES + THREADS) * (ROUNDS / 3 / 8));
	cr_assert_gt(it.most, 1);
}

static int writes(void *arg)
{
	(void)arg;
	int rc = weft_rwlock_wrlock(&it.l);
	return rc ? rc : weft_rwlock_unlock(&it.l);
}

static int reads(void *arg)
{
	(void)arg;
	int rc = weft_rwlock_rdlock(&it.l);
	return rc ? rc : weft_rwlock_unlock(&it.l);
}

static int writer_first(void *arg)
{
	struct weft_co *writer, *reader;

	(void)arg;
	memset(&it, 0, sizeof(it));
	CHECK_MISUSE(weft_rwlock_unlock(&it.l), -EPERM);
	CHECK_EQ(weft_rwlock_rdlock(&it.l), 0);
	CHECK_EQ(weft_spawn(writes, NULL, NULL, &writer), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_spawn(reads, NULL, NULL, &reader), 0); /* behind the writer */
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(writer), 0);
	JOIN(writer, -ECANCELED);
	JOIN(reader, 0); /* nothing else stood in its way */
	return weft_rwlock_unlock(&it.l);
}

Test(sync, a_cancelled_writer_lets_readers_by, .timeout = 30)
{
	RUN_ON(1, writer_first);
	RUN_ON(2, writer_first);
}

/* Single flight. */
static struct weft_flight flight;
static atomic_int flights, landed;

static int flies(void *arg, void **ret_value)
{
	atomic_fetch_add(&flights, 1);
	int rc = weft_sleep_ns(2 * WEFT_MS);

	*ret_value = arg;
	return rc ? rc : *(int *)arg;
}

static int asks(void *arg)
{
	void *value = NULL;
	int key = *(int *)arg % 2;

	CHECK_EQ(weft_flight_do(&flight, &key, sizeof(key), flies, arg, &value),
		 *(int *)value);
	CHECK_EQ(*(int *)value % 2, key);
	atomic_fetch_add(&landed, 1);
	return 0;
}

static int fly_together(void *arg)
{
	static int number[32];
	struct weft_co *co[32];

	(void)arg;
	flights = landed = 0;
	for (int i = 0; i < 32; i++) {
		number[i] = i;
		CHECK_EQ(weft_spawn(asks, &number[i], NULL, &co[i]), 0);
	}
	for (int i = 0; i < 32; i++)
		JOIN(co[i], 0);
	CHECK_EQ(landed, 32);
	CHECK(flights >= 2 && flights < 32);
	int before = flights;
	CHECK_EQ(asks(&number[0]), 0);
	CHECK_EQ(flights, before + 1); /* no cache */
	return 0;
}

Test(sync, one_does_what_many_ask_for, .timeout = 60)
{
	RUN_ON(1, fly_together);
	RUN_ON(2, fly_together);
}

static int asks_or_is_stopped(void *arg)
{
	void *value = NULL;
	int rc = weft_flight_do(&flight, "key", 3, flies, arg, &value);

	CHECK_EQ(rc, rc < 0 ? -ECANCELED : *(int *)value);
	if (rc > 0)
		atomic_fetch_add(&landed, 1);
	return 0;
}

static int lead_is_cancelled(void *arg)
{
	static int number = 4;
	struct weft_co *lead, *follower[3];

	(void)arg;
	flights = landed = 0;
	CHECK_EQ(weft_spawn(asks_or_is_stopped, &number, NULL, &lead), 0);
	CHECK_EQ(weft_yield(), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_spawn(asks_or_is_stopped, &number, NULL, &follower[i]), 0);
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(flights, 1);
	CHECK_EQ(weft_cancel(lead), 0);
	CHECK_EQ(weft_cancel(follower[0]), 0);
	CHECK(weft_join(lead, NULL) == 0 && weft_join(follower[0], NULL) == 0);
	JOIN(follower[1], 0);
	JOIN(follower[2], 0);
	CHECK_EQ(flights, 2);
	CHECK_EQ(landed, 2);
	return 0;
}

Test(sync, a_cancelled_leader_has_a_successor, .timeout = 60)
{
	RUN_ON(1, lead_is_cancelled);
}

/* From a signal handler, which interrupts workers and plain threads alike. */
enum { SIGNALS = 300, BUSY = 8 };
static struct weft_notify note;
static atomic_int handled, heard;
static _Atomic pthread_t busy_on[BUSY]; /* the thread that runs it, as it last was */

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&handled, 1);
	if (weft_notify_post(&note) < 0)
		_exit(9);
}

static int hears(void *arg)
{
	int rc;

	(void)arg;
	while (!(rc = weft_notify_wait(&note)))
		atomic_fetch_add(&heard, 1);
	return rc;
}

/* Something that takes locks and uses rings, for the signals to come into the middle of. */
static int keeps_busy(void *arg)
{
	_Atomic pthread_t *on = arg;

	while (atomic_load(&handled) < SIGNALS) {
		atomic_store(on, pthread_self());
		CHECK_EQ(weft_mutex_lock(&it.m), 0);
		CHECK_EQ(weft_mutex_unlock(&it.m), 0);
		CHECK_EQ(weft_sleep_ns(WEFT_US), 0);
	}
	return 0;
}

/* To workers in turn, and to the process: that is its first thread, which waits for them. The next
 * one is sent when the one before was handled, however long a thread waits for its CPU; but
 * ThreadSanitizer keeps a signal until its thread does something that it sees, which one that
 * sleeps for good does not. */
static void *raises(void *arg)
{
	for (int n = 0, before; (before = atomic_load(&handled)) < SIGNALS; n++) {
		pthread_t worker = atomic_load(&busy_on[n % BUSY]);

		if (worker && n % 4)
			pthread_kill(worker, SIGUSR2);
		else
			kill(getpid(), SIGUSR2);
		for (int i = 0; i < 200 && atomic_load(&handled) == before; i++)
			usleep(20);
	}
	return arg;
}

static int hear_signals(void *arg)
{
	struct weft_co *co[BUSY + 1];
	pthread_t thread;

	(void)arg;
	handled = heard = 0;
	CHECK_EQ(weft_spawn(hears, NULL, NULL, &co[BUSY]), 0);
	for (int i = 0; i < BUSY; i++)
		CHECK_EQ(weft_spawn(keeps_busy, (void *)&busy_on[i], NULL, &co[i]), 0);
	CHECK_EQ(pthread_create(&thread, NULL, raises, NULL), 0);
	for (int i = 0; i < BUSY; i++)
		JOIN(co[i], 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	memset((void *)busy_on, 0, sizeof(busy_on));
	for (int before = -1; before != atomic_load(&heard);) {
		before = atomic_load(&heard);
		CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	}
	CHECK(atomic_load(&heard) > 0 && atomic_load(&heard) <= atomic_load(&handled));
	/* when all are at rest each one is heard */
	for (int i = 0; i < 20; i++) {
		int n = atomic_load(&heard);

		CHECK_EQ(raise(SIGUSR2), 0);
		while (atomic_load(&heard) == n)
			CHECK_EQ(weft_sleep_ns(100 * WEFT_US), 0);
	}
	CHECK_EQ(weft_cancel(co[BUSY]), 0);
	JOIN(co[BUSY], -ECANCELED);
	return 0;
}

Test(sync, a_signal_handler_is_heard, .timeout = 60)
{
	signal(SIGUSR2, on_signal);
	RUN_ON(1, hear_signals);
	RUN_ON(2, hear_signals);
	cr_assert_eq(weft_notify_post(&note), -ESHUTDOWN);
}
