/* SPDX-License-Identifier: MIT */
/*
 * Stalls: who keeps a worker is noticed and told, and what waits behind it goes on. Nothing
 * here is timed: a hog computes until the report has come, and who is blocked stays so until
 * those behind it have run, so without the monitor the tests hang.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../check.h"
#include "sched/run/worker.h"

enum { STALL_MS = 20 };

/* The last report, copied. */
struct report {
	struct weft_stall s;
	char name[64];
};

static struct report reported; /* lock */
static char trace[8192];       /* read after the run */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int reports;

static void note(const struct weft_stall *s, void *arg)
{
	pthread_mutex_lock(&lock);
	reported.s = *s;
	snprintf(reported.name, sizeof(reported.name), "%s", s->name);
	snprintf(trace, sizeof(trace), "%s", s->trace);
	pthread_mutex_unlock(&lock);
	atomic_fetch_add((atomic_int *)arg, 1);
}

static struct report last(void)
{
	pthread_mutex_lock(&lock);
	struct report r = reported;
	pthread_mutex_unlock(&lock);
	return r;
}

static void run(unsigned workers, int faults, int (*fn)(void *))
{
	struct weft_options o = {.size = sizeof(o),
				 .workers = workers,
				 .faults = faults,
				 .stall_ms = STALL_MS,
				 .on_stall = note,
				 .stall_arg = &reports};

	atomic_store(&reports, 0);
	int rc = weft_run(fn, NULL, &o);
	cr_assert_eq(rc, 0, "status or line %d; %s", rc, weft_start_error());
}

static struct weft_stats stats(void)
{
	struct weft_stats s = {.size = sizeof(s)};

	weft_stats(&s);
	return s;
}

/* Hogs. */

__attribute__((visibility("default"), noinline)) void stall_test_compute(void);

void stall_test_compute(void)
{
	char *page;

	while (!atomic_load(&reports)) { /* and takes page faults */
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*(volatile char *)page = 1;
		munmap(page, 4096);
	}
}

static int computes_until_told(void *arg)
{
	(void)arg;
	stall_test_compute();
	return 0;
}

static int hog(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_set_name("hog"), 0);
	stall_test_compute();
	CHECK_EQ(stats().hogs, 1);
	CHECK_EQ(stats().blocked, 0);
	CHECK_EQ(last().s.size, sizeof(struct weft_stall));
	CHECK_EQ(last().s.kind, WEFT_STALL_HOG);
	CHECK_EQ(last().s.worker, 0);
	CHECK(!strcmp(last().name, "hog"));
	CHECK(last().s.ns >= STALL_MS * WEFT_MS);
	CHECK(last().s.minor_faults > 0);
	return 0;
}

Test(stall, a_hog_is_told, .timeout = 60)
{
	run(1, -1, hog);
	cr_assert_str_eq(trace, "");
}

Test(stall, with_faults_a_hogs_frames_are_told, .timeout = 60)
{
#ifndef WF_ARCH_GENERIC /* where a coroutine has the mask of who spawned it */
	sigset_t urgent;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	sigprocmask(SIG_BLOCK, &urgent, NULL); /* as programs do that use signalfd */
#endif
	run(1, 1, hog);
	const char *compute = strstr(trace, "stall_test_compute+0x");

	cr_assert(compute != NULL, "%s", trace);
	cr_assert(strchr(compute, '\n')[1] != '\0', "and its callers: %s", trace);
}

static atomic_int caught;

static void on_urgent(int sig)
{
	(void)sig;
	atomic_fetch_add(&caught, 1);
}

static int raises_urgent(void *arg)
{
	(void)arg;
	raise(SIGURG);
	while (!atomic_load(&caught))
		;
	return hog(NULL);
}

Test(stall, signals_that_are_not_ours_go_to_the_handler_before, .timeout = 60)
{
	signal(SIGURG, on_urgent);
	run(1, 1, raises_urgent);
	cr_assert_eq(atomic_load(&caught), 1);
	raise(SIGURG);
	cr_assert_eq(atomic_load(&caught), 2, "it is back in its place");
}

static atomic_bool others_ran;

static int other(void *arg)
{
	(void)arg;
	atomic_store(&others_ran, true);
	return 0;
}

static atomic_bool begun;

static int computes_until_others_ran(void *arg)
{
	(void)arg;
	atomic_store(&begun, true);
	while (!atomic_load(&others_ran))
		;
	return 0;
}

static int start_on_second(int (*fn)(void *), uint32_t flags, struct weft_co **ret_co)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .flags = flags, .worker = 2};

	return weft_spawn(fn, NULL, &attr, ret_co);
}

/* Its message waits in the inbox of a worker that does not look there. */
static int behind_a_hog(void *arg)
{
	struct weft_co *a, *b;

	(void)arg;
	CHECK_EQ(start_on_second(computes_until_others_ran, WEFT_CO_PINNED, &a), 0);
	while (!atomic_load(&begun))
		CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(start_on_second(other, 0, &b), 0);
	JOIN(b, 0);
	JOIN(a, 0);
	CHECK(stats().handed_over >= 1);
	CHECK_EQ(stats().spares, 0);
	return 0;
}

