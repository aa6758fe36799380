/* SPDX-License-Identifier: MIT */
/*
 * Job pools. The jobs are in job_worker.c, a program of its own: JOB_WORKER is its path. (A
 * program that is its own zygote: tests/lib/job_self.c.)
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "sched/co/fiber.h"
#include "weft/job.h"

/* They map terabytes, hold signals back, and look around in /proc when one strikes. */
#if defined(WF_ASAN) || defined(WF_TSAN)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static struct weft_job_pool *pool;

static struct weft_job_pool_options options(void)
{
	return (struct weft_job_pool_options){
		.size = sizeof(struct weft_job_pool_options),
		.exe = JOB_WORKER,
		.max_workers = 2,
		.start_ns = 60 * WEFT_SEC};
}

static void open_pool(const struct weft_job_pool_options *o)
{
	int rc = weft_job_pool_open(o, &pool);

	cr_assert_eq(rc, 0, "%d: %s", rc, weft_job_pool_error());
}

static void open_plain(void)
{
	struct weft_job_pool_options o = options();

	open_pool(&o);
}

/* Opens it, or skips the test where the machine lacks what it needs. */
static void open_or_skip(const struct weft_job_pool_options *o)
{
	int rc = weft_job_pool_open(o, &pool);

	if (rc == -ENOSYS || rc == -EPERM || rc == -ENOSPC)
		cr_skip_test("the kernel lacks a part: %s", weft_job_pool_error());
	cr_assert_eq(rc, 0, "%d: %s", rc, weft_job_pool_error());
}

static void close_pool(void)
{
	weft_job_pool_close(pool, WEFT_NEVER);
	pool = NULL;
}

static ssize_t call(const char *name, struct weft_job_error *e)
{
	const struct weft_job_attr a = {.size = sizeof(a), .error = e};
	char out[64];

	return weft_job_call(pool, name, "in", 2, out, sizeof(out), &a);
}

static int call_int(const char *name)
{
	int n = -1;
	ssize_t rc = weft_job_call(pool, name, NULL, 0, &n, sizeof(n), NULL);

	cr_assert_eq(rc, (ssize_t)sizeof(n), "%s: %zd", name, rc);
	return n;
}

static struct weft_job_stats stats(void)
{
	struct weft_job_stats s = {.size = sizeof(s)};

	cr_assert_eq(weft_job_stats(pool, &s), 0);
	return s;
}

/* What must come true, without a clock that fails it. */
#define SOON(cond)                                                                       \
	do                                                                               \
		usleep(1000);                                                            \
	while (!(cond))

static bool gone(int pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

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
	cr_assert_eq(stats().killed, 2u);
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

/* ---- those who attack ------------------------------------------------------------------- */

Test(job, the_shared_memory_is_not_trusted, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	struct weft_job_error e = {.size = sizeof(e)};
	struct weft_job *job[20];
	ssize_t n;

	o.max_workers = 1;
	open_pool(&o);
	cr_assert_eq(call("lies", &e), -EPROTO);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_CORRUPT);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(weft_job_submit(pool, i ? "nothing" : "scribble", NULL, 0,
					     NULL, 0, NULL, &job[i]),
			     0);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(weft_job_wait(job[i], &n), 0);
	cr_assert_eq(call("nothing", &e), 0);
	cr_assert_eq(call("state", &e), 4);
	close_pool();
}

Test(job, an_untrusted_result_is_final, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	char out[1];

	o.flags = WEFT_JOB_FRESH;
	open_pool(&o);
	for (int i = 0; i < 20; i++) {
		ssize_t n = weft_job_call(pool, "rewrite", NULL, 0, out, 1, NULL);
		cr_assert_eq(n, -EBUSY, "%zd", n); /* its second process was noticed */
		char before = out[0];
		usleep(1000);
		cr_assert_eq(out[0], before);
	}
	close_pool();
}

Test(job, untrusted_jobs_have_a_worker_each, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	o.flags = WEFT_JOB_FRESH;
	open_pool(&o);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(call_int("count"), 1);
	cr_assert_eq(call("corrupt_state", NULL), 0);
	cr_assert_eq(call_int("count"), 1);
	close_pool();
}

static int count_with_key(uint64_t key)
{
	const struct weft_job_attr a = {.size = sizeof(a), .key = key};
	int n = -1;

	cr_assert_eq(weft_job_call(pool, "count", NULL, 0, &n, sizeof(n), &a), 4);
	return n;
}

Test(job, a_worker_never_serves_two_keys, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	o.max_workers = 1;
	open_pool(&o);
	cr_assert_eq(count_with_key(7), 1);
	cr_assert_eq(count_with_key(7), 2);
	cr_assert_eq(count_with_key(8), 1);
	cr_assert_eq(count_with_key(7), 1);
	cr_assert_eq(stats().recycled, 2u);
	close_pool();
}

/* ---- sandboxes -------------------------------------------------------------------------- */

