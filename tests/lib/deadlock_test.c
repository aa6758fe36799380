/* SPDX-License-Identifier: MIT */
/*
 * Reports: who waits in vain is told, with names, and who does not is not; what is left at the end.
 * Where there is to be a report the test waits for it, and hangs without.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"
#include "../naps.h"

enum { LOOK_MS = 100 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char text[65536];        /* lock: of the last report */
static struct weft_report last; /* lock */
static atomic_int reports;
static struct weft_co *_Atomic victim; /* to be cancelled when a report comes */

static void note(const struct weft_report *r, void *arg)
{
	pthread_mutex_lock(&lock);
	last = *r;
	snprintf(text, sizeof(text), "%s", r->text);
	pthread_mutex_unlock(&lock);
	atomic_fetch_add((atomic_int *)arg, 1);
	struct weft_co *co = atomic_exchange(&victim, NULL);
	if (co)
		weft_cancel(co);
}

static int run(unsigned workers, int (*fn)(void *))
{
	struct weft_options o = {.size = sizeof(o),
				 .workers = workers,
				 .reports = 1,
				 .on_report = note,
				 .report_arg = &reports};

	atomic_store(&reports, 0);
	text[0] = '\0';
	return weft_run(fn, NULL, &o);
}

static bool says(const char *what)
{
	return strstr(text, what);
}

/* Some looks later. */
static void give_time(void)
{
	weft_sleep_ns(5 * LOOK_MS * WEFT_MS);
}

/* ---- cycles ---- */

enum { PHILOSOPHERS = 3 };

static struct weft_mutex sticks[PHILOSOPHERS];

__attribute__((visibility("default"), noinline)) int deadlock_test_dine(void *arg);

int deadlock_test_dine(void *arg)
{
	int i = (int)(intptr_t)arg;
	char name[32];

	snprintf(name, sizeof(name), "philosopher %d", i);
	weft_set_name(name);
	CHECK_EQ(weft_mutex_lock(&sticks[i]), 0);
	CHECK_EQ(weft_sleep_ns(10 * WEFT_MS), 0);
	int rc = weft_mutex_lock(&sticks[(i + 1) % PHILOSOPHERS]);
	if (!rc)
		weft_mutex_unlock(&sticks[(i + 1) % PHILOSOPHERS]);
	weft_mutex_unlock(&sticks[i]);
	return rc;
}

static int dinner(void *arg)
{
	struct weft_co *co[PHILOSOPHERS];
	int status, cancelled = 0;

	(void)arg;
	memset(sticks, 0, sizeof(sticks));
	for (int i = 0; i < PHILOSOPHERS; i++)
		CHECK_EQ(
			weft_spawn(deadlock_test_dine, (void *)(intptr_t)i, NULL, &co[i]),
			0);
	while (!atomic_load(&reports))
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	give_time();
	CHECK_EQ(atomic_load(&reports), 1); /* it is told once, and others go on */
	CHECK_EQ(weft_cancel(co[1]), 0);
	for (int i = 0; i < PHILOSOPHERS; i++) {
		CHECK_EQ(weft_join(co[i], &status), 0);
		cancelled += status == -ECANCELED;
	}
	CHECK_EQ(cancelled, 1);
	give_time();
	return 0;
}

static void check_dinner(void)
{
	cr_assert_eq(atomic_load(&reports), 1);
	cr_assert_eq(last.kind, WEFT_REPORT_CYCLE);
	cr_assert_eq(last.size, sizeof(last));
	cr_assert_eq(last.coroutines, PHILOSOPHERS);
	cr_assert(
		says("\"philosopher 0\" waits for a mutex that \"philosopher 1\" holds"),
		"%s", text);
	cr_assert(
		says("\"philosopher 2\" waits for a mutex that \"philosopher 0\" holds"),
		"%s", text);
#ifndef WF_ARCH_GENERIC
	cr_assert(says("deadlock_test_dine"), "%s", text);
#endif
	cr_assert(says("spawned by"), "%s", text);
}

Test(deadlock, names_those_who_wait_for_each_other)
{
	cr_assert_eq(run(1, dinner), 0);
	check_dinner();
	cr_assert_eq(run(2, dinner), 0);
	check_dinner();
}

static struct weft_mutex held;

