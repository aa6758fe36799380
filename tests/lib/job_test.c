/* SPDX-License-Identifier: MIT */
/*
 * Job pools. The jobs are in job_worker.c, a program of its own: JOB_WORKER is its path. (A
 * program that is its own zygote: tests/lib/job_self.c.)
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../naps.h"
#include "job_pool.h"
#include "shm/futex.h"

/* ---- calls ------------------------------------------------------------------------------ */

Test(job, gives_back_what_it_returns, .timeout = 60)
{
	char out[8] = "";

	open_plain();
	cr_assert_eq(weft_job_call(pool, "echo", "hello", 5, out, sizeof(out), NULL), 5);
	cr_assert_str_eq(out, "hello");
	cr_assert_eq(weft_job_call(pool, "nothing", NULL, 0, NULL, 0, NULL), 0);
	cr_assert_eq(call_int("state"),
		     43); /* warmed up in the zygote, begun in the worker */
	close_pool();
}

Test(job, carries_large_input_and_output, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	size_t size = 3 << 20;
	char *in = malloc(size), *out = malloc(size);

	for (size_t i = 0; i < size; i++)
		in[i] = (char)(i * 31 + (i >> 12));
	o.max_in = o.max_out = size;
	open_pool(&o);
	cr_assert_eq(weft_job_call(pool, "echo", in, size, out, size, NULL),
		     (ssize_t)size);
	cr_assert_eq(memcmp(in, out, size), 0);
	close_pool();
	free(in);
	free(out);
}

Test(job, refuses_what_it_cannot_do, .timeout = 60)
{
	static char big[65537];
	struct weft_job_error e = {.size = sizeof(e)};

	open_plain();
	cr_assert_eq(call("no such job", NULL), -ENOENT);
	cr_assert_eq(weft_job_call(pool, "echo", big, sizeof(big), NULL, 0, NULL),
		     -EMSGSIZE);
	cr_assert_eq(weft_job_call(pool, "echo", NULL, 0, big, sizeof(big), NULL),
		     -EMSGSIZE);
	cr_assert_eq(call("fails", &e), -EDOM);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_RETURNED);
	close_pool();
}

static int from_coroutine(void *arg)
{
	char out[16] = "";

	(void)arg;
	for (int i = 0; i < 100; i++)
		CHECK_EQ(weft_job_call(pool, "echo", "abc", 4, out, sizeof(out), NULL),
			 4);
	CHECK(!strcmp(out, "abc"));
	return 0;
}

Test(job, coroutines_wait_for_jobs, .timeout = 60)
{
	open_plain();
	RUN_ON(2, from_coroutine);
	close_pool();
}

/* The worker wakes it, and the pool's thread sleeps on. */
static int without_the_keeper(void *arg)
{
	int *can = arg;

	*can = weft__futex_parks();
	if (!*can)
		return 0;
	CHECK_EQ(from_coroutine(NULL), 0);
	long before = naps_of("weft-keeper");
	CHECK(before >= 0);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(from_coroutine(NULL), 0);
	CHECK(naps_of("weft-keeper") - before <
	      200); /* of 1,000 jobs; it sweeps now and then */
	return 0;
}

Test(job, coroutines_are_woken_by_the_worker, .timeout = 60)
{
	int can = 0;

	open_plain();
	cr_assert_eq(weft_run(without_the_keeper, &can, NULL), 0);
	close_pool();
	if (!can)
		cr_skip_test("FUTEX (6.7): the keeper wakes them");
}

static atomic_int turns;
static atomic_bool enough;

static int takes_turns(void *arg)
{
	(void)arg;
	for (; !atomic_load(&enough); atomic_fetch_add(&turns, 1))
		weft_yield();
	return 0;
}

/*
 * On one worker: who opens or closes a pool leaves it to others meanwhile. The kernel may give its CPU
 * to the new processes all the while, but not each time.
 */
