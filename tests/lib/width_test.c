/* SPDX-License-Identifier: MIT */
/* Workers come and go while coroutines wait for all that one can wait for. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"

enum { MANY = 200 };

struct call {
	int (*fn)(void *);
};

/* On worker 0, whatever happens. */
static int at_first(void *call)
{
	const struct weft_co_attr attr = {
		.size = sizeof(attr), .worker = 1, .flags = WEFT_CO_PINNED};
	struct weft_co *co;
	int rc = weft_spawn(((struct call *)call)->fn, NULL, &attr, &co), status = -1;

	return rc ? rc : (rc = weft_join(co, &status)) ? rc : status;
}

/* Run fn with `n` workers of at most `most`. */
static void run_with(unsigned n, unsigned most, int (*fn)(void *))
{
	const struct weft_options o = {
		.size = sizeof(o), .workers = n, .max_workers = most};
	int rc = weft_run(at_first, &(struct call){fn}, &o);

	cr_assert_eq(rc, 0, "status or line %d; %s", rc, weft_start_error());
}

static int spawn_at(int worker, uint32_t flags, int (*fn)(void *), void *arg,
		    struct weft_co **ret_co)
{
	const struct weft_co_attr attr = {
		.size = sizeof(attr), .worker = worker + 1, .flags = flags};

	return weft_spawn(fn, arg, &attr, ret_co);
}

static int bad_numbers(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_workers(), 2);
	CHECK_EQ(weft_set_workers(0), -EINVAL);
	CHECK_EQ(weft_set_workers(4), -EINVAL);
	CHECK_EQ(weft_set_workers(3), 3);
	CHECK_EQ(weft_workers(), 3);
	CHECK_EQ(weft_set_workers(1), 1);
	CHECK_EQ(weft_workers(), 1);
	CHECK_EQ(spawn_at(1, 0, bad_numbers, NULL, NULL), -EINVAL);
	return 0;
}

Test(width, has_bounds)
{
	run_with(2, 3, bad_numbers);
	cr_assert_eq(weft_set_workers(1), -ESRCH);
}

/* What is runnable. */
static atomic_bool stop;
static atomic_int n_here[3];

static int yields(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		atomic_fetch_add(&n_here[weft_worker_id()], 1);
		CHECK_EQ(weft_yield(), 0);
	}
	return 0;
}

/* Until worker `id` has run nothing for a while. */
static int until_silent(int id)
{
	for (int before = -1; before != atomic_load(&n_here[id]);) {
		before = atomic_load(&n_here[id]);
		CHECK_EQ(weft_sleep_ns(20 * WEFT_MS), 0);
	}
	return 0;
}