Test(stall, what_waits_behind_a_hog_goes_to_a_free_worker, .timeout = 60)
{
	run(2, -1, behind_a_hog);
}

/* Blocked. */

static int p[2];

static int writes(void *arg)
{
	CHECK_EQ(weft_worker_id(), 0);
	return write(p[1], "x", 1) == 1 ? other(arg) : __LINE__;
}

static int blocks(void *arg)
{
	char c;

	(void)arg;
	atomic_store(&begun, true);
	return read(p[0], &c, 1) == 1 ? 0 : __LINE__;
}

static int alone(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_set_name("reader"), 0);
	for (unsigned i = 1; i <= 5; i++) {
		CHECK_EQ(weft_spawn(writes, NULL, NULL, &co), 0);
		CHECK_EQ(blocks(NULL), 0);
		JOIN(co, 0);
		CHECK_EQ(weft_yield(), 0); /* without it all would be one stall */
		/* or the spare runs the reader, and its worker the rest */
		CHECK(stats().spares >= 1);
		CHECK_EQ(stats().blocked, i);
		CHECK_EQ(atomic_load(&reports), i);
		CHECK_EQ(last().s.kind, WEFT_STALL_BLOCKED);
		CHECK_EQ(last().s.syscall, SYS_read);
		CHECK_EQ(last().s.state, 'S');
		CHECK(!strcmp(last().name, "reader"));
		CHECK_EQ(last().s.worker, 0);
		CHECK(stats().handed_over >= i);
	}
	CHECK_EQ(stats().hogs, 0);
	return 0;
}

Test(stall, a_spare_runs_what_waits_behind_a_blocked_worker, .timeout = 60)
{
	cr_assert_eq(pipe(p), 0);
	run(1, -1, alone);
}

/* Forks lie in a queue of their own. */
static int behind_it_a_fork(void *arg)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_FORK};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(writes, NULL, &attr, &co), 0);
	CHECK_EQ(blocks(NULL), 0);
	JOIN(co, 0);
	return 0;
}

Test(stall, a_spare_runs_a_fork_too, .timeout = 60)
{
	cr_assert_eq(pipe(p), 0);
	run(1, -1, behind_it_a_fork);
}

/* Nothing runs on the first worker, so it is free whenever the monitor looks. */
Test(stall, what_waits_behind_a_blocked_worker_goes_to_a_free_one, .timeout = 60)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2, .stall_ms = STALL_MS};
	struct weft_co *a, *b;
	int status = -1;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(weft_start(&o), 0, "%s", weft_start_error());
	cr_assert_eq(start_on_second(blocks, WEFT_CO_PINNED, &a), 0);
	while (!atomic_load(&begun))
		usleep(1000);
	cr_assert_eq(start_on_second(writes, 0, &b), 0);
	cr_assert_eq(weft_join(b, &status), 0);
	cr_assert_eq(status, 0, "line %d", status);
	cr_assert_eq(weft_join(a, &status), 0);
	cr_assert_eq(status, 0, "line %d", status);
	cr_assert_eq(stats().spares, 0);
	cr_assert(stats().handed_over >= 1);
	cr_assert_eq(weft_stop(), 0);
}

static int writes_for_the_second(void *arg)
{
	CHECK_EQ(weft_worker_id(), 1); /* whose spare this is */
	return write(p[1], "x", 1) == 1 ? other(arg) : __LINE__;
}

static int nobody_is_free(void *arg)
{
	struct weft_co *a, *b;

	(void)arg;
	CHECK_EQ(start_on_second(blocks, WEFT_CO_PINNED, &a), 0);
	while (!atomic_load(&begun))
		CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(start_on_second(writes_for_the_second, 0, &b), 0);
	computes_until_others_ran(NULL);
	JOIN(b, 0);
	JOIN(a, 0);
	CHECK_EQ(stats().spares, 1);
	return 0;
}

Test(stall, a_spare_is_called_when_nobody_is_free, .timeout = 60)
{
	cr_assert_eq(pipe(p), 0);
	run(2, -1, nobody_is_free);
}

/* Begins at a spare and sleeps there until it wakes up at the worker that has returned. */
static int comes_home(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK(wf_worker_self()->id >= (unsigned)weft_workers());
	CHECK_EQ(weft_spawn(writes, NULL, NULL, &co), 0);
	while (wf_worker_self()->id >= (unsigned)weft_workers())
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	JOIN(co, 0);
	return 0;
}

/* What is pinned while at a spare belongs to the worker; what pins itself stays. */
static int stays(void *arg)
{
	unsigned id = wf_worker_self()->id;

	(void)arg;
	CHECK(id >= (unsigned)weft_workers());
	CHECK_EQ(weft_pin(), 1);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(weft_sleep_ns(STALL_MS * WEFT_MS), 0);
		CHECK_EQ(wf_worker_self()->id, id);
	}
	CHECK_EQ(weft_unpin(), 0);
	while (wf_worker_self()->id == id)
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	return 0;
}