static int opens_and_closes(void *arg)
{
	bool while_opened = false, while_closed = false;
	struct weft_co *co;

	(void)arg;
	atomic_store(&enough, false);
	CHECK_EQ(weft_spawn(takes_turns, NULL, NULL, &co), 0);
	while (!while_opened || !while_closed) {
		atomic_store(&turns, 0);
		open_plain();
		while_opened = while_opened || atomic_load(&turns);
		CHECK_EQ(weft_job_call(pool, "echo", NULL, 0, NULL, 0, NULL), 0);
		atomic_store(&turns, 0);
		close_pool();
		while_closed = while_closed || atomic_load(&turns);
	}
	atomic_store(&enough, true);
	JOIN(co, 0);
	const struct weft_job_pool_options none = {.size = sizeof(none), .exe = "/none"};
	CHECK_EQ(weft_job_pool_open(&none, &pool), -ENOENT);
	CHECK(strlen(weft_job_pool_error()) > 0);
	return 0;
}

Test(job, opening_and_closing_block_no_worker, .timeout = 60)
{
	RUN_ON(1, opens_and_closes);
}

enum { MANY = 500 };

Test(job, many_at_once, .timeout = 60)
{
	struct weft_job *job[MANY];
	int in[MANY], out[MANY];

	open_plain();
	for (int i = 0; i < MANY; i++) {
		in[i] = i * 7;
		cr_assert_eq(weft_job_submit(pool, "echo", &in[i], sizeof(int), &out[i],
					     sizeof(int), NULL, &job[i]),
			     0);
	}
	for (int i = 0; i < MANY; i++) {
		ssize_t n;
		cr_assert_eq(weft_job_wait(job[i], &n), 0);
		cr_assert_eq(n, (ssize_t)sizeof(int));
		cr_assert_eq(out[i], i * 7);
	}
	cr_assert_eq(stats().submitted, (uint64_t)MANY);
	close_pool();
}

Test(job, what_lies_behind_a_long_job_goes_to_the_idle, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	struct weft_job *longest, *job[8];
	int ms = 60000, none = 0, out;
	ssize_t n;

	o.min_workers = 2;
	open_pool(&o);
	cr_assert_eq(
		weft_job_submit(pool, "nap", &ms, sizeof(ms), &out, 4, NULL, &longest),
		0);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(weft_job_submit(pool, "nap", &none, sizeof(none), &out, 4,
					     NULL, &job[i]),
			     0);
	for (int i = 0; i < 8; i++) {
		cr_assert_eq(weft_job_wait(job[i], &n), 0);
		cr_assert_eq(n, 4);
	}
	weft_job_cancel(longest);
	cr_assert_eq(weft_job_wait(longest, &n), 0);
	cr_assert_eq(n, -ECANCELED);
	close_pool();
}

/* ---- the host ---------------------------------------------------------------------------- */

static volatile sig_atomic_t sigchlds;

static void on_sigchld(int sig)
{
	(void)sig;
	sigchlds++;
}

Test(job, the_hosts_children_stay_its_own, .timeout = 60)
{
	signal(SIGCHLD, on_sigchld);
	open_plain();
	cr_assert_eq(call("segv", NULL), -ECHILD);
	cr_assert_eq(call("nothing", NULL), 0);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
	close_pool();
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(sigchlds, 0);
}

Test(job, closing_ends_every_process, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	o.min_workers = 2;
	open_pool(&o);
	int zygote = weft_job_worker_pid(pool, -1), a = weft_job_worker_pid(pool, 0),
	    b = weft_job_worker_pid(pool, 1);
	cr_assert(zygote > 0 && a > 0 && b > 0);
	close_pool();
	SOON(gone(zygote) && gone(a) && gone(b));
}

Test(job, a_program_without_jobs_gets_a_hint, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	o.exe = NULL; /* this program, whose main is Criterion's */
	cr_assert_eq(weft_job_pool_open(&o, &pool), -ENOEXEC);
	cr_assert(strstr(weft_job_pool_error(), "weft_job_main"));
	o.exe = "/bin/true";
	cr_assert_eq(weft_job_pool_open(&o, &pool), -ENOEXEC);
	cr_assert(strstr(weft_job_pool_error(), "weft_job_main"));
	o.exe = "/no/such/program";
	cr_assert_eq(weft_job_pool_open(&o, &pool), -ENOENT);
}

/* ---- containment ------------------------------------------------------------------------ */

