/* SPDX-License-Identifier: MIT */
/*
 * Rescue: who waits at the ring of a stalled worker gets what it waits for. Nothing is timed: a
 * stall lasts until the answers have come that could not come without a rescue, so without
 * it the tests hang; and where there is none, no answer comes as long as the stall lasts.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"
#include "sched/run/worker.h"

enum { STALL_MS = 4, REQUESTS = 100 };

static atomic_int replies, reports;

static void note(const struct weft_stall *s, void *arg)
{
	(void)s, (void)arg;
	atomic_fetch_add(&reports, 1);
}

static int start(unsigned workers, bool rescue)
{
	struct weft_options o = {.size = sizeof(o),
				 .workers = workers,
				 .faults = 1,
				 .stall_ms = STALL_MS,
				 .on_stall = note,
				 .rescue = rescue ? 1 : -1};

	return weft_start(&o);
}

static uint64_t rescued(void)
{
	struct weft_stats s = {.size = sizeof(s)};

	weft_stats(&s);
	return s.rescued;
}

static struct weft_co_attr at(unsigned worker, uint32_t flags)
{
	return (struct weft_co_attr){.size = sizeof(struct weft_co_attr),
				     .flags = flags,
				     .worker = 1 + (int)worker};
}

static void spawn_at(unsigned worker, uint32_t flags, int (*fn)(void *), void *arg,
		     struct weft_co **ret_co)
{
	struct weft_co_attr attr = at(worker, flags);

	cr_assert_eq(weft_spawn(fn, arg, &attr, ret_co), 0);
}

static void join(struct weft_co *co)
{
	int status = -1;

	cr_assert_eq(weft_join(co, &status), 0);
	cr_assert_eq(status, 0, "line %d", status);
}

/* Connections: weft's end echoes, at home on a certain worker; the other is a plain thread's. */

struct connection {
	int end[2]; /* the test's, weft's */
	unsigned home;
	struct weft_co *co;
	atomic_bool ready; /* and free to run anywhere */
};

static void await(const atomic_bool *what)
{
	while (!atomic_load(what))
		usleep(100);
}

static int echo(int fd)
{
	char buf[64];
	ssize_t n = weft_recv(fd, buf, sizeof(buf), 0);

	return n <= 0 ? (int)n : (int)weft_send_all(fd, buf, (size_t)n, 0);
}

static bool feature(const char *wanted)
{
	const char *name;
	bool on = false;

	for (unsigned i = 0; !weft_feature(i, &name, &on, NULL); i++)
		if (!strcmp(name, wanted))
			return on;
	return false;
}

static bool streams(void)
{
	return feature("BUF_RING") && feature("RECV_MULTI");
}

/* The first request finds the worker free, and makes it the stream's home. */
static int serve(void *arg)
{
	struct connection *c = arg;
	int n;

	/* it may have been stolen before it began */
	while (weft_worker_id() != (int)c->home)
		CHECK_EQ(weft_move_to_worker(c->home, 0), 0);
	CHECK_EQ(weft_pin(), 1);
	CHECK(echo(c->end[1]) > 0);
	const struct wf_ring *home = wf_fd_peek(c->end[1])->home; /* NULL: no streams */
	CHECK(!home || home == &wf_rt.workers[c->home]->ring);
	CHECK_EQ(weft_unpin(), 0);
	atomic_store(&c->ready, true);
	while ((n = echo(c->end[1])) > 0)
		;
	CHECK_EQ(n, 0);
	return weft_close(c->end[1]);
}

static void ask(const struct connection *c)
{
	char out[16], in[16];
	int n = snprintf(out, sizeof(out), "%d", rand());

	cr_assert_eq(send(c->end[0], out, (size_t)n, 0), n);
	cr_assert_eq(recv(c->end[0], in, (size_t)n, MSG_WAITALL), n);
	cr_assert_eq(memcmp(in, out, (size_t)n), 0);
	atomic_fetch_add(&replies, 1);
}

static void ask_many(const struct connection *c, int n)
{
	while (n-- > 0)
		ask(c);
}