static int shrink_and_grow(void *arg)
{
	struct weft_co *co[MANY];

	(void)arg;
	atomic_store(&stop, false);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(spawn_at(i % 3, 0, yields, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(20 * WEFT_MS), 0);
	CHECK(atomic_load(&n_here[1]) && atomic_load(&n_here[2]));
	CHECK_EQ(weft_set_workers(1), 1);
	CHECK_EQ(until_silent(1), 0);
	CHECK_EQ(until_silent(2), 0);
	int before = atomic_load(&n_here[1]);
	CHECK_EQ(weft_set_workers(2), 2);
	while (atomic_load(&n_here[1]) == before)
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	atomic_store(&stop, true);
	for (int i = 0; i < MANY; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(width, what_is_runnable_moves, .timeout = 60)
{
	run_with(3, 0, shrink_and_grow);
}

/* What waits. It goes to sleep on worker 1, and wakes up on worker 0. */
static int pair[MANY][2];
static atomic_int n_waiting, n_at_second;

/* Worker 0 may have stolen it. */
static void arrive(void)
{
	atomic_fetch_add(&n_at_second, weft_worker_id());
	atomic_fetch_add(&n_waiting, 1);
}

static int receives(void *p)
{
	char c = 0;

	arrive();
	CHECK_EQ(weft_recv(((int *)p)[0], &c, 1, 0), 1);
	CHECK_EQ(c, 'x');
	return weft_worker_id();
}

static int reads(void *p)
{
	char c = 0;

	arrive();
	CHECK_EQ(weft_read(((int *)p)[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	return weft_worker_id();
}

static int polls(void *p)
{
	arrive();
	CHECK(weft_poll(((int *)p)[0], POLLIN) & POLLIN);
	return weft_worker_id();
}

/* How long it took until the worker had retired; timers must not come before that. */
static weft_time took;

static weft_time patience(void)
{
	return 200 * WEFT_MS + 4 * took;
}

static int sleeps(void *p)
{
	(void)p;
	arrive();
	CHECK_EQ(weft_sleep_ns(patience()), 0);
	return weft_worker_id();
}

static int expires(void *p)
{
	struct weft_deadline s;
	char c;

	CHECK_EQ(weft_deadline_open(&s, weft_now() + patience()), 0);
	arrive();
	CHECK_EQ(weft_recv(((int *)p)[0], &c, 1, 0), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&s), 1);
	return weft_worker_id();
}

/* n of them; the last words write what they wait for. */
static int wait_at_second(int (*waits)(void *), bool feed, bool adopt)
{
	struct weft_co *co[MANY];
	weft_time start = weft_now();

	atomic_store(&n_waiting, 0);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]), 0);
		if (adopt)
			CHECK_EQ(weft_fd_adopt(pair[i][0]), 0);
		CHECK_EQ(spawn_at(1, 0, waits, pair[i], &co[i]), 0);
	}
	while (atomic_load(&n_waiting) < MANY)
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK(atomic_exchange(&n_at_second, 0) > 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_set_workers(1), 1);
	CHECK_EQ(weft_sleep_ns(50 * WEFT_MS), 0);
	took = weft_now() - start;
	for (int i = 0; i < MANY && feed; i++)
		CHECK_EQ(write(pair[i][1], "x", 1), 1);
	for (int i = 0; i < MANY; i++) {
		JOIN(co[i], 0);
		CHECK_EQ(weft_close(pair[i][0]), 0);
		CHECK_EQ(weft_close(pair[i][1]), 0);
	}
	return 0;
}

static int wait_in_streams(void *arg)
{
	(void)arg;
	return wait_at_second(receives, true, true);
}

static int wait_in_recv(void *arg)
{
	(void)arg;
	return wait_at_second(receives, true, false);
}

static int wait_in_read(void *arg)
{
	(void)arg;
	return wait_at_second(reads, true, false);
}

static int wait_in_poll(void *arg)
{
	(void)arg;
	return wait_at_second(polls, true, false);
}

static int wait_for_time(void *arg)
{
	(void)arg;
	return wait_at_second(sleeps, false, false);
}

static int wait_for_deadline(void *arg)
{
	(void)arg;
	return wait_at_second(expires, false, true);
}

Test(width, what_waits_moves, .timeout = 60)
{
	run_with(2, 0, wait_in_streams);
	run_with(2, 0, wait_in_recv);
	run_with(2, 0, wait_in_read);
	run_with(2, 0, wait_in_poll);
	run_with(2, 0, wait_for_time);
	run_with(2, 0, wait_for_deadline);
}

/* A listener, and a connect: who dials waits at the retired worker until it is done. */
static int accepts(void *listener)
{
	arrive();
	int fd = weft_accept(*(int *)listener, NULL);

	CHECK(fd >= 0);
	CHECK_EQ(weft_close(fd), 0);
	return weft_worker_id();
}

static int accept_elsewhere(void *arg)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	struct weft_co *co;
	int l = weft_socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	atomic_store(&n_waiting, 0);
	CHECK(l >= 0);
	CHECK_EQ(bind(l, (struct sockaddr *)&at, len), 0);
	CHECK_EQ(weft_listen(l, 5), 0);
	CHECK_EQ(getsockname(l, (struct sockaddr *)&at, &len), 0);
	CHECK_EQ(spawn_at(1, 0, accepts, &l, &co), 0);
	while (!atomic_load(&n_waiting))
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_set_workers(1), 1);
	int c = weft_socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(weft_connect(c, (struct sockaddr *)&at, len), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_close(c), 0);
	CHECK_EQ(weft_close(l), 0);
	return 0;
}

