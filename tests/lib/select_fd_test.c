/* SPDX-License-Identifier: MIT */
/* Select over descriptors and timers, beside channels: what comes, and that nothing is left behind. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"

#define FD(d, e)                                                                         \
	{                                                                                \
		.op = WEFT_SELECT_FD, .fd = (d), .events = (e)                           \
	}
#define TIMER(t)                                                                         \
	{                                                                                \
		.op = WEFT_SELECT_TIMER, .at = (t)                                       \
	}
#define RECV(c, to)                                                                      \
	{                                                                                \
		.op = WEFT_SELECT_RECV, .chan = (c), .elem = (to)                        \
	}
#define N_OF(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))

/* A pair of sockets that receive ahead. */
static int adopted_pair(int fd[2])
{
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	CHECK_EQ(weft_fd_adopt(fd[0]), 0);
	CHECK_EQ(weft_fd_adopt(fd[1]), 0);
	return 0;
}

static int close_pair(const int fd[2])
{
	CHECK_EQ(weft_close(fd[0]), 0);
	CHECK_EQ(weft_close(fd[1]), 0);
	return 0;
}

/* ---- one at a time ---- */

static int ready_or_not(void *arg)
{
	struct weft_select one[] = {FD(-1, POLLIN)};
	int fd[2], rc = -1;
	char c = 'x';

	(void)arg;
	CHECK_EQ(adopted_pair(fd), 0);
	CHECK_EQ(weft_select(one, 1, false, &rc), -EAGAIN); /* never comes */
	one[0].fd = fd[0];
	CHECK_EQ(weft_select(one, 1, false, &rc), -EAGAIN);
	CHECK_EQ(write(fd[1], &c, 1), 1);
	CHECK_EQ(weft_select(one, 1, true, &rc), 0);
	CHECK(rc & POLLIN);
	CHECK_EQ(weft_select(one, 1, true, NULL), 0); /* it took nothing */
	CHECK_EQ(weft_recv(fd[0], &c, 1, 0), 1);
	one[0].events = POLLOUT;
	CHECK_EQ(weft_select(one, 1, false, &rc), 0);
	CHECK_EQ(rc, POLLOUT);
	one[0].events = POLLIN | POLLOUT;
	CHECK_EQ(weft_select(one, 1, true, &rc), 0);
	CHECK_EQ(rc, POLLOUT);
	return close_pair(fd);
}

Test(select_fd, ready_or_not)
{
	RUN_ON(1, ready_or_not);
}

/* Bytes that weft took out of the socket already. */
static int what_came_ahead(void *arg)
{
	char five[5], one;
	int fd[2], rc = -1;

	(void)arg;
	CHECK_EQ(adopted_pair(fd), 0);
	CHECK_EQ(write(fd[1], "hello", 5), 5);
	CHECK_EQ(weft_recv(fd[0], &one, 1, 0), 1);
	const struct weft_select in[] = {FD(fd[0], POLLIN)};
	const struct weft_select both[] = {FD(fd[0], POLLIN | POLLPRI)};
	CHECK_EQ(weft_select(in, 1, false, &rc), 0);
	CHECK(rc & POLLIN);
	CHECK_EQ(weft_select(both, 1, false, &rc), 0);
	CHECK(rc & POLLIN);
	CHECK_EQ(weft_recv(fd[0], five, 5, 0), 4);
	CHECK_EQ(weft_select(in, 1, false, &rc), -EAGAIN);
	return close_pair(fd);
}

Test(select_fd, what_came_ahead)
{
	RUN_ON(1, what_came_ahead);
}

static int writes_late(void *fd)
{
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_send((int)(intptr_t)fd, "x", 1, 0), 1);
	return 0;
}