static void connect_at(struct connection *c, unsigned worker)
{
	c->home = worker;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->end), 0);
	cr_assert_eq(weft_fd_adopt(c->end[1]), 0);
	spawn_at(worker, 0, serve, c, &c->co);
	ask(c);
	await(&c->ready);
	atomic_store(&replies, 0);
}

static void disconnect(struct connection *c)
{
	close(c->end[0]);
	join(c->co);
}

/* Stalls. */

static atomic_bool begun;

static int hogs(void *arg)
{
	atomic_store(&begun, true);
	while (atomic_load(&replies) < *(int *)arg)
		;
	return 0;
}

static int p[2];

/* ThreadSanitizer keeps back signals to a thread that is in read(2). */
static void await_pipe(void)
{
#ifdef WF_TSAN
	struct pollfd in = {.fd = p[0], .events = POLLIN};

	while (poll(&in, 1, -1) < 0 && errno == EINTR)
		;
#endif
}

static int blocks(void *arg)
{
	char text[8] = "";

	(void)arg;
	atomic_store(&begun, true);
	await_pipe();
	CHECK_EQ(read(p[0], text, sizeof(text)), 5);
	CHECK(!strcmp(text, "hello"));
	return 0;
}

static void stall_by_hog(unsigned workers)
{
	int enough = REQUESTS;
	struct connection c = {0};
	struct weft_co *hog;

	cr_assert_eq(start(workers, true), 0, "%s", weft_start_error());
	connect_at(&c, workers - 1);
	spawn_at(workers - 1, WEFT_CO_PINNED, hogs, &enough, &hog);
	await(&begun);
	ask_many(&c, REQUESTS);
	join(hog);
	cr_assert(rescued() > 0);
	disconnect(&c);
	cr_assert_eq(weft_stop(), 0);
}

Test(rescue, connections_of_a_hogs_worker_live_on, .timeout = 60)
{
	stall_by_hog(2);
}

Test(rescue, with_one_worker_by_a_spare, .timeout = 60)
{
	stall_by_hog(1);
}

static void stall_by_read(unsigned workers)
{
	struct connection c = {0};
	struct weft_co *reader;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(start(workers, true), 0, "%s", weft_start_error());
	connect_at(&c, workers - 1);
	spawn_at(workers - 1, WEFT_CO_PINNED, blocks, NULL, &reader);
	await(&begun);
	ask_many(&c, REQUESTS);
	cr_assert_eq(write(p[1], "hello", 5), 5);
	join(reader);
	cr_assert(rescued() > 0);
	disconnect(&c);
	cr_assert_eq(weft_stop(), 0);
}

Test(rescue, connections_live_on_behind_a_blocked_read_which_goes_on, .timeout = 60)
{
	stall_by_read(2);
}

Test(rescue, with_one_worker_behind_a_blocked_read, .timeout = 60)
{
	stall_by_read(1);
}

/* Without. */

static int hogs_until_told(void *arg)
{
	const struct connection *c = arg;
	char buf[8];

	atomic_store(&begun, true);
	while (atomic_load(&reports) < 1)
		;
	CHECK_EQ(send(c->end[0], "hello", 5, 0), 5);
	for (weft_time until = weft_now() + 10 * STALL_MS * WEFT_MS; weft_now() < until;)
		;
	CHECK_EQ(recv(c->end[0], buf, sizeof(buf), MSG_DONTWAIT), -1);
	while (recv(c->end[0], buf, sizeof(buf), MSG_DONTWAIT) < 0)
		CHECK_EQ(weft_checkpoint(), 0);
	return 0;
}

Test(rescue, without_it_the_next_checkpoint_is_the_bound, .timeout = 60)
{
	struct connection c = {0};
	struct weft_co *hog;

	cr_assert_eq(start(2, false), 0, "%s", weft_start_error());
	connect_at(&c, 1);
	spawn_at(1, WEFT_CO_PINNED, hogs_until_told, &c, &hog);
	join(hog);
	cr_assert_eq(rescued(), 0);
	disconnect(&c);
	cr_assert_eq(weft_stop(), 0);
}

