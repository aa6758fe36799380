/* SPDX-License-Identifier: MIT */
/* Jobs that use what was granted to them, through a ring of their own, and nothing else. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "../naps.h"
#include "job_pool.h"

static const char text[] = "what a job may read, and where it may write";
static int from = -1, to = -1;

static int file_with(const char *what)
{
	char path[] = "/tmp/job_grant.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	unlink(path);
	cr_assert_eq(write(fd, what, strlen(what)), (ssize_t)strlen(what));
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void setup(void)
{
	from = file_with(text);
	to = file_with("");
}

TestSuite(job_grant, .init = setup, .timeout = 60);

static struct weft_job_pool_options granting(uint32_t profile, uint32_t ops)
{
	static int fds[2];
	struct weft_job_pool_options o = options();

	fds[0] = from;
	fds[1] = to;
	o.grants = fds;
	o.n_grants = 2;
	o.grant_ops = ops;
	o.profile = profile;
	return o;
}

static ssize_t use(const char *what)
{
	char out[1]; /* as large as its result says it is */

	return weft_job_call(pool, "use_granted", what, strlen(what), out, 1, NULL);
}

static void check_copy(void)
{
	char got[sizeof(text) + 1] = "";

	cr_assert_eq(ftruncate(to, 0), 0);
	cr_assert_eq(call("copy_granted", NULL), (ssize_t)strlen(text));
	cr_assert_eq(pread(to, got, sizeof(got), 0), (ssize_t)strlen(text));
	cr_assert_eq(strncmp(got, "WHAT A JOB", 10), 0, "%s", got);
	cr_assert_str_eq(got + 10, " MAY READ, AND WHERE IT MAY WRITE");
}

Test(job_grant, is_all_that_a_pure_job_has)
{
	struct weft_job_pool_options o =
		granting(WEFT_JOB_PURE, WEFT_JOB_MAY_READ | WEFT_JOB_MAY_WRITE);
	struct weft_job_error e = {.size = sizeof(e)};

	open_or_skip(&o);
	check_copy();
	cr_assert_eq(use("r0"), 1);
	cr_assert_eq(use("w1"), 1);
	cr_assert_eq(use("s1"), -EACCES);
	cr_assert_eq(use("r2"), -EBADF);
	cr_assert_eq(call("open", &e), -EACCES);      /* and dies of it */
	cr_assert_eq(call("break_out", &e), -EACCES); /* io_uring_register */
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_SYSCALL);
	check_copy(); /* the next worker has it too */
	close_pool();
}

Test(job_grant, only_what_was_granted_may_be_done)
{
	const struct {
		uint32_t ops;
		ssize_t r, w, s;
	} row[] = {{WEFT_JOB_MAY_READ, 1, -EACCES, -EACCES},
		   {WEFT_JOB_MAY_WRITE, -EACCES, 1, -EACCES},
		   {WEFT_JOB_MAY_SYNC, -EACCES, -EACCES, 0}};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct weft_job_pool_options o = granting(WEFT_JOB_NO_NET, row[i].ops);
		open_or_skip(&o);
		cr_assert_eq(use("r0"), row[i].r);
		cr_assert_eq(use("w1"), row[i].w);
		cr_assert_eq(use("s1"), row[i].s);
		close_pool();
	}
}

/* Without any sandbox, so that it is the ring alone that holds it. */
Test(job_grant, the_kernel_holds_the_ring_to_it)
{
	struct weft_job_pool_options o = granting(WEFT_JOB_NONE, WEFT_JOB_MAY_READ);

	open_or_skip(&o);
	cr_assert_eq(call("break_out", NULL), 5);
	cr_assert_eq(use("r0"), 1);
	cr_assert_leq(call_int("descriptors"), 4);
	close_pool();
}