static int waits_for_a_byte(void *arg)
{
	struct weft_chan *chan = NULL;
	struct weft_co *co;
	int fd[2], rc = -1, word;
	char c;

	(void)arg;
	CHECK_EQ(adopted_pair(fd), 0);
	CHECK_EQ(weft_chan_new(sizeof(word), 0, &chan), 0);
	for (int i = 0; i < 3; i++) { /* with and without a stream that is armed */
		const struct weft_select cases[] = {
			RECV(chan, &word), FD(fd[0], i == 1 ? POLLIN | POLLPRI : POLLIN),
			TIMER(weft_now() + 20 * WEFT_SEC)};

		CHECK_EQ(weft_spawn(writes_late, (void *)(intptr_t)fd[1], NULL, &co), 0);
		CHECK_EQ(weft_select(cases, N_OF(cases), true, &rc), 1);
		CHECK(rc & POLLIN);
		CHECK_EQ(weft_recv(fd[0], &c, 1, 0), 1);
		JOIN(co, 0);
	}
	CHECK_EQ(weft_chan_free(chan), 0);
	return close_pair(fd);
}

Test(select_fd, waits_for_a_byte)
{
	RUN_ON(1, waits_for_a_byte);
	RUN_ON(2, waits_for_a_byte);
}

static int listener_is_ready(void *arg)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = weft_socket(AF_INET, SOCK_STREAM, 0), rc = -1;

	(void)arg;
	CHECK(l >= 0);
	CHECK_EQ(bind(l, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(weft_listen(l, 5), 0);
	CHECK_EQ(getsockname(l, (struct sockaddr *)&a, &len), 0);
	const struct weft_select in[] = {FD(l, POLLIN)};
	CHECK_EQ(weft_select(in, 1, false, &rc), -EAGAIN);
	int c = weft_socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(weft_connect(c, (struct sockaddr *)&a, len), 0);
	CHECK_EQ(weft_select(in, 1, true, &rc), 0);
	CHECK(rc & POLLIN);
	int s = weft_accept(l, NULL);
	CHECK(s >= 0);
	CHECK_EQ(weft_close(s), 0);
	CHECK_EQ(weft_close(c), 0);
	return weft_close(l);
}

Test(select_fd, a_connection_makes_a_listener_ready)
{
	RUN_ON(1, listener_is_ready);
}

/* ---- several ---- */

static int is_fair(void *arg)
{
	enum { ROUNDS = 2000 };
	unsigned came[4] = {0};
	struct weft_chan *chan = NULL;
	int fd[2], rc, word = 0;

	(void)arg;
	CHECK_EQ(adopted_pair(fd), 0);
	CHECK_EQ(weft_chan_new(sizeof(word), 1, &chan), 0);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	for (int i = 0; i < ROUNDS; i++) {
		const struct weft_select cases[] = {FD(fd[1], POLLOUT), RECV(chan, &word),
						    FD(fd[0], POLLIN), TIMER(1)};

		weft_chan_trysend(chan, &word);
		int k = weft_select(cases, N_OF(cases), i % 2, &rc);
		CHECK(k >= 0 && k < 4);
		came[k]++;
	}
	for (int i = 0; i < 4; i++)
		CHECK(came[i] > ROUNDS / 8);
	CHECK_EQ(weft_chan_free(chan), 0);
	return close_pair(fd);
}

Test(select_fd, is_fair)
{
	RUN_ON(1, is_fair);
}

static int sends_late(void *chan)
{
	int word = 7;

	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	return weft_chan_send(chan, &word);
}

/* The channel wins. Then the descriptors are as if nobody had looked. */
static int losers_leave_nothing(void *arg)
{
	struct weft_chan *chan = NULL;
	struct weft_co *co;
	int fd[2], full[2], rc = -1, word = 0;
	char c = 0, junk[4096] = {0};

	(void)arg;
	CHECK_EQ(adopted_pair(fd), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, full), 0);
	while (write(full[0], junk, sizeof(junk)) > 0)
		;
	CHECK_EQ(weft_chan_new(sizeof(word), 0, &chan), 0);
	CHECK_EQ(weft_spawn(sends_late, chan, NULL, &co), 0);
	const struct weft_select cases[] = {FD(fd[0], POLLIN), FD(full[0], POLLOUT),
					    RECV(chan, &word), FD(fd[1], POLLIN)};
	CHECK_EQ(weft_select(cases, N_OF(cases), true, &rc), 2);
	CHECK_EQ(rc, 0);
	CHECK_EQ(word, 7);
	JOIN(co, 0);
	CHECK_EQ(write(fd[1], "y", 1), 1);
	CHECK_EQ(weft_recv(fd[0], &c, 1, 0), 1); /* no -EBUSY, and no byte is lost */
	CHECK_EQ(c, 'y');
	CHECK_EQ(weft_chan_free(chan), 0);
	CHECK_EQ(close_pair(full), 0);
	return close_pair(fd);
}