static ssize_t call_with(const char *name, const char *text)
{
	char out[64];

	return weft_job_call(pool, name, text, strlen(text), out, sizeof(out), NULL);
}

Test(job, descriptors_and_secrets_stay_here, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	setenv("JOB_TEST_SECRET", "x", 1);
	cr_assert_geq(dup2(1, 100), 0); /* not close-on-exec */
	open_plain();
	cr_assert_leq(call_int("descriptors"), 3);
	cr_assert_eq(call_with("getenv", "JOB_TEST_SECRET"), 1);
	close_pool();
	o.profile = WEFT_JOB_NO_NET;
	open_or_skip(&o);
	cr_assert_leq(call_int("descriptors"), 3);
	cr_assert_eq(call_with("getenv", "JOB_TEST_SECRET"), 0);
	cr_assert_eq(call_with("getenv", "PATH"), 1);
	close_pool();
}

Test(job, pure_jobs_compute_and_nothing_else, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	struct weft_job_error e = {.size = sizeof(e)};

	o.profile = WEFT_JOB_PURE;
	open_or_skip(&o);
	cr_assert_eq(call("echo", &e), 2);
	cr_assert_eq(call("open", &e), -EACCES);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_SYSCALL);
	cr_assert(strstr(e.trace, "open"), "%s", e.trace);
	cr_assert_eq(call("socket", &e), -EACCES);
	cr_assert_eq(call("leave_child", &e), -EACCES);
	cr_assert_eq(call("kill", &e), -EACCES);
	cr_assert_eq(call("abort", &e), -ECHILD);
	cr_assert_eq(e.signal, SIGABRT);
	if (!SANITIZED) {
		cr_assert_eq(call("segv", &e), -ECHILD);
		cr_assert_eq(e.address, 0x1234u);
	}
	cr_assert_eq(call("echo", &e), 2);
	close_pool();
}

Test(job, read_jobs_see_their_directories_only, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	const char *const dirs[] = {"/usr", NULL};

	o.profile = WEFT_JOB_READ;
	o.read_dirs = dirs;
	open_or_skip(&o);
	cr_assert_gt(call_with("open", "/usr/lib/os-release"), 0);
	cr_assert_eq(call_with("open", "/etc/passwd"), -EACCES);
	cr_assert_eq(call_with("write", "/usr/job_test_was_here"), -EACCES);
	cr_assert_eq(call_with("socket", ""), -EPERM);
	close_pool();
}

Test(job, without_net_files_can_be_read, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	int me = getpid(), out;

	o.profile = WEFT_JOB_NO_NET;
	open_or_skip(&o);
	cr_assert_gt(call_with("open", "/usr/lib/os-release"), 0);
	cr_assert_eq(call_with("socket", ""), -EPERM);
	cr_assert_eq(weft_job_call(pool, "kill", &me, sizeof(me), &out, 4, NULL), -EPERM);
	cr_assert_eq(call("abort", NULL), -ECHILD);
	close_pool();
}

Test(job, spaces_hide_other_processes, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	struct weft_job_error e = {.size = sizeof(e)};

	o.flags = WEFT_JOB_SPACES;
	open_or_skip(&o);
	cr_assert_eq(call_int("pid"), 1);
	cr_assert_eq(call("segv", &e), -ECHILD);
	cr_assert_eq(e.signal, SIGSEGV);
	cr_assert_eq(call("exit", &e), -ECHILD);
	cr_assert_eq(e.code, 7);
	cr_assert_eq(call("leave_child", &e), -EBUSY);
	cr_assert_eq(call("nothing", &e), 0);
	close_pool();
}

Test(job, a_missing_part_closes_the_shop, .timeout = 60)
{
	static const char *const part[] = {"SECCOMP", "LANDLOCK", "NAMESPACES"};
	struct weft_job_pool_options o = options();

	o.profile = WEFT_JOB_PURE;
	o.flags = WEFT_JOB_SPACES;
	for (int i = 0; i < 3; i++) {
		setenv("WEFT_DISABLE", part[i], 1);
		cr_assert_eq(weft_job_pool_open(&o, &pool), -ENOSYS, "%s", part[i]);
	}
	cr_assert(strstr(weft_job_pool_error(), "namespaces"));
	o.flags |= WEFT_JOB_LOOSE;
	open_pool(&o);
	cr_assert_eq(call("nothing", NULL), 0);
	close_pool();
}

Test(job, without_pidfds_the_zygote_kills, .timeout = 60)
{
	struct weft_job_attr a = {.size = sizeof(a)};

	setenv("WEFT_DISABLE", "PIDFD", 1);
	open_plain();
	a.deadline = weft_now() + 30 * WEFT_MS;
	cr_assert_eq(weft_job_call(pool, "spin", NULL, 0, NULL, 0, &a), -ETIMEDOUT);
	cr_assert_eq(call("nothing", NULL), 0);
	close_pool();
}