/* Call ops. */

static atomic_int done;

static int reads(void *arg)
{
	char c;

	CHECK_EQ(weft_read(*(int *)arg, &c, 1), 1);
	CHECK_EQ(c, 'x');
	atomic_fetch_add(&done, 1);
	return 0;
}

static int hogs_until_done(void *arg)
{
	(void)arg;
	atomic_store(&begun, true);
	while (!atomic_load(&done))
		;
	return 0;
}

Test(rescue, a_request_that_the_kernel_has_completes, .timeout = 60)
{
	struct weft_co *reader, *hog;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(start(2, true), 0);
	spawn_at(1, 0, reads, &p[0], &reader);
	spawn_at(1, WEFT_CO_PINNED, hogs_until_done, NULL, &hog);
	await(&begun);
	cr_assert_eq(write(p[1], "x", 1), 1);
	join(reader);
	join(hog);
	cr_assert_eq(weft_stop(), 0);
}

/* The hog runs as soon as the reader has parked, before the worker entered its ring. */
static int reads_and_a_hog_follows(void *arg)
{
	struct weft_co *hog;
	struct weft_co_attr attr = {.size = sizeof(attr), .flags = WEFT_CO_PINNED};

	CHECK_EQ(weft_spawn(hogs_until_done, NULL, &attr, &hog), 0);
	CHECK_EQ(reads(arg), 0);
	JOIN(hog, 0);
	return 0;
}

Test(rescue, a_request_that_was_not_yet_submitted_is, .timeout = 60)
{
	struct weft_co *reader;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(write(p[1], "x", 1), 1);
	cr_assert_eq(start(2, true), 0);
	spawn_at(1, 0, reads_and_a_hog_follows, &p[0], &reader);
	join(reader);
	cr_assert_eq(weft_stop(), 0);
}

static int accepts(void *arg)
{
	int fd = weft_accept(*(int *)arg, NULL);

	CHECK(fd >= 0);
	atomic_fetch_add(&done, 1);
	return weft_close(fd);
}

/* Both wait at the stalled ring: the connect's answer comes when the accept's has. */
Test(rescue, connections_are_accepted, .timeout = 60)
{
	struct weft_co *accepter, *hog;

	cr_assert_eq(start(2, true), 0);
	int l = weft_tcp_listen("127.0.0.1", 0, NULL);
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)weft_tcp_port(l)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	spawn_at(1, 0, accepts, &l, &accepter);
	spawn_at(1, WEFT_CO_PINNED, hogs_until_done, NULL, &hog);
	await(&begun);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	join(accepter);
	join(hog);
	close(fd);
	cr_assert_eq(weft_close(l), 0);
	cr_assert_eq(weft_stop(), 0);
}

/* Timers. */

static int sleeps(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_sleep_ns(5 * STALL_MS * WEFT_MS), 0);
	atomic_fetch_add(&done, 1);
	return 0;
}