Test(select_fd, losers_leave_nothing)
{
	RUN_ON(1, losers_leave_nothing);
	RUN_ON(2, losers_leave_nothing);
}

/* ---- ends ---- */

static int timers(void *arg)
{
	struct weft_chan *chan = NULL;
	struct weft_deadline d;
	int fd[2], word, rc = -1;

	(void)arg;
	CHECK_EQ(adopted_pair(fd), 0);
	CHECK_EQ(weft_chan_new(sizeof(word), 0, &chan), 0);
	uint64_t start = weft_now();
	const struct weft_select cases[] = {FD(fd[0], POLLIN), RECV(chan, &word),
					    TIMER(start + 20 * WEFT_SEC),
					    TIMER(start + 3 * WEFT_MS)};
	CHECK_EQ(weft_select(cases, N_OF(cases), true, &rc), 3);
	CHECK_EQ(rc, 0);
	CHECK(weft_now() - start >= 3 * WEFT_MS);
	CHECK_EQ(weft_select(cases + 1, 2, false, &rc), -EAGAIN);
	CHECK_EQ(weft_select(cases + 3, 1, false, &rc), 0); /* it is over */
	start = weft_now();
	const struct weft_select alone[] = {TIMER(start + 3 * WEFT_MS)};
	CHECK_EQ(weft_select(alone, 1, true, &rc), 0);
	CHECK(weft_now() - start >= 3 * WEFT_MS);
	for (int from = 0; from < 2; from++) { /* with a descriptor, and without */
		weft_deadline_open(&d, weft_now() + 3 * WEFT_MS);
		CHECK_EQ(weft_select(cases + from, 3U - (unsigned)from, true, &rc),
			 -ETIMEDOUT);
		CHECK(weft_deadline_close(&d));
	}
	CHECK_EQ(weft_chan_free(chan), 0);
	return close_pair(fd);
}

Test(select_fd, timers_are_cases_and_deadlines_are_not)
{
	RUN_ON(1, timers);
}

static atomic_int outcome;

static int selects_on(void *fd)
{
	const struct weft_select cases[] = {FD((int)(intptr_t)fd, POLLIN),
					    TIMER(weft_now() + 20 * WEFT_SEC)};
	int rc = 0, which = weft_select(cases, 2, true, &rc);

	atomic_store(&outcome, which < 0 ? which : rc);
	return 0;
}