Test(job, a_crash_is_one_jobs_error, .timeout = 60)
{
	struct weft_job_error e = {.size = sizeof(e)};

	open_plain();
	cr_assert_eq(call("segv", &e), -ECHILD);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_SIGNAL);
	cr_assert_eq(e.signal, SIGSEGV);
	cr_assert_eq(e.address, 0x1234u);
	cr_assert(strstr(e.trace, "job_worker_pokes_at"), "%s", e.trace);
	cr_assert(strstr(e.output, "about to crash"), "%s", e.output);
	cr_assert(e.pid > 0);

	cr_assert_eq(call("abort", &e), -ECHILD);
	cr_assert_eq(e.signal, SIGABRT);
	cr_assert_eq(call("overflow", &e), -ECHILD);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_STACK);
	cr_assert_eq(call("exit", &e), -ECHILD);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_EXIT);
	cr_assert_eq(e.code, 7);
	cr_assert_eq(call("sigkill", &e), -ECHILD);
	cr_assert_eq(e.signal, SIGKILL);
	cr_assert_eq(call("nothing", &e), 0);
	cr_assert_eq(e.fault, 0u);
	cr_assert_eq(stats().crashed, 5u);
	close_pool();
}

Test(job, those_behind_a_crash_are_not_lost, .timeout = 60)
{
	struct weft_job *job[100];
	ssize_t n;

	open_plain();
	for (int i = 0; i < 100; i++)
		cr_assert_eq(weft_job_submit(pool, i % 10 ? "nothing" : "exit", NULL, 0,
					     NULL, 0, NULL, &job[i]),
			     0);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(weft_job_wait(job[i], &n), 0);
		cr_assert_eq(n, i % 10 ? 0 : -ECHILD, "job %d: %zd", i, n);
	}
	close_pool();
}

Test(job, a_deadline_kills_the_worker_that_hangs, .timeout = 60)
{
	struct weft_job_error e = {.size = sizeof(e)};
	struct weft_job_attr a = {.size = sizeof(a), .error = &e};
	int pid;

	open_plain();
	pid = call_int("pid");
	a.deadline = weft_now() + 50 * WEFT_MS;
	cr_assert_eq(weft_job_call(pool, "spin", NULL, 0, NULL, 0, &a), -ETIMEDOUT);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_DEADLINE);
	cr_assert_eq(e.pid, pid);
	cr_assert(gone(pid));
	cr_assert_neq(call_int("pid"), pid);
	close_pool();
}

static int stopped_caller(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_job_call(pool, "spin", NULL, 0, NULL, 0, NULL), -ECANCELED);
	return 0;
}

static int cancels(void *arg)
{
	struct weft_deadline d;
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(stopped_caller, NULL, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(30 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_deadline_open(&d, weft_now() + 30 * WEFT_MS), 0);
	CHECK_EQ(weft_job_call(pool, "spin", NULL, 0, NULL, 0, NULL), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	return 0;
}

Test(job, a_stopped_caller_takes_its_job_along, .timeout = 60)
{
	open_plain();
	RUN_ON(1, cancels);
	SOON(stats().running == 0);
	cr_assert_eq(stats().failed, 2u);
	close_pool();
}

Test(job, what_a_job_leaves_behind_is_its_error, .timeout = 60)
{
	struct weft_job_error e = {.size = sizeof(e)};
	int grandchild = 0;

	open_plain();
	cr_assert_eq(call("leak_fd", &e), -EMFILE);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_DESCRIPTORS);
	cr_assert_eq(call("leave_child", &e), -EBUSY);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_CHILDREN);
	cr_assert_eq(sscanf(e.output, "left %d", &grandchild), 1, "%s", e.output);
	SOON(gone(grandchild));
	cr_assert_eq(call("nothing", &e), 0);
	close_pool();
}

Test(job, what_an_unchecked_job_leaves_behind_goes_with_its_worker, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	o.flags = WEFT_JOB_UNCHECKED;
	open_pool(&o);
	cr_assert_eq(call("leak_fd", NULL), 0);
	int grandchild = call_int("leave_child");
	cr_assert_gt(grandchild, 0);
	cr_assert_eq(call("nothing", NULL), 0);
	cr_assert(!gone(grandchild));
	close_pool();
	SOON(gone(grandchild));
}