static int wants_it(void *arg)
{
	(void)arg;
	int rc = weft_mutex_lock(&held);

	return rc ? rc : weft_mutex_unlock(&held);
}

/* Joins one that waits for what it holds. */
static int joins(void *arg)
{
	const struct weft_co_attr attr = {.size = sizeof(attr), .name = "wants it"};
	struct weft_co *co;
	int rc, status;

	(void)arg;
	weft_set_name("joins");
	CHECK_EQ(weft_mutex_lock(&held), 0);
	CHECK_EQ(weft_spawn(wants_it, NULL, &attr, &co), 0);
	atomic_store(&victim, weft_self());
	rc = weft_join(co, &status);
	CHECK_EQ(weft_mutex_unlock(&held), 0);
	{
		weft_shield_scoped(shield, WEFT_NEVER);
		JOIN(co, 0);
	}
	return rc;
}

static int joins_beside(void *arg)
{
	struct weft_co *co;
	int status;

	(void)arg;
	memset(&held, 0, sizeof(held));
	CHECK_EQ(weft_spawn(joins, NULL, NULL, &co), 0);
	while (!atomic_load(&reports)) /* somebody who goes on */
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_join(co, &status), 0);
	CHECK_EQ(status, -ECANCELED);
	return 0;
}

Test(deadlock, a_join_is_part_of_a_cycle)
{
	cr_assert_eq(run(1, joins_beside), 0);
	cr_assert_eq(last.kind, WEFT_REPORT_CYCLE);
	cr_assert_eq(last.coroutines, 2);
	cr_assert(says("\"joins\" waits for the end of another one: \"wants it\""), "%s",
		  text);
	cr_assert(says("\"wants it\" waits for a mutex that \"joins\" holds"), "%s",
		  text);
}

/* ---- standstill ---- */

static struct weft_event never;

static int awaits_never(void *arg)
{
	(void)arg;
	return weft_event_wait(&never);
}

static int all_wait(void *arg)
{
	const struct weft_co_attr attr = {.size = sizeof(attr), .name = "another"};
	struct weft_co *co;
	int status;

	(void)arg;
	atomic_store(&victim, weft_self());
	CHECK_EQ(weft_spawn(awaits_never, NULL, &attr, &co), 0);
	CHECK_EQ(weft_join(co, &status), -ECANCELED);
	weft_event_set(&never);
	{
		weft_shield_scoped(shield, WEFT_NEVER);
		JOIN(co, 0);
	}
	weft_event_reset(&never);
	return 0;
}

Test(deadlock, tells_when_nobody_can_go_on)
{
	for (unsigned workers = 1; workers <= 3; workers++) {
		cr_assert_eq(run(workers, all_wait), 0);
		cr_assert_eq(atomic_load(&reports), 1);
		cr_assert_eq(last.kind, WEFT_REPORT_STANDSTILL);
		cr_assert_eq(last.coroutines, 2);
		cr_assert(says("\"main\" waits for the end of another one: \"another\""),
			  "%s", text);
		cr_assert(says("\"another\" waits for an event"), "%s", text);
	}
}

enum { CROWD = 250 };

static int crowd(void *arg)
{
	struct weft_group g;
	int rc = 0;

	(void)arg;
	atomic_store(&victim, weft_self());
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	for (int i = 0; i < CROWD && !rc; i++)
		rc = weft_group_spawn(&g, awaits_never, NULL, NULL, NULL);
	CHECK_EQ(rc, 0);
	return weft_group_close(&g, NULL);
}

Test(deadlock, does_not_describe_a_crowd)
{
	cr_assert_eq(run(1, crowd), -ECANCELED);
	cr_assert_eq(last.coroutines, CROWD + 1);
	cr_assert(says("  100: "), "%s", text);
	cr_assert(says("and 151 more"), "%s", text);
	cr_assert(says("waits for the end of its group"), "%s", text);
}

/* ---- who waits for good reason ---- */

static int sleeps_for_long(void *arg)
{
	(void)arg;
	usleep(5 * LOOK_MS * 1000);
	return 0;
}

/* Holds the mutex for some looks, then sets the event. */
static struct weft_mutex of_thread;
static struct weft_event by_thread;