Test(width, a_listener_moves, .timeout = 60)
{
	run_with(2, 0, accept_elsewhere);
}

/* Bytes that came ahead of need, at the worker that is gone. */
static int reads_ahead(void *p)
{
	char buf[8];

	CHECK_EQ(weft_recv(((int *)p)[0], buf, 1, 0), 1);
	arrive();
	CHECK_EQ(weft_yield(), 0);
	while (weft_worker_id() == 1)
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_recv_all(((int *)p)[0], buf, 6), 6);
	CHECK(memcmp(buf, "eftfew", 6) == 0);
	return 0;
}

static int read_ahead_elsewhere(void *arg)
{
	struct weft_co *co;

	(void)arg;
	atomic_store(&n_waiting, 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[0]), 0);
	CHECK_EQ(weft_fd_adopt(pair[0][0]), 0);
	CHECK_EQ(spawn_at(1, 0, reads_ahead, pair[0], &co), 0);
	CHECK_EQ(write(pair[0][1], "weft", 4), 4);
	while (!atomic_load(&n_waiting))
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_set_workers(1), 1);
	CHECK_EQ(write(pair[0][1], "few", 3), 3);
	JOIN(co, 0);
	CHECK_EQ(weft_close(pair[0][0]), 0);
	CHECK_EQ(weft_close(pair[0][1]), 0);
	return 0;
}

Test(width, readahead_is_kept, .timeout = 60)
{
	run_with(2, 0, read_ahead_elsewhere);
}

/* What is pinned stays, and works. */
static int pinned_receives(void *p)
{
	CHECK_EQ(receives(p), 1);
	CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_yield(), 0);
	return weft_worker_id();
}

static int pins_stay(void *arg)
{
	struct weft_co *co;

	(void)arg;
	atomic_store(&n_waiting, 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[0]), 0);
	CHECK_EQ(weft_fd_adopt(pair[0][0]), 0);
	CHECK_EQ(spawn_at(1, WEFT_CO_PINNED, pinned_receives, pair[0], &co), 0);
	while (!atomic_load(&n_waiting))
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(weft_set_workers(1), 1);
	CHECK_EQ(weft_sleep_ns(10 * WEFT_MS), 0);
	CHECK_EQ(write(pair[0][1], "x", 1), 1);
	JOIN(co, 1);
	CHECK_EQ(weft_close(pair[0][0]), 0);
	CHECK_EQ(weft_close(pair[0][1]), 0);
	return 0;
}

Test(width, what_is_pinned_stays, .timeout = 60)
{
	run_with(2, 0, pins_stay);
}

/* A retired worker is at rest: nothing wakes it, and nobody takes it for one who looks. */
static int rest(void *arg)
{
	struct weft_stats a = {.size = sizeof(a)}, b = a;
	bool at_rest = false;

	(void)arg;
	CHECK_EQ(weft_set_workers(1), 1);
	for (int i = 0; i < 20 && !at_rest; i++) {
		CHECK_EQ(weft_stats(&a), 0);
		CHECK_EQ(weft_sleep_ns(200 * WEFT_MS), 0);
		CHECK_EQ(weft_stats(&b), 0);
		at_rest = b.enters - a.enters <= 3 && b.wakes == a.wakes;
	}
	CHECK(at_rest);
	CHECK_EQ(b.retired, 2);
	return 0;
}

Test(width, the_retired_rest, .timeout = 60)
{
	run_with(3, 0, rest);
}

/* Everything at once, while the width goes up and down. */
enum { PAIRS = 30, TIMES = 60 };

static atomic_int n_echoes;

static int echo(void *p)
{
	char c;
	ssize_t n;

	while ((n = weft_recv(((int *)p)[0], &c, 1, 0)) == 1)
		CHECK_EQ(weft_send_all(((int *)p)[0], &c, 1, 0), 1);
	return (int)n;
}