Test(job, memory_is_bounded, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	struct weft_job_error e = {.size = sizeof(e)};

	if (SANITIZED)
		cr_skip_test("not under a sanitizer");
	o.memory_bytes = 64 << 20;
	open_pool(&o);
	cr_assert_eq(call("eat", &e), -ENOMEM);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_MEMORY);
	cr_assert_eq(call("nothing", &e), 0);
	close_pool();
}

Test(job, cpu_time_is_bounded, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	struct weft_job_error e = {.size = sizeof(e)};

	if (SANITIZED)
		cr_skip_test("not under a sanitizer");
	o.cpu_ms = 50;
	open_pool(&o);
	cr_assert_eq(call("spin", &e), -ETIME);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_CPU);
	cr_assert_eq(call("nothing", &e), 0);
	close_pool();
}

/* ---- workers and the queue --------------------------------------------------------------- */

Test(job, workers_are_replaced_when_worn, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	o.max_workers = 1;
	o.recycle_jobs = 3;
	open_pool(&o);
	for (int i = 0; i < 9; i++)
		cr_assert_eq(call_int("count"), i % 3 + 1);
	SOON(stats().recycled == 3);
	close_pool();
	o.recycle_jobs = 0;
	o.recycle_bytes = 1; /* any is larger */
	open_pool(&o);
	cr_assert_eq(call_int("count"), 1);
	cr_assert_eq(call_int("count"), 1);
	close_pool();
}

Test(job, a_full_queue_says_so, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	struct weft_job *job[4], *more;
	ssize_t n;

	o.max_workers = 1;
	o.ahead = 1;
	o.queue = 3;
	open_pool(&o);
	for (int i = 0; i < 4; i++) /* one is being done, three wait */
		cr_assert_eq(
			weft_job_submit(pool, "spin", NULL, 0, NULL, 0, NULL, &job[i]),
			0);
	cr_assert_eq(stats().queued, 3u);
	cr_assert_eq(weft_job_submit(pool, "nothing", NULL, 0, NULL, 0, NULL, &more),
		     -EAGAIN);
	for (int i = 3; i >= 0; i--) {
		weft_job_cancel(job[i]);
		cr_assert_eq(weft_job_wait(job[i], &n), 0);
		cr_assert_eq(n, -ECANCELED);
	}
	cr_assert_eq(call("nothing", NULL), 0);
	close_pool();
}

Test(job, urgent_ones_go_first, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	const struct weft_job_attr urgent = {.size = sizeof(urgent), .urgent = 1};
	struct weft_job *first, *job[4];
	const int turn[] = {3, 4, 1, 2};
	int ms = 20, got[4];
	ssize_t n;

	o.max_workers = 1;
	o.ahead = 1;
	open_pool(&o);
	cr_assert_eq(weft_job_submit(pool, "nap", &ms, sizeof(ms), &ms, sizeof(ms), NULL,
				     &first),
		     0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(weft_job_submit(pool, "count", NULL, 0, &got[i], sizeof(int),
					     i < 2 ? NULL : &urgent, &job[i]),
			     0);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(weft_job_wait(job[i], &n), 0);
		cr_assert_eq(got[i], turn[i]);
	}
	cr_assert_eq(weft_job_wait(first, &n), 0);
	close_pool();
}

/* Jobs that go on until they are waited for: nobody takes the messages of which they have too many. */
Test(job, the_pool_grows_and_shrinks, .timeout = 60)
{
	const struct weft_job_attr stream = {.size = sizeof(stream), .stream = 1};
	struct weft_job_pool_options o = options();
	struct weft_job *job[3];
	int messages = 3000;

	o.max_workers = 3;
	o.idle_ns = 20 * WEFT_MS;
	open_pool(&o);
	cr_assert_eq(stats().workers, 1u);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(weft_job_submit(pool, "sends", &messages, sizeof(messages),
					     NULL, 0, &stream, &job[i]),
			     0);
	SOON(stats().workers == 3);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(weft_job_wait(job[i], NULL), 0);
	SOON(stats().workers == 1);
	cr_assert_eq(call("nothing", NULL), 0);
	close_pool();
}

