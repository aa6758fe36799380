/* SPDX-License-Identifier: MIT */
/* Job pools for code that is not trusted: attacks on the pool, and what a sandbox forbids. */
#include <stdlib.h>
#include <string.h>

#include "job_pool.h"

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
	for (int i = 0; i < 20; i++) /* it is gone before its result is looked at */
		cr_assert(gone(call_int("pid")));
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
	char path[64];

	setenv("JOB_TEST_SECRET", "x", 1);
	cr_assert_geq(dup2(1, 100), 0); /* not close-on-exec */
	open_plain();
	snprintf(path, sizeof(path), "/proc/%d/fd/100", weft_job_worker_pid(pool, -1));
	cr_assert_eq(access(path, F_OK), -1); /* nor has the zygote it */
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
	o.profile = WEFT_JOB_NONE; /* so that nothing else can be what is missing */
	cr_assert_eq(weft_job_pool_open(&o, &pool), -ENOSYS);
	cr_assert(strstr(weft_job_pool_error(), "namespaces"), "%s",
		  weft_job_pool_error());
	o.profile = WEFT_JOB_PURE;
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