static int receives_in_time(void *arg)
{
	struct weft_deadline d;
	char c;

	CHECK_EQ(weft_deadline_open(&d, weft_now() + 5 * STALL_MS * WEFT_MS), 0);
	CHECK_EQ(weft_recv(*(int *)arg, &c, 1, 0), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	atomic_fetch_add(&done, 1);
	return 0;
}

static int hogs_until_both_done(void *arg)
{
	(void)arg;
	atomic_store(&begun, true);
	while (atomic_load(&done) < 2)
		;
	return 0;
}

Test(rescue, sleeps_and_deadlines_end_in_time, .timeout = 60)
{
	struct weft_co *sleeper, *receiver, *hog;
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	cr_assert_eq(start(2, true), 0);
	cr_assert_eq(weft_fd_adopt(sv[0]), 0);
	if (!feature("SYNC_CANCEL") && !streams())
		atomic_store(&done, 1); /* the receive ends after the hog */
	spawn_at(1, 0, sleeps, NULL, &sleeper);
	spawn_at(1, 0, receives_in_time, &sv[0], &receiver);
	spawn_at(1, WEFT_CO_PINNED, hogs_until_both_done, NULL, &hog);
	join(sleeper);
	join(receiver);
	join(hog);
	cr_assert_eq(weft_close(sv[0]), 0);
	close(sv[1]);
	cr_assert_eq(weft_stop(), 0);
}

/* What only the ring's own thread can do: its signal handler does. */

static int receives_until_closed(void *arg)
{
	const struct connection *c = arg;
	char byte;

	CHECK_EQ(weft_recv(c->end[1], &byte, 1, 0), -EBADF);
	return 0;
}

static int closes(void *arg)
{
	const struct connection *c = arg;

	CHECK_EQ(weft_close(c->end[1]), 0);
	atomic_fetch_add(&done, 1);
	return 0;
}

Test(rescue, a_descriptor_is_closed, .timeout = 60)
{
	struct connection c = {0};
	struct weft_co *receiver, *closer, *hog;

	cr_assert_eq(start(2, true), 0);
	if (!feature("SYNC_CANCEL") || !streams())
		atomic_store(&done, 1); /* the bound is the end of the hog */
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c.end), 0);
	cr_assert_eq(weft_fd_adopt(c.end[1]), 0);
	spawn_at(1, 0, receives_until_closed, &c, &receiver);
	spawn_at(1, WEFT_CO_PINNED, hogs_until_done, NULL, &hog);
	await(&begun);
	spawn_at(0, WEFT_CO_PINNED, closes, &c, &closer);
	join(closer);
	join(receiver);
	join(hog);
	close(c.end[0]);
	cr_assert_eq(weft_stop(), 0);
}

static int reads_until_cancelled(void *arg)
{
	char c;

	CHECK_EQ(weft_read(*(int *)arg, &c, 1), -ECANCELED);
	atomic_fetch_add(&done, 1);
	return 0;
}

static int reads_in_time(void *arg)
{
	struct weft_deadline d;
	char c;

	CHECK_EQ(weft_deadline_open(&d, weft_now() + 5 * STALL_MS * WEFT_MS), 0);
	CHECK_EQ(weft_read(*(int *)arg, &c, 1), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	atomic_fetch_add(&done, 1);
	return 0;
}

Test(rescue, requests_are_cancelled, .timeout = 60)
{
	struct weft_co *cancelled, *late, *hog;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(start(2, true), 0);
	if (!feature("SYNC_CANCEL"))
		atomic_store(&done, 2);
	spawn_at(1, 0, reads_until_cancelled, &p[0], &cancelled);
	spawn_at(1, 0, reads_in_time, &p[0], &late);
	spawn_at(1, WEFT_CO_PINNED, hogs_until_both_done, NULL, &hog);
	await(&begun);
	cr_assert_eq(weft_cancel(cancelled), 0);
	join(cancelled);
	join(late);
	join(hog);
	cr_assert_eq(weft_stop(), 0);
}

/* The signal. */

static atomic_int caught;

static void on_urgent(int sig)
{
	(void)sig;
	atomic_fetch_add(&caught, 1);
}

Test(rescue, its_signals_are_not_told_to_others, .timeout = 60)
{
	signal(SIGURG, on_urgent);
	stall_by_hog(2);
	cr_assert_eq(atomic_load(&caught), 0);
	raise(SIGURG);
	cr_assert_eq(atomic_load(&caught), 1);
}

Test(rescue, what_it_needs_is_told)
{
	struct weft_options o = {.size = sizeof(o), .stall_ms = -1, .rescue = 1};

	cr_assert_eq(weft_start(&o), -EINVAL);
	cr_assert(strstr(weft_start_error(), "WEFT_STALL_MS") != NULL);
	o.stall_ms = 1;
	o.faults = -1;
	cr_assert_eq(weft_start(&o), -EINVAL);
	cr_assert(strstr(weft_start_error(), "WEFT_FAULTS") != NULL);
}