Test(job, closing_kills_what_takes_too_long, .timeout = 60)
{
	struct weft_job *quick, *endless;
	struct weft_job_pool_options o = options();
	int ms = 20, out;
	ssize_t n;

	o.min_workers = 2;
	open_pool(&o);
	cr_assert_eq(weft_job_submit(pool, "nap", &ms, sizeof(ms), &out, 4, NULL, &quick),
		     0);
	cr_assert_eq(weft_job_submit(pool, "spin", NULL, 0, NULL, 0, NULL, &endless), 0);
	weft_job_pool_close(pool, weft_now() + WEFT_SEC);
	cr_assert_eq(weft_job_wait(quick, &n), 0);
	cr_assert_eq(n, 4);
	cr_assert_eq(weft_job_wait(endless, &n), 0);
	cr_assert_eq(n, -ECANCELED, "%zd", n);
}

Test(job, workers_run_where_they_are_told_to, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	int got[3];

	o.cpus = "0";
	o.nice = 3;
	o.flags = WEFT_JOB_BATCH;
	open_or_skip(&o);
	cr_assert_eq(weft_job_call(pool, "place", NULL, 0, got, sizeof(got), NULL),
		     (ssize_t)sizeof(got));
	cr_assert_eq(got[0], 1); /* CPU */
	cr_assert_eq(got[1], getpriority(PRIO_PROCESS, 0) + 3);
	cr_assert_eq(got[2], SCHED_BATCH);
	close_pool();
	o.cpus = "zero";
	cr_assert_eq(weft_job_pool_open(&o, &pool), -EINVAL);
}

/* ---- when the system has no more -------------------------------------------------------- */

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 512; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* With room for ever more descriptors, until it goes well: at each step it fails cleanly. */
Test(job, running_out_of_descriptors, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	int before = open_descriptors(), rc = -1;
	struct rlimit all;

	getrlimit(RLIMIT_NOFILE, &all);
	for (int more = 0; rc && more < 64; more++) {
		const struct rlimit few = {(rlim_t)(before + more), all.rlim_max};
		setrlimit(RLIMIT_NOFILE, &few);
		rc = weft_job_pool_open(&o, &pool);
		setrlimit(RLIMIT_NOFILE, &all);
		cr_assert(!rc || rc == -EMFILE || rc == -EIO, "%d more: %d", more, rc);
		cr_assert(rc == 0 || open_descriptors() == before, "%d more", more);
	}
	cr_assert_eq(rc, 0);
	cr_assert_eq(call("nothing", NULL), 0);
	close_pool();
	cr_assert_eq(open_descriptors(), before);
}

static bool put(const char *dir, const char *file, int number)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	FILE *f = fopen(path, "r+e"); /* it makes none where there is no such control */
	bool good = f && fprintf(f, "%d", number) > 0;
	return (f ? !fclose(f) : false) && good;
}

/* A cgroup in which the zygote is alone and may not fork. */
static bool forbid_forking(char *dir, size_t size)
{
	static const char *const root[] = {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"};

	for (int i = 0; i < 2; i++) {
		snprintf(dir, size, "%s/weft_job_test.%d", root[i], getpid());
		if (mkdir(dir, 0700))
			continue;
		if (put(dir, "pids.max", 1) &&
		    put(dir, "cgroup.procs", weft_job_worker_pid(pool, -1)))
			return true;
		rmdir(dir);
	}
	return false;
}

Test(job, forking_fails, .timeout = 60)
{
	struct weft_job_error e = {.size = sizeof(e)};
	char dir[128];

	open_plain();
	if (!forbid_forking(dir, sizeof(dir))) {
		close_pool();
		cr_skip_test("no cgroup with the pids controller can be made here");
	}
	cr_assert_eq(call("exit", &e), -ECHILD);
	cr_assert_eq(call("nothing", &e), -EIO);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_LOST);
	cr_assert(put(dir, "pids.max", 100));
	SOON(call("nothing", NULL) == 0);
	close_pool();
	SOON(!rmdir(dir));
}
