/* SPDX-License-Identifier: MIT */
/*
 * Completions that seldom happen: interrupted, try again, no buffers, aborted, short. The
 * call that enters the kernel is replaced: a request that shall fail is made a no-operation
 * before it is submitted, and its completion gets the wanted result; one that shall be
 * short gets a smaller length. So nothing has happened that the result denies.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"
#include "sched/base/sys.h"
#include "sched/run/worker.h"

enum { ONCE = 0, MULTI = 1 };

static int (*real_enter)(int, unsigned, unsigned, unsigned, const void *, size_t);

/* What shall happen, to the next `left` requests of an opcode. */
static struct {
	int opcode;
	bool multi;   /* those that go on, or those that do not */
	int res;      /* < 0: the failure */
	unsigned cap; /* > 0: no longer than that */
	_Atomic int left;
	int turn_from, turn_to; /* the result of any request */
} plan;
static struct wf_spin plan_lock;

/* The requests of this thread's ring that are to fail. */
static __thread uint64_t doomed[16];

static bool is_multi(const struct io_uring_sqe *sqe)
{
	return (sqe->opcode == IORING_OP_RECV && sqe->ioprio & IORING_RECV_MULTISHOT) ||
	       (sqe->opcode == IORING_OP_ACCEPT && sqe->ioprio & IORING_ACCEPT_MULTISHOT);
}

static void doom(struct io_uring_sqe *sqe)
{
	uint64_t user_data = sqe->user_data;

	for (int i = 0; i < 16; i++) {
		if (doomed[i])
			continue;
		doomed[i] = user_data;
		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_NOP;
		sqe->user_data = user_data;
		return;
	}
}

static void before(struct wf_ring *r)
{
	struct io_uring_sq *sq = &r->ur.sq;

	for (unsigned i = *sq->khead; i != *sq->ktail; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[i & (sq->ring_entries - 1)];

		if (sqe->opcode != plan.opcode || is_multi(sqe) != plan.multi ||
		    atomic_load(&plan.left) <= 0)
			continue;
		atomic_fetch_sub(&plan.left, 1);
		if (plan.cap == 0)
			doom(sqe);
		else if (sqe->len > plan.cap)
			sqe->len = plan.cap;
	}
}

static void after(struct wf_ring *r)
{
	struct io_uring_cq *cq = &r->ur.cq;

	for (unsigned i = *cq->khead; i != io_uring_smp_load_acquire(cq->ktail); i++) {
		struct io_uring_cqe *cqe = &cq->cqes[i & (cq->ring_entries - 1)];

		for (int j = 0; j < 16; j++) {
			if (!doomed[j] || doomed[j] != cqe->user_data)
				continue;
			doomed[j] = 0;
			cqe->res = plan.res;
		}
		if (plan.turn_from && cqe->res == plan.turn_from)
			cqe->res = plan.turn_to;
	}
}

static int enter(int fd, unsigned submit, unsigned wait, unsigned flags, const void *arg,
		 size_t size)
{
	struct wf_ring *r = &wf_worker_self()->ring;

	wf_spin_lock(&plan_lock);
	before(r);
	wf_spin_unlock(&plan_lock);
	int rc = real_enter(fd, submit, wait, flags, arg, size);
	wf_spin_lock(&plan_lock);
	after(r);
	wf_spin_unlock(&plan_lock);
	return rc;
}

static void fail(int opcode, bool multi, int res, int times)
{
	wf_spin_lock(&plan_lock);
	plan.opcode = opcode;
	plan.multi = multi;
	plan.res = res;
	plan.cap = 0;
	atomic_store(&plan.left, times);
	wf_spin_unlock(&plan_lock);
}

static void cut(int opcode, unsigned cap)
{
	wf_spin_lock(&plan_lock);
	plan.opcode = opcode;
	plan.multi = false;
	plan.cap = cap;
	atomic_store(&plan.left, INT32_MAX);
	wf_spin_unlock(&plan_lock);
}