static int is_stopped(void *arg)
{
	struct weft_co *co;
	int fd[2];
	char c;

	(void)arg;
	CHECK_EQ(adopted_pair(fd), 0);
	CHECK_EQ(weft_spawn(selects_on, (void *)(intptr_t)fd[0], NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	CHECK_EQ(atomic_load(&outcome), -ECANCELED);
	CHECK_EQ(write(fd[1], "z", 1), 1);
	CHECK_EQ(weft_recv(fd[0], &c, 1, 0), 1);

	CHECK_EQ(weft_spawn(selects_on, (void *)(intptr_t)fd[0], NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_close(fd[0]), 0);
	JOIN(co, 0);
	CHECK_EQ(atomic_load(&outcome), -EBADF);
	return weft_close(fd[1]);
}

Test(select_fd, ends_by_cancel_and_by_close)
{
	RUN_ON(1, is_stopped);
	RUN_ON(2, is_stopped);
}

static int bad_use(void *arg)
{
	struct weft_select one[] = {FD(0, 0)};
	int rc = 0, fd[2];

	(void)arg;
	CHECK_EQ(weft_select(one, 1, true, &rc), -EINVAL);
	one[0].op = (enum weft_select_op)17;
	CHECK_EQ(weft_select(one, 1, true, &rc), -EINVAL);
	CHECK_EQ(pipe(fd), 0);
	CHECK_EQ(weft_close(fd[0]), 0);
	const struct weft_select closed[] = {FD(fd[0], POLLIN)};
	CHECK_EQ(weft_select(closed, 1, true, &rc), 0);
	CHECK_EQ(rc, -EBADF);
	CHECK_EQ(weft_close(fd[1]), 0);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const struct weft_select plain[] = {FD(file, POLLIN)};
	CHECK_EQ(weft_select(plain, 1, true, &rc), 0);
	CHECK(rc & POLLIN);
	return weft_close(file);
}

Test(select_fd, bad_descriptors_and_plain_files)
{
	RUN_ON(1, bad_use);
}

Test(select_fd, in_a_plain_thread)
{
	struct weft_options o = {.size = sizeof(o), .workers = 1};
	int fd[2], rc = 0;

	cr_assert_eq(weft_start(&o), 0);
	cr_assert_eq(pipe(fd), 0);
	const struct weft_select cases[] = {FD(fd[0], POLLIN),
					    TIMER(weft_now() + 5 * WEFT_MS)};
	cr_assert_eq(weft_select(cases, 2, false, &rc), -EPERM);
	cr_assert_eq(weft_select(cases, 2, true, &rc), 1);
	cr_assert(weft_now() >= cases[1].at);
	cr_assert_eq(weft_select(cases + 1, 1, true, &rc), 0);
	cr_assert_eq(write(fd[1], "x", 1), 1);
	cr_assert_eq(weft_select(cases, 1, true, &rc), 0);
	cr_assert(rc & POLLIN);
	cr_assert_eq(weft_stop(), 0);
	close(fd[0]);
	close(fd[1]);
}

/* ---- races ---- */

struct race {
	struct weft_chan *chan;
	int fd[2];
};

enum { RACES = 1500 };

/* In each round one element and one byte, in turn first, at nearly the same time. */
static int sends_both(void *arg)
{
	const struct race *r = arg;

	for (int i = 0; i < RACES; i++) {
		if (i % 3 == 0)
			weft_yield();
		if (i % 2)
			CHECK_EQ(weft_send(r->fd[1], "b", 1, 0), 1);
		CHECK_EQ(weft_chan_send(r->chan, &i), 0);
		if (!(i % 2))
			CHECK_EQ(weft_send(r->fd[1], "b", 1, 0), 1);
	}
	return 0;
}

static int takes_both(const struct race *r, int i)
{
	const struct weft_select cases[] = {FD(r->fd[0], POLLIN), RECV(r->chan, NULL)};
	struct weft_select now[2] = {cases[0], cases[1]};
	int word = -1, rc = -1;
	char c;

	now[1].elem = &word;
	int which = weft_select(now, 2, true, &rc);

	CHECK(which == 0 || which == 1);
	CHECK_EQ(rc, which ? 0 : rc & POLLIN ? rc : -1);
	if (which == 0)
		CHECK_EQ(weft_chan_recv(r->chan, &word), 0);
	CHECK_EQ(word, i);
	CHECK_EQ(weft_recv(r->fd[0], &c, 1, 0), 1);
	CHECK_EQ(c, 'b');
	return 0;
}

static int races(void *arg)
{
	const struct weft_co_attr there = {.size = sizeof(there),
					   .flags = WEFT_CO_SPREAD};
	struct race r = {0};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(adopted_pair(r.fd), 0);
	CHECK_EQ(weft_chan_new(sizeof(int), 1, &r.chan), 0);
	CHECK_EQ(weft_spawn(sends_both, &r, &there, &co), 0);
	for (int i = 0; i < RACES; i++)
		CHECK_EQ(takes_both(&r, i), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_chan_free(r.chan), 0);
	return close_pair(r.fd);
}

Test(select_fd, both_come_at_nearly_the_same_time, .timeout = 60)
{
	RUN_ON(1, races);
	RUN_ON(2, races);
	RUN_ON(4, races);
}
