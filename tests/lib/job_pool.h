/* SPDX-License-Identifier: MIT */
/* What the tests of job pools share. The jobs are in job_worker.c; JOB_WORKER is its path, or the
 * environment's where it was built elsewhere. */
#ifndef WF_TESTS_LIB_JOB_POOL_H
#define WF_TESTS_LIB_JOB_POOL_H

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
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

static inline struct weft_job_pool_options options(void)
{
	return (struct weft_job_pool_options){
		.size = sizeof(struct weft_job_pool_options),
		.exe = getenv("JOB_WORKER") ? getenv("JOB_WORKER") : JOB_WORKER,
		.max_workers = 2,
		.start_ns = 60 * WEFT_SEC};
}

static inline void open_pool(const struct weft_job_pool_options *o)
{
	int rc = weft_job_pool_open(o, &pool);

	cr_assert_eq(rc, 0, "%d: %s", rc, weft_job_pool_error());
}

static inline void open_plain(void)
{
	struct weft_job_pool_options o = options();

	open_pool(&o);
}

/* Opens it, or skips the test where the machine lacks what it needs. */
static inline void open_or_skip(const struct weft_job_pool_options *o)
{
	int rc = weft_job_pool_open(o, &pool);

	if (rc == -ENOSYS || rc == -EPERM || rc == -ENOSPC)
		cr_skip_test("the kernel lacks a part: %s", weft_job_pool_error());
	cr_assert_eq(rc, 0, "%d: %s", rc, weft_job_pool_error());
}

static inline void close_pool(void)
{
	weft_job_pool_close(pool, WEFT_NEVER);
	pool = NULL;
}

static inline ssize_t call(const char *name, struct weft_job_error *e)
{
	const struct weft_job_attr a = {.size = sizeof(a), .error = e};
	char out[64];

	return weft_job_call(pool, name, "in", 2, out, sizeof(out), &a);
}

static inline int call_int(const char *name)
{
	int n = -1;
	ssize_t rc = weft_job_call(pool, name, NULL, 0, &n, sizeof(n), NULL);

	cr_assert_eq(rc, (ssize_t)sizeof(n), "%s: %zd", name, rc);
	return n;
}

static inline struct weft_job_stats stats(void)
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

static inline bool gone(int pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

#endif