static void *lends(void *arg)
{
	weft_mutex_lock(&of_thread);
	weft_event_set(arg);
	usleep(5 * LOOK_MS * 1000);
	weft_mutex_unlock(&of_thread);
	usleep(5 * LOOK_MS * 1000);
	weft_event_set(&by_thread);
	return NULL;
}

static int waits_for_thread(void *arg)
{
	struct weft_event has_begun = {0};
	pthread_t t;

	(void)arg;
	weft_event_outside(&has_begun);
	weft_event_outside(&by_thread);
	CHECK_EQ(pthread_create(&t, NULL, lends, &has_begun), 0);
	CHECK_EQ(weft_event_wait(&has_begun), 0);
	CHECK_EQ(weft_mutex_lock(&of_thread), 0);
	CHECK_EQ(weft_mutex_unlock(&of_thread), 0);
	CHECK_EQ(weft_event_wait(&by_thread), 0);
	return pthread_join(t, NULL);
}

Test(deadlock, is_silent_about_threads)
{
	cr_assert_eq(run(2, waits_for_thread), 0);
	cr_assert_eq(atomic_load(&reports), 0, "%s", text);
}

static int waits_with_reason(void *arg)
{
	struct weft_deadline d;
	int fd[2];
	char c;

	(void)arg;
	weft_deadline_open(&d, weft_now() + 5 * LOOK_MS * WEFT_MS);
	CHECK_EQ(weft_event_wait(&never), -ETIMEDOUT);
	CHECK(weft_deadline_close(&d));
	give_time();
	CHECK_EQ(weft_blocking(sleeps_for_long, NULL), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	CHECK_EQ(weft_fd_adopt(fd[0]), 0);
	weft_deadline_open(&d, weft_now() + 5 * LOOK_MS * WEFT_MS);
	CHECK_EQ(weft_recv(fd[0], &c, 1, 0), -ETIMEDOUT);
	weft_deadline_close(&d);
	CHECK_EQ(weft_close(fd[0]), 0);
	close(fd[1]);
	return 0;
}

Test(deadlock, is_silent_about_good_reasons)
{
	cr_assert_eq(run(2, waits_with_reason), 0);
	cr_assert_eq(atomic_load(&reports), 0, "%s", text);
}

static int receives(void *fd)
{
	char c;

	return (int)weft_recv((int)(intptr_t)fd, &c, 1, 0);
}

Test(deadlock, looks_at_nothing_while_all_sleep)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2, .reports = 1};
	struct weft_co *co;
	int fd[2], status;

	cr_assert_eq(weft_start(&o), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	cr_assert_eq(weft_spawn(receives, (void *)(intptr_t)fd[0], NULL, &co), 0);
	usleep(8 * LOOK_MS * 1000);
	long before = naps_of("weft/monitor");
	usleep(10 * LOOK_MS * 1000);
	cr_assert_geq(before, 0);
	cr_assert_eq(naps_of("weft/monitor"), before);
	cr_assert_eq(write(fd[1], "x", 1), 1);
	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, 1);
	cr_assert_eq(weft_stop(), 0);
	close(fd[0]);
	close(fd[1]);
}

/* ---- what is left ---- */

static int ends(void *arg)
{
	(void)arg;
	return 0;
}

static int sleeps_on(void *arg)
{
	(void)arg;
	return weft_sleep_ns(100 * WEFT_SEC);
}

static int leaves_two(void *arg)
{
	const struct weft_co_attr asleep = {.size = sizeof(asleep), .name = "asleep"},
				  ended = {.size = sizeof(ended), .name = "ended"};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(sleeps_on, NULL, &asleep, NULL), 0);
	CHECK_EQ(weft_spawn(ends, NULL, &ended, &co), 0);
	return weft_sleep_ns(WEFT_MS);
}

Test(deadlock, tells_what_is_left)
{
	cr_assert_eq(run(1, leaves_two), 0);
	cr_assert_eq(atomic_load(&reports), 1);
	cr_assert_eq(last.kind, WEFT_REPORT_LEFT);
	cr_assert_eq(last.coroutines, 2);
	cr_assert(says("\"asleep\" waits for a time"), "%s", text);
	cr_assert(says("\"ended\" has ended, and was neither joined nor detached"), "%s",
		  text);
	cr_assert(says("spawned by"), "%s", text);
	cr_assert_eq(run(2, ends), 0);
	cr_assert_eq(atomic_load(&reports), 0, "%s", text);
}
