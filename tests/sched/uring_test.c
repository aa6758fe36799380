/* SPDX-License-Identifier: MIT */
/* The engine where it is tight: queues that overflow, bad addresses, exec and exit. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../sched/co/fiber.h"
#include "../../sched/run/worker.h"
#include "../check.h"

enum { MANY = 400 };

static int read_one(void *fd)
{
	uint64_t n = 0;

	CHECK_EQ(weft_read((int)(intptr_t)fd, &n, sizeof(n)), sizeof(n));
	return (int)n;
}

/*
 * 400 requests through a submission queue of 8, and their completions, which come while
 * the worker does not look, through a completion queue of 64.
 */
static int overflow(void *ret_overflows)
{
	static struct weft_co *co[MANY];
	struct weft_stats st = {.size = sizeof(st)};
	int fd[MANY];

	for (int i = 0; i < MANY; i++) {
		fd[i] = eventfd(0, EFD_CLOEXEC);
		CHECK(fd[i] >= 0);
		CHECK_EQ(weft_spawn(read_one, (void *)(intptr_t)fd[i], NULL, &co[i]), 0);
	}
	CHECK_EQ(weft_sleep_ns(20 * WEFT_MS), 0); /* all are with the kernel */
	for (int i = 0; i < MANY; i++) {
		uint64_t n = (uint64_t)i + 1;
		CHECK_EQ(write(fd[i], &n, sizeof(n)), sizeof(n));
	}
	for (int i = 0; i < MANY; i++) {
		JOIN(co[i], i + 1);
		CHECK_EQ(weft_close(fd[i]), 0);
	}
	CHECK_EQ(weft_stats(&st), 0);
	*(uint64_t *)ret_overflows = st.overflows;
	return 0;
}

Test(uring, completions_beyond_the_queue_are_not_lost, .timeout = 60)
{
	struct weft_options o = {.size = sizeof(o), .workers = 1, .sq_entries = 8};
	uint64_t n = 0;

	cr_assert_eq(weft_run(overflow, &n, &o), 0);
	/* deferred completions wait in the kernel for room: without, they overflow */
	setenv("WEFT_DISABLE", "DEFER_TASKRUN,COOP_TASKRUN", 1);
	cr_assert_eq(weft_run(overflow, &n, &o), 0);
	cr_assert_gt(n, 0);
	o.workers = 2;
	cr_assert_eq(weft_run(overflow, &n, &o), 0);
}

static int bad_addresses(void *arg)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	(void)arg;
	CHECK_EQ(weft_read(fd, (void *)1, 8), -EFAULT);
	CHECK_EQ(weft_write(fd, (void *)1, 8), -EFAULT);
	CHECK_EQ(weft_open((void *)1, 0, 0), -EFAULT);
	return weft_close(fd);
}

Test(uring, a_bad_address_is_an_error)
{
	if (!wf_on_valgrind()) /* which says so, rightly */
		RUN_ON(1, bad_addresses);
}

/* A user whom nobody else is, with `bytes` of locked memory. */
static void be_poor(rlim_t bytes)
{
	struct rlimit lim = {bytes, bytes};

	cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &lim), 0);
	if (geteuid() == 0)
		cr_assert_eq(setresuid(64999, 64999, 64999), 0);
}

static int look_at_rings(void *ret_buffers)
{
	for (unsigned i = 0; i < wf_rt.n_workers; i++)
		((unsigned *)ret_buffers)[i] = wf_rt.workers[i]->ring.bufs.n;
	return 0;
}

Test(uring, rings_share_the_locked_memory, .timeout = 60)
{
	struct weft_options o = {.size = sizeof(o), .workers = 4};

	be_poor(65536);
	for (int i = 0; i < 20; i++) {
		unsigned n[4] = {0};
		cr_assert_eq(weft_run(look_at_rings, n, &o), 0, "%s", weft_start_error());
		for (int j = 1; j < 4; j++)
			cr_assert_eq(n[j], n[0], "%u and %u", n[j], n[0]);
	}
}

/* Kernels from 5.12 to 6.13 count only what is registered. */
static bool rings_are_charged(void)
{
	struct io_uring ring;
	int rc = io_uring_queue_init(4096, &ring, 0);

	if (rc == 0)
		io_uring_queue_exit(&ring);
	return rc == -ENOMEM;
}

Test(uring, too_little_locked_memory_is_said)
{
	struct weft_options o = {.size = sizeof(o), .workers = 8};

	be_poor(4096);
	if (!rings_are_charged())
		cr_skip_test("this kernel does not count rings as locked memory");
	cr_assert_eq(weft_run(look_at_rings, NULL, &o), -ENOMEM);
	cr_assert_not_null(strstr(weft_start_error(), "RLIMIT_MEMLOCK"));
}

static int read_for_ever(void *fd)
{
	char c;

	return (int)weft_read(*(int *)fd, &c, 1);
}

/* Prints how many descriptors of rings a program that we execute has. */
static int execute(void *arg)
{
	FILE *f = popen("ls -l /proc/self/fd | grep -c io_uring", "r");
	int n = -1;

	(void)arg;
	CHECK(f != NULL);
	CHECK_EQ(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

Test(uring, rings_are_not_inherited_by_exec)
{
	RUN_ON(2, execute);
}

static int exit_amid(void *arg)
{
	static int p[2];

	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(weft_spawn(read_for_ever, &p[0], NULL, NULL), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	_exit((int)(intptr_t)arg);
}

Test(uring, a_process_may_end_with_calls_in_flight, .timeout = 30)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct weft_options o = {.size = sizeof(o), .workers = 2};
		weft_run(exit_amid, (void *)3, &o);
		_exit(4);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 3);
}