static int ask(void *p)
{
	struct weft_deadline s;
	char c;

	for (unsigned i = 0; !atomic_load(&stop); i++) {
		char want = (char)('a' + i % 26);

		CHECK_EQ(weft_deadline_open(&s, weft_now() + 60000 * WEFT_MS), 0);
		CHECK_EQ(weft_send_all(((int *)p)[1], &want, 1, 0), 1);
		CHECK_EQ(weft_recv(((int *)p)[1], &c, 1, 0), 1);
		CHECK_EQ(weft_deadline_close(&s), 0);
		CHECK_EQ(c, want);
		atomic_fetch_add(&n_echoes, 1);
		if (i % 8 == 0)
			CHECK_EQ(weft_sleep_ns(100 * WEFT_US), 0);
	}
	CHECK_EQ(shutdown(((int *)p)[1], SHUT_WR), 0);
	return 0;
}

static int up_and_down(void *arg)
{
	struct weft_co *co[2 * PAIRS];

	(void)arg;
	atomic_store(&stop, false);
	for (int i = 0; i < PAIRS; i++) {
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]), 0);
		if (i % 2) {
			CHECK_EQ(weft_fd_adopt(pair[i][0]), 0);
			CHECK_EQ(weft_fd_adopt(pair[i][1]), 0);
		}
		CHECK_EQ(spawn_at(-1, WEFT_CO_SPREAD, echo, pair[i], &co[2 * i]), 0);
		CHECK_EQ(spawn_at(-1, WEFT_CO_SPREAD, ask, pair[i], &co[2 * i + 1]), 0);
	}
	for (int i = 0; i < TIMES; i++) {
		int before = atomic_load(&n_echoes);

		CHECK_EQ(weft_set_workers(1 + (unsigned)(i * 7) % 3), 1 + (i * 7) % 3);
		while (atomic_load(&n_echoes) < before + PAIRS)
			CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2 * PAIRS; i++)
		JOIN(co[i], 0);
	for (int i = 0; i < 2 * PAIRS; i++)
		CHECK_EQ(weft_close(pair[i / 2][i % 2]), 0);
	return 0;
}

/* A short deadline inside a long one, on whichever worker: it must not be forgotten in the heap
 * that has the timer for the long one. */
static int expires_again_and_again(void *p)
{
	struct weft_deadline far, near;
	char c;

	CHECK_EQ(weft_deadline_open(&far, weft_now() + 600 * WEFT_SEC), 0);
	while (!atomic_load(&stop)) {
		CHECK_EQ(weft_sleep_ns(50 * WEFT_US), 0);
		CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(weft_deadline_open(&near, weft_now() + 300 * WEFT_US), 0);
		CHECK_EQ(weft_recv(((int *)p)[0], &c, 1, 0), -ETIMEDOUT);
		CHECK_EQ(weft_deadline_close(&near), 1);
		CHECK_EQ(weft_move_to_worker((unsigned)weft_workers() - 1, 0) % EINVAL,
			 0);
		atomic_fetch_add(&n_echoes, 1);
	}
	CHECK_EQ(weft_deadline_close(&far), 0);
	return 0;
}

static int expire_up_and_down(void *arg)
{
	struct weft_co *co[PAIRS];

	(void)arg;
	atomic_store(&stop, false);
	for (int i = 0; i < PAIRS; i++) {
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]), 0);
		if (i % 2)
			CHECK_EQ(weft_fd_adopt(pair[i][0]), 0);
		CHECK_EQ(spawn_at(-1, WEFT_CO_SPREAD, expires_again_and_again, pair[i],
				  &co[i]),
			 0);
	}
	for (int i = 0; i < 5 * TIMES; i++) {
		int before = atomic_load(&n_echoes);

		CHECK_EQ(weft_set_workers(1 + (unsigned)(i * 7) % 3), 1 + (i * 7) % 3);
		while (atomic_load(&n_echoes) < before + 2 * PAIRS)
			CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < PAIRS; i++)
		JOIN(co[i], 0);
	for (int i = 0; i < 2 * PAIRS; i++)
		CHECK_EQ(weft_close(pair[i / 2][i % 2]), 0);
	return 0;
}

Test(width, no_deadline_is_lost_going_up_and_down, .timeout = 120)
{
	run_with(1, 3, expire_up_and_down);
}

Test(width, nothing_is_lost_going_up_and_down, .timeout = 120)
{
	run_with(1, 3, up_and_down);
}