static void turn(int from, int to)
{
	wf_spin_lock(&plan_lock);
	plan.turn_from = from;
	plan.turn_to = to;
	wf_spin_unlock(&plan_lock);
}

static bool happened(void)
{
	return atomic_load(&plan.left) == 0;
}

static void begin(void)
{
	real_enter = wf_sys.ring_enter;
	wf_sys.ring_enter = enter;
}

TestSuite(completions, .init = begin, .timeout = 20);

/* Descriptors. On plain ones there is no receiving ahead. */

static int plain_pair(int sv[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv);
}

static int close_both(const int fd[2])
{
	int rc = weft_close(fd[0]);

	return rc ? rc : weft_close(fd[1]);
}

/* A request that was interrupted, or told to try again, is made again. */

static int repeat_sockets(int res)
{
	struct iovec iov = {.iov_base = "b", .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	char buf[8];
	int sv[2];

	CHECK_EQ(plain_pair(sv), 0);
	fail(IORING_OP_SEND, ONCE, res, 3);
	CHECK_EQ(weft_send(sv[0], "a", 1, 0), 1);
	CHECK(happened());
	fail(IORING_OP_SENDMSG, ONCE, res, 3);
	CHECK_EQ(weft_sendmsg(sv[0], &msg, 0), 1);
	CHECK(happened());
	fail(IORING_OP_RECV, ONCE, res, 3);
	CHECK_EQ(weft_recv_all(sv[1], buf, 2), 2);
	CHECK(happened());
	CHECK(!memcmp(buf, "ab", 2));
	fail(IORING_OP_POLL_ADD, ONCE, -EINTR, 3);
	CHECK_EQ(weft_poll(sv[0], POLLOUT), POLLOUT);
	CHECK(happened());
	return close_both(sv);
}

static int repeat_pipes(int res)
{
	char c = 0;
	int p[2];

	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	fail(IORING_OP_WRITE, ONCE, res, 3);
	CHECK_EQ(weft_write(p[1], "x", 1), 1);
	CHECK(happened());
	fail(IORING_OP_READ, ONCE, res, 3);
	CHECK_EQ(weft_read(p[0], &c, 1), 1);
	CHECK(happened());
	CHECK_EQ(c, 'x');
	return close_both(p);
}

static int repeat_files(void)
{
	struct statx st;

	fail(IORING_OP_OPENAT, ONCE, -EINTR, 3);
	int fd = weft_open("/dev/null", O_RDWR, 0);
	CHECK(fd >= 0 && happened());
	fail(IORING_OP_STATX, ONCE, -EINTR, 3);
	CHECK_EQ(weft_statx(AT_FDCWD, "/", 0, STATX_MODE, &st), 0);
	CHECK(happened());
	return weft_close(fd);
}

static int repeat(void *arg)
{
	(void)arg;
	CHECK_EQ(repeat_sockets(-EINTR), 0);
	CHECK_EQ(repeat_sockets(-EAGAIN), 0);
	CHECK_EQ(repeat_pipes(-EINTR), 0);
	CHECK_EQ(repeat_pipes(-EAGAIN), 0);
	return repeat_files();
}

Test(completions, who_was_interrupted_tries_again)
{
	RUN_ON(1, repeat);
}

static int do_not_wait(void *arg)
{
	int sv[2];

	(void)arg;
	CHECK_EQ(plain_pair(sv), 0);
	fail(IORING_OP_SEND, ONCE, -EAGAIN, 1);
	CHECK_EQ(weft_send(sv[0], "a", 1, MSG_DONTWAIT), -EAGAIN);
	CHECK(happened());
	return close_both(sv);
}

Test(completions, who_would_not_wait_is_told)
{
	RUN_ON(1, do_not_wait);
}

/* Short results. */

enum { MUCH = 1000 };

static int send_much(void *arg)
{
	char out[MUCH];

	for (int i = 0; i < MUCH; i++)
		out[i] = (char)(i * 7);
	return (int)weft_send_all(*(int *)arg, out, MUCH, 0);
}

static int in_pieces(int opcode, unsigned cap)
{
	struct weft_co *co;
	char in[MUCH];
	int sv[2];

	CHECK_EQ(plain_pair(sv), 0);
	cut(opcode, cap);
	CHECK_EQ(weft_spawn(send_much, &sv[0], NULL, &co), 0);
	CHECK_EQ(weft_recv_all(sv[1], in, MUCH), MUCH);
	JOIN(co, MUCH);
	CHECK(INT32_MAX - atomic_load(&plan.left) >= (int)(MUCH / cap));
	for (int i = 0; i < MUCH; i++)
		CHECK_EQ(in[i], (char)(i * 7));
	return close_both(sv);
}

static int pieces(void *arg)
{
	(void)arg;
	CHECK_EQ(in_pieces(IORING_OP_SEND, 3), 0);
	CHECK_EQ(in_pieces(IORING_OP_RECV, 1), 0);
	return 0;
}

Test(completions, short_results_are_continued)
{
	RUN_ON(1, pieces);
	RUN_ON(2, pieces);
}

static int broken_midway(void *arg)
{
	int sv[2];

	(void)arg;
	CHECK_EQ(plain_pair(sv), 0);
	fail(IORING_OP_SEND, ONCE, -ECONNRESET, 1);
	CHECK_EQ(send_much(&sv[0]), -ECONNRESET);
	return close_both(sv);
}

Test(completions, errors_are_told)
{
	RUN_ON(1, broken_midway);
}

/* Streams that end before their time. */

static int streams_end(void *arg)
{
	static const int errors[] = {-ENOBUFS, -ECANCELED, -EINTR, -EAGAIN};
	struct weft_co *co;
	char in[MUCH];
	int sv[2];

	(void)arg;
	for (unsigned i = 0; i < 4 * 5; i++) {
		CHECK_EQ(plain_pair(sv), 0);
		CHECK_EQ(weft_fd_adopt(sv[1]), 0);
		fail(IORING_OP_RECV, MULTI, errors[i % 4], 1 + (int)i / 4);
		CHECK_EQ(weft_spawn(send_much, &sv[0], NULL, &co), 0);
		CHECK_EQ(weft_recv_all(sv[1], in, MUCH), MUCH);
		JOIN(co, MUCH);
		for (int j = 0; j < MUCH; j++)
			CHECK_EQ(in[j], (char)(j * 7));
		CHECK_EQ(close_both(sv), 0);
	}
	return 0;
}

Test(completions, a_stream_that_ends_early_loses_nothing)
{
	RUN_ON(1, streams_end);
	RUN_ON(2, streams_end);
}

static int accept_after(int l, bool multi, int res, int told)
{
	int c = weft_tcp_dial("127.0.0.1", (uint16_t)weft_tcp_port(l), NULL), s;

	CHECK(c >= 0);
	fail(IORING_OP_ACCEPT, multi, res, 2);
	if (told) {
		CHECK_EQ(weft_accept(l, NULL), told);
		CHECK_EQ(weft_accept(l, NULL), told);
	}
	s = weft_accept(l, NULL);
	CHECK(happened());
	CHECK(s >= 0);
	CHECK_EQ(weft_close(s), 0);
	return weft_close(c);
}

static int accepting(void *arg)
{
	bool multi = arg != NULL;
	static const int errors[][2] = {{-ECONNABORTED, 0},
					{-EINTR, 0},
					{-EAGAIN, 0},
					{-EMFILE, -EMFILE},
					{-ENFILE, -ENFILE}};

	for (int i = 0; i < 5; i++) {
		int l = weft_tcp_listen("127.0.0.1", 0, NULL);
		CHECK(l >= 0);
		CHECK_EQ(accept_after(l, multi, errors[i][0], errors[i][1]), 0);
		CHECK_EQ(weft_close(l), 0);
	}
	return 0;
}

static bool accepts_ahead(void)
{
	const char *name;
	bool on = false;

	for (unsigned i = 0; !weft_feature(i, &name, &on, NULL); i++)
		if (!strcmp(name, "ACCEPT_MULTI"))
			return on;
	return false;
}

static int accepting_ahead(void *arg)
{
	return accepts_ahead() ? accepting(arg) : 0;
}

Test(completions, aborted_handshakes_are_retried_and_limits_told)
{
	struct weft_options o = {.size = sizeof(o), .workers = 1};

	cr_assert_eq(weft_run(accepting_ahead, "", &o), 0);
	o.disable = "ACCEPT_MULTI";
	cr_assert_eq(weft_run(accepting, NULL, &o), 0);
}

/* A kernel thread that is told to stop says that it was interrupted. */

static int read_one(void *arg)
{
	char c;

	return (int)weft_read(*(int *)arg, &c, 1);
}

static int interrupted_by(bool by_close)
{
	struct weft_co_attr there = {.size = sizeof(there), .flags = WEFT_CO_SPREAD};
	struct weft_co *co;
	int p[2];

	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(weft_spawn(read_one, &p[0], &there, &co), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	if (by_close)
		CHECK_EQ(weft_close(p[0]), 0);
	else
		CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, by_close ? -EBADF : -ECANCELED);
	if (!by_close)
		CHECK_EQ(weft_close(p[0]), 0);
	return weft_close(p[1]);
}

static int interrupted(void *arg)
{
	(void)arg;
	turn(-ECANCELED, -EINTR);
	CHECK_EQ(interrupted_by(false), 0);
	CHECK_EQ(interrupted_by(true), 0);
	turn(-ECANCELED, -EAGAIN);
	CHECK_EQ(interrupted_by(true), 0);
	return 0;
}

Test(completions, interrupted_by_a_cancel_or_a_close_is_no_reason_to_try_again)
{
	RUN_ON(1, interrupted);
	RUN_ON(2, interrupted);
}

/* Connecting is not begun anew, whoever interrupted it. */

static int connect_one(void *arg)
{
	const struct sockaddr_in nowhere = {.sin_family = AF_INET,
					    .sin_port = htons(1),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	fail(IORING_OP_CONNECT, ONCE, -EINTR, 1);
	return weft_connect(*(int *)arg, (const struct sockaddr *)&nowhere,
			    sizeof(nowhere));
}

static int connecting(void *arg)
{
	int fd = weft_socket(AF_INET, SOCK_STREAM, 0);
	struct weft_co *co;

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQ(connect_one(&fd), -EINTR);
	CHECK(happened());
	CHECK_EQ(weft_spawn(connect_one, &fd, NULL, &co), 0);
	CHECK_EQ(weft_yield(), 0); /* it has prepared the request */
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, -ECANCELED);
	CHECK(happened());
	return weft_close(fd);
}

Test(completions, a_cancelled_connect_says_so)
{
	RUN_ON(1, connecting);
}

/* A message between rings that the kernel has no memory for. */

static int one(void *arg)
{
	(void)arg;
	return 1;
}

static int over_there(void *arg)
{
	struct weft_co_attr there = {.size = sizeof(there), .flags = WEFT_CO_SPREAD};
	struct weft_co *co;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
		fail(IORING_OP_MSG_RING, ONCE, -ENOMEM, 3);
		CHECK_EQ(weft_spawn(one, NULL, &there, &co), 0);
		JOIN(co, 1);
	}
	return 0;
}

Test(completions, a_wake_up_is_sent_until_it_arrives)
{
	struct weft_options o = {
		.size = sizeof(o), .workers = 3, .disable = "MSG_RING_SYNC"};

	cr_assert_eq(weft_run(over_there, NULL, &o), 0);
}