static int at_home(void *arg)
{
	(void)arg;
	return wf_worker_self()->id == 0 ? 0 : __LINE__;
}

static int spawns_pinned(void *ret_co)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_PINNED};

	CHECK(wf_worker_self()->id >= (unsigned)weft_workers());
	CHECK_EQ(weft_spawn(at_home, NULL, &attr, (struct weft_co **)ret_co), 0);
	return 0;
}

static int away_and_back(void *arg)
{
	struct weft_co *a, *b, *c, *pinned;

	(void)arg;
	CHECK_EQ(weft_spawn(stays, NULL, NULL, &a), 0);
	CHECK_EQ(weft_spawn(spawns_pinned, &pinned, NULL, &b), 0);
	CHECK_EQ(weft_spawn(comes_home, NULL, NULL, &c), 0);
	CHECK_EQ(blocks(NULL), 0);
	JOIN(c, 0);
	JOIN(b, 0);
	JOIN(pinned, 0);
	JOIN(a, 0);
	return 0;
}

Test(stall, a_spare_goes_off_duty, .timeout = 60)
{
	cr_assert_eq(pipe(p), 0);
	run(1, -1, away_and_back);
}

/* A descriptor whose requests are at a spare's ring is closed like others. */
static int pair[2];

static int receives(void *arg)
{
	char c;

	(void)arg;
	return (int)weft_recv(pair[0], &c, 1, 0);
}

static int closing(void *arg)
{
	struct weft_co *co, *w;
	int l = weft_tcp_listen("127.0.0.1", 0, NULL);

	(void)arg;
	CHECK(l >= 0);
	pair[0] = weft_tcp_dial("127.0.0.1", (uint16_t)weft_tcp_port(l), NULL);
	CHECK(pair[0] >= 0);
	CHECK_EQ(weft_spawn(receives, NULL, NULL, &co), 0);
	CHECK_EQ(weft_spawn(writes, NULL, NULL, &w), 0);
	CHECK_EQ(blocks(NULL), 0);
	JOIN(w, 0);
	CHECK_EQ(weft_close(pair[0]), 0);
	JOIN(co, -EBADF);
	CHECK_EQ(weft_close(l), 0);
	CHECK_EQ(stats().spares, 1);
	return 0;
}

Test(stall, what_was_begun_at_a_spare_can_be_closed, .timeout = 60)
{
	cr_assert_eq(pipe(p), 0);
	run(1, -1, closing);
}

/* A wait that no signal ends, as for a disk: the parent of a vfork. ThreadSanitizer takes a
 * clone for a fork. */
#ifndef WF_TSAN
static int child(void *arg)
{
	char c;

	(void)arg;
	syscall(SYS_read, p[0], &c, 1);
	syscall(SYS_exit, 0);
	return 0;
}

static int uninterruptible(void *arg)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(writes, NULL, NULL, &co), 0);
	CHECK(clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK, NULL) > 0);
	JOIN(co, 0);
	CHECK_EQ(stats().disk_sleeps, 1);
	CHECK_EQ(last().s.state, 'D');
	return 0;
}

Test(stall, waits_that_no_signal_ends_are_counted, .timeout = 60)
{
	cr_assert_eq(pipe(p), 0);
	run(1, -1, uninterruptible);
}

#endif

/* Nothing to look out for. */

/* Context switches of one thread. */
static unsigned long switches_of(const char *tid)
{
	char path[64], line[128];
	unsigned long sum = 0, n;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", tid);
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Name:", 5) && !strstr(line, "weft/"))
			break; /* ours, or a sanitizer's */
		if (strstr(line, "ctxt_switches:") && sscanf(line, "%*s %lu", &n) == 1)
			sum += n;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Of all of weft's threads. */
static unsigned long context_switches(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned long sum = 0;
	struct dirent *e;

	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			sum += switches_of(e->d_name);
	closedir(dir);
	return sum;
}

static void await_rest(void)
{
	unsigned long before, after = 0; /* it takes some to come here */

	do {
		before = after;
		usleep(100000); /* 50 periods */
		after = context_switches();
	} while (after != before);
}

static int sleeps(void *arg)
{
	(void)arg;
	return weft_sleep_ns(WEFT_NEVER) == -ECANCELED ? 0 : __LINE__;
}

Test(stall, a_parked_runtime_makes_no_wakeups, .timeout = 60)
{
	struct weft_options o = {.size = sizeof(o),
				 .workers = 2,
				 .stall_ms = 4,
				 .on_stall = note,
				 .stall_arg = &reports};
	struct weft_co *co;

	cr_assert_eq(weft_start(&o), 0);
	cr_assert_eq(weft_spawn(sleeps, NULL, NULL, NULL), 0);
	await_rest();
	cr_assert_eq(atomic_load(&reports), 0);
	cr_assert_eq(weft_spawn(computes_until_told, NULL, NULL, &co), 0);
	cr_assert_eq(weft_join(co, NULL), 0);
	await_rest();
	cr_assert_eq(weft_stop(), 0);
}