Test(job_grant, files_below_directories_too)
{
	const char *const dirs[] = {"/usr", NULL};
	struct weft_job_pool_options o =
		granting(WEFT_JOB_READ, WEFT_JOB_MAY_READ | WEFT_JOB_MAY_WRITE);

	o.read_dirs = dirs;
	open_or_skip(&o);
	check_copy();
	close_pool();
}

Test(job_grant, sockets_and_fresh_workers)
{
	struct weft_job_pool_options o =
		granting(WEFT_JOB_PURE, WEFT_JOB_MAY_READ | WEFT_JOB_MAY_WRITE);
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	o.grants = pair;
	o.n_grants = 1;
	o.flags = WEFT_JOB_FRESH;
	open_or_skip(&o);
	for (int i = 0; i < 5; i++) {
		char byte = 0;
		cr_assert_eq(write(pair[1], "!", 1), 1);
		cr_assert_eq(use("r0"), 1);
		cr_assert_eq(use("w0"), 1);
		cr_assert_eq(read(pair[1], &byte, 1), 1);
		cr_assert_eq(byte, 'x');
	}
	close_pool();
}

/* A read that waits for ever is ended as any job is. */
Test(job_grant, a_deadline_ends_what_waits)
{
	const struct weft_job_attr soon = {.size = sizeof(soon),
					   .deadline = weft_now() + 30 * WEFT_MS};
	struct weft_job_pool_options o = granting(WEFT_JOB_PURE, WEFT_JOB_MAY_READ);
	int pair[2];

	cr_assert_eq(pipe(pair), 0);
	o.grants = pair;
	o.n_grants = 1;
	open_or_skip(&o);
	cr_assert_eq(weft_job_call(pool, "use_granted", "r0", 2, NULL, 0, &soon),
		     -ETIMEDOUT);
	cr_assert_eq(write(pair[1], "!", 1), 1);
	cr_assert_eq(use("r0"), 1);
	close_pool();
}

Test(job_grant, is_there_after_ours_is_closed_and_the_zygote_killed)
{
	struct weft_job_pool_options o =
		granting(WEFT_JOB_PURE, WEFT_JOB_MAY_READ | WEFT_JOB_MAY_WRITE);

	open_or_skip(&o);
	int keep = fcntl(to, F_DUPFD_CLOEXEC, 0);
	close(from);
	close(to);
	to = keep;
	check_copy();
	cr_assert_eq(kill(weft_job_worker_pid(pool, -1), SIGKILL), 0);
	SOON(stats().zygotes == 2 && use("w1") == 1);
	check_copy();
	close_pool();
}

Test(job_grant, refuses_what_it_cannot_do)
{
	struct weft_job_pool_options o = granting(WEFT_JOB_NONE, WEFT_JOB_MAY_READ);
	int bad[17] = {-1};

	o.n_grants = 17;
	o.grants = bad;
	cr_assert_eq(weft_job_pool_open(&o, &pool), -EINVAL);
	o.n_grants = 1;
	cr_assert_eq(weft_job_pool_open(&o, &pool), -EBADF);
	o = granting(WEFT_JOB_NONE, 0);
	cr_assert_eq(weft_job_pool_open(&o, &pool), -EINVAL);
	o = granting(WEFT_JOB_NONE, 8);
	cr_assert_eq(weft_job_pool_open(&o, &pool), -EINVAL);
	open_plain();
	cr_assert_eq(use("r0"), -ENOSYS);
	close_pool();
}

Test(job_grant, fails_closed_where_there_are_no_rings)
{
	struct weft_job_pool_options o = granting(WEFT_JOB_NONE, WEFT_JOB_MAY_READ);

	setenv("WEFT_DISABLE", "JOB_RING", 1);
	cr_assert_eq(weft_job_pool_open(&o, &pool), -ENOSYS);
	cr_assert(strstr(weft_job_pool_error(), "io_uring"), "%s", weft_job_pool_error());
	o.flags = WEFT_JOB_LOOSE;
	open_pool(&o);
	cr_assert_eq(use("r0"), -ENOSYS);
	close_pool();
}
