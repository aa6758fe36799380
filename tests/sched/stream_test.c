/* SPDX-License-Identifier: MIT */
/*
 * The state machine of streams alone: the test is the kernel. Its engine counts what it is
 * asked for, and completions come when the test says so.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "sched/base/sys.h"
#include "sched/ring/stream.h"

enum { N = 64, BYTES = 100, BOUND = 450 };

static struct wf_ring ring;
static struct wf_fd *f;
static struct wf_co co;
static int started, cancelled;
static uint16_t head; /* of what the kernel was shown */

static void stream_start(struct wf_ring *r, struct wf_fd *g)
{
	(void)r, (void)g;
	started++;
}

static void stream_cancel(struct wf_ring *r, struct wf_fd *g)
{
	(void)r, (void)g;
	cancelled++;
}

static const struct wf_engine engine = {.stream_start = stream_start,
					.stream_cancel = stream_cancel};

static int registered(int fd, unsigned op, const void *arg, unsigned n)
{
	(void)fd, (void)op, (void)arg, (void)n;
	return 0;
}

static void begin(void)
{
	wf_sys.ring_register = registered;
	ring.engine = &engine;
	ring.of = &ring;
	ring.readahead_bytes = BOUND;
	ring.ready_tail = &ring.ready;
	cr_assert_eq(wf_bufs_open(&ring.bufs, -1, N, BYTES), 0);
	f = wf_fd_get(700);
	f->state = WF_FD_STREAM;
	cr_assert(wf_stream_want(&ring, f));
	cr_assert_eq(started, 1);
}

static void end(void)
{
	wf_bufs_close(&ring.bufs);
}

TestSuite(stream, .init = begin, .fini = end, .timeout = 30);

/* Completions. */

static void bytes_come(const char *text, bool more)
{
	size_t len = strlen(text);
	uint16_t bid = ring.bufs.ring->bufs[head++ & (N - 1)].bid;

	memcpy(ring.bufs.mem + (size_t)bid * ring.bufs.stride, text, len);
	wf_bufs_taken(&ring.bufs);
	wf_stream_complete(&ring, f, f->gen, (int)len, bid, more);
}

static void ends(int res)
{
	wf_stream_complete(&ring, f, f->gen, res, WF_BUF_NONE, false);
}

/* co waits for bytes, as a parked coroutine. */
static void wait_for(char *buf, size_t len, enum wf_want want)
{
	const struct wf_want_what what = {.want = want, .buf = buf, .len = (uint32_t)len};

	co.park = (co.park >> 8) + 1;
	co.park = co.park << 8 | WF_WAIT_STREAM;
	co.result = -1;
	wf_fd_set_waiter(f, &co, co.park, &what);
}

static bool woken(void)
{
	bool yes = ring.ready == &co;

	ring.ready = NULL;
	ring.ready_tail = &ring.ready;
	return yes;
}

static ssize_t take(char *buf, size_t len)
{
	const struct wf_want_what what = {.buf = buf, .len = (uint32_t)len};

	return wf_stream_take(&ring, f, &what);
}

Test(stream, bytes_that_nobody_waits_for_are_kept_in_order)
{
	char buf[16] = "";

	cr_assert_eq(take(buf, 1), -EAGAIN);
	bytes_come("abc", true);
	bytes_come("defg", true);
	cr_assert_eq(f->held, 7);
	cr_assert_eq(take(buf, 2), 2);
	cr_assert_eq(take(buf + 2, 9), 5);
	cr_assert_str_eq(buf, "abcdefg");
	cr_assert_eq(take(buf, 1), -EAGAIN);
	cr_assert_eq(f->held, 0);
	cr_assert_eq(ring.bufs.n_free, N);
}

Test(stream, a_waiter_gets_them_at_once)
{
	char buf[16] = "";

	wait_for(buf, sizeof(buf), WF_WANT_BYTES);
	bytes_come("abc", true);
	cr_assert(woken());
	cr_assert_eq(co.result, 3);
	cr_assert_str_eq(buf, "abc");
	cr_assert_null(f->waiter);
	cr_assert_eq(ring.bufs.n_free, N);

	wait_for(buf, 2, WF_WANT_BYTES); /* no room for all: the rest is kept */
	bytes_come("xyz", true);
	cr_assert(woken());
	cr_assert_eq(co.result, 2);
	cr_assert_eq(take(buf, 9), 1);
	cr_assert_eq(buf[0], 'z');

	wait_for(NULL, 0, WF_WANT_READABLE);
	bytes_come("!", true);
	cr_assert(woken());
	cr_assert_eq(co.result, POLLIN);
	cr_assert_eq(take(buf, 9), 1);
}

/* Somebody else woke the waiter first, a timer say: it must not get, nor lose, bytes. */
Test(stream, a_waiter_that_left_loses_no_byte)
{
	char buf[16] = "untouched";

	wait_for(buf, sizeof(buf), WF_WANT_BYTES);
	cr_assert(wf_co_claim(&co, co.park));
	bytes_come("abc", true);
	cr_assert(!woken());
	cr_assert_str_eq(buf, "untouched");
	cr_assert_eq(take(buf, 9), 3);
}

Test(stream, readahead_is_bounded)
{
	char text[BYTES + 1];

	memset(text, 'x', BYTES);
	text[BYTES] = '\0';
	for (int i = 0; i < 4; i++)
		bytes_come(text, true);
	cr_assert_eq(cancelled, 0);
	bytes_come(text, true);
	bytes_come(text, true); /* were on their way */
	cr_assert_eq(cancelled, 1);
	ends(-ECANCELED);
	cr_assert_eq(ring.in_flight, 0);
	cr_assert_eq(f->held, 6 * BYTES);
	char all[6 * BYTES];
	cr_assert_eq(take(all, sizeof(all)), sizeof(all));
	cr_assert_eq(take(all, 1), -EAGAIN); /* a cancel is no error */
	uint16_t gen = f->gen;
	cr_assert(wf_stream_want(&ring, f));
	cr_assert_eq(started, 2);
	cr_assert_neq(f->gen, gen);
}

Test(stream, a_cancelled_one_is_armed_again_for_a_waiter)
{
	char buf[4];

	wf_stream_stop(&ring, f);
	wf_stream_stop(&ring, f);
	cr_assert_eq(cancelled, 1);
	wait_for(buf, 4, WF_WANT_BYTES);
	ends(-ECANCELED);
	cr_assert(!woken());
	cr_assert_eq(started, 2);
	bytes_come("a", true);
	cr_assert(woken());
}

Test(stream, few_buffers_are_for_those_that_hold_none)
{
	char buf[4];

	for (int i = 0; i < N - N / 4; i++) /* others hold them */
		head++, wf_bufs_taken(&ring.bufs);
	bytes_come("a", true);
	cr_assert_eq(cancelled, 0);
	bytes_come("b", true);
	cr_assert_eq(cancelled, 1);
	cr_assert(wf_stream_want(&ring, f)); /* it is on its way still */
	while (ring.bufs.n_free >= N / 8)
		head++, wf_bufs_taken(&ring.bufs);
	ends(-ECANCELED);
	cr_assert(!wf_stream_want(&ring, f)); /* receive without */
	cr_assert_eq(started, 1);
	cr_assert_eq(take(buf, 4), 2);
}

Test(stream, who_finds_no_buffer_does_without)
{
	char buf[4];

	wait_for(buf, 4, WF_WANT_BYTES);
	ends(-ENOBUFS);
	cr_assert(woken());
	cr_assert_eq(co.result, -ENOBUFS);
	cr_assert_eq(ring.count.starved, 1);
	cr_assert_eq(take(buf, 1), -EAGAIN); /* and nobody is told later */
}

Test(stream, the_end_comes_after_the_bytes_and_stays)
{
	char buf[4];

	bytes_come("ab", true);
	ends(0);
	cr_assert_eq(take(buf, 4), 2);
	cr_assert_eq(take(buf, 4), 0);
	cr_assert_eq(take(buf, 4), 0);
}

Test(stream, an_error_comes_after_the_bytes_and_stays)
{
	char buf[4];

	bytes_come("ab", true);
	ends(-ECONNRESET);
	cr_assert_eq(take(buf, 4), 2);
	cr_assert_eq(take(buf, 4), -ECONNRESET);
	cr_assert_eq(take(buf, 4), -ECONNRESET);
}

/* Who closes or releases waits for the last completion. */
Test(stream, a_closer_is_told_of_the_end)
{
	char buf[4];

	co.park = 1 << 8 | WF_WAIT_HARD;
	f->closer = &co;
	f->closer_word = co.park;
	wf_stream_stop(&ring, f);
	bytes_come("ab", true);
	cr_assert(!woken());
	ends(-ECANCELED);
	cr_assert(woken());
	cr_assert_null(f->closer);
	cr_assert_eq(take(buf, 1), 1);
	wf_stream_drop(&ring, f);
	cr_assert_eq(ring.bufs.n_free, N);
}

/* Listeners. */

static ssize_t accept_one(void)
{
	const struct wf_want_what what = {.want = WF_WANT_CONNECTION};

	return wf_stream_take(&ring, f, &what);
}

static int comes(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);

	wf_stream_complete(&ring, f, f->gen, fd, WF_BUF_NONE, true);
	return fd;
}

Test(stream, connections_queue_up_and_their_errors_are_told_once)
{
	f->state |= WF_FD_LISTENER;
	int a = comes(), b = comes(), c;

	cr_assert_eq(accept_one(), a);
	cr_assert_eq(accept_one(), b);
	cr_assert_eq(accept_one(), -EAGAIN);
	cr_assert(wf_fd_peek(a)->state & WF_FD_STREAM);
	wait_for(NULL, 0, WF_WANT_CONNECTION);
	c = comes();
	cr_assert(woken());
	cr_assert_eq(co.result, c);
	ends(-EMFILE);
	cr_assert_eq(accept_one(), -EMFILE);
	cr_assert_eq(accept_one(), -EAGAIN);
	close(a), close(b), close(c);
}

Test(stream, the_queue_of_connections_is_bounded_and_closed)
{
	int fd = -1;

	f->state |= WF_FD_LISTENER;
	for (int i = 0; i < 256; i++) {
		cr_assert_eq(cancelled, 0);
		fd = comes();
	}
	cr_assert_eq(cancelled, 1);
	ends(-ECANCELED);
	wf_stream_drop(&ring, f);
	cr_assert_eq(accept_one(), -EAGAIN);
	cr_assert_eq(fcntl(fd, F_GETFD), -1);
}
