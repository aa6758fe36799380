/* SPDX-License-Identifier: MIT */
/* Sockets. */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../sched/co/fiber.h"
#include "../check.h"

static int listener_open(void)
{
	return weft_tcp_listen("127.0.0.1", 0, NULL);
}

static int dial(int listener)
{
	return weft_tcp_dial("127.0.0.1", (uint16_t)weft_tcp_port(listener), NULL);
}

/* A connected pair over loopback. */
static int pair(int *ret_a, int *ret_b)
{
	int l = listener_open();

	if (l < 0)
		return l;
	*ret_a = dial(l);
	*ret_b = *ret_a < 0 ? *ret_a : weft_accept(l, NULL);
	weft_close(l);
	return *ret_b < 0 ? *ret_b : 0;
}

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[1000];
	ssize_t n;

	while ((n = weft_recv(fd, buf, sizeof(buf), 0)) > 0)
		CHECK_EQ(weft_send_all(fd, buf, (size_t)n, 0), n);
	CHECK_EQ(weft_close(fd), 0);
	return (int)n;
}

static int serve(void *arg)
{
	int listener = (int)(intptr_t)arg;
	struct weft_co_attr spread = {.size = sizeof(spread), .flags = WEFT_CO_SPREAD};
	int fd;

	while ((fd = weft_accept(listener, NULL)) >= 0)
		CHECK_EQ(weft_spawn(echo, (void *)(intptr_t)fd, &spread, NULL), 0);
	return fd;
}

static int talk(void *arg)
{
	int fd = dial((int)(intptr_t)arg);
	unsigned char out[3000], in[3000];

	CHECK(fd >= 0);
	for (int round = 0; round < 100; round++) {
		size_t n = 1 + (size_t)(round * 37 + fd * 101) % sizeof(out);
		for (size_t i = 0; i < n; i++)
			out[i] = (unsigned char)(i * 7 + (size_t)round + (size_t)fd);
		CHECK_EQ(weft_send_all(fd, out, n, 0), n);
		CHECK_EQ(weft_recv_all(fd, in, n), n);
		CHECK(!memcmp(in, out, n));
	}
	CHECK_EQ(weft_shutdown(fd, SHUT_WR), 0);
	CHECK_EQ(weft_recv(fd, in, 1, 0), 0);
	return weft_close(fd);
}

static int many_clients(void *arg)
{
	intptr_t l = listener_open();
	struct weft_co *server, *client[40];

	(void)arg;
	CHECK(l >= 0);
	CHECK_EQ(weft_spawn(serve, (void *)l, NULL, &server), 0);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(weft_spawn(talk, (void *)l, NULL, &client[i]), 0);
	for (int i = 0; i < 40; i++)
		JOIN(client[i], 0);
	CHECK_EQ(weft_close((int)l), 0);
	JOIN(server, -EBADF);
	return 0;
}

Test(net, many_clients_get_their_own_bytes, .timeout = 60)
{
	RUN_ON(1, many_clients);
	RUN_ON(2, many_clients);
	RUN_ON(4, many_clients);
}

static int errors(void *arg)
{
	int l = listener_open(), a, b;
	uint16_t port = (uint16_t)weft_tcp_port(l);
	char c;

	(void)arg;
	CHECK_EQ(weft_close(l), 0);
	CHECK_EQ(weft_tcp_dial("127.0.0.1", port, NULL), -ECONNREFUSED);
	CHECK_EQ(weft_tcp_dial("not an address", port, NULL), -EINVAL);
	CHECK_EQ(weft_recv(-1, &c, 1, 0), -EBADF);
	CHECK_EQ(weft_recv(1, &c, 1, MSG_OOB), -EINVAL);
	CHECK_EQ(weft_send(-1, &c, 1, 0), -EBADF);

	CHECK_EQ(pair(&a, &b), 0);
	CHECK_EQ(weft_setsockopt(b, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
				 sizeof(struct linger)),
		 0);
	CHECK_EQ(weft_close(b), 0); /* resets */
	CHECK_EQ(weft_recv(a, &c, 1, 0), -ECONNRESET);
	ssize_t n = weft_send(a, &c, 1, 0);
	CHECK(n == -EPIPE || n == -ECONNRESET);
	CHECK_EQ(weft_send(a, &c, 1, 0), -EPIPE); /* and we are still alive */
	return weft_close(a);
}

Test(net, errors_are_results_and_never_signals)
{
	signal(SIGPIPE, SIG_DFL);
	RUN_ON(1, errors);
	RUN_ON(2, errors);
}

static int recv_one(void *arg)
{
	char c;
	ssize_t n = weft_recv(*(int *)arg, &c, 1, 0);

	return n == 1 ? c : (int)n;
}

static int no_byte_lost(void *arg)
{
	struct weft_deadline d;
	struct weft_co *co;
	char buf[8];
	int a, b;

	(void)arg;
	CHECK_EQ(pair(&a, &b), 0);
	CHECK_EQ(weft_deadline_open(&d, weft_now() + 5 * WEFT_MS), 0);
	CHECK_EQ(weft_recv(a, buf, 1, 0), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	CHECK_EQ(weft_spawn(recv_one, &a, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_recv(a, buf, 1, 0), -EBUSY);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, -ECANCELED);
	CHECK_EQ(weft_send_all(b, "xyz", 3, 0), 3);
	CHECK_EQ(weft_recv_all(a, buf, 3), 3);
	CHECK(!memcmp(buf, "xyz", 3));
	CHECK_EQ(weft_close(a), 0);
	return weft_close(b);
}

static int close_under_receiver(void *arg)
{
	struct weft_co *co;
	int a, b;

	(void)arg;
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(pair(&a, &b), 0);
		CHECK_EQ(weft_spawn(recv_one, &a, NULL, &co), 0);
		if (i % 2)
			CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
		else
			CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(weft_close(a), 0);
		JOIN(co, -EBADF);
		CHECK_EQ(weft_close(b), 0);
	}
	return 0;
}

Test(net, close_ends_a_parked_receiver)
{
	RUN_ON(1, close_under_receiver);
	RUN_ON(2, close_under_receiver);
}

static int peeking(void *arg)
{
	char buf[8];
	int a, b;

	(void)arg;
	CHECK_EQ(pair(&a, &b), 0);
	CHECK_EQ(weft_recv(a, buf, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(weft_send_all(b, "abc", 3, 0), 3);
	CHECK(weft_poll(a, POLLIN) & POLLIN);
	CHECK_EQ(weft_recv(a, buf, 8, MSG_PEEK), 3);
	CHECK_EQ(weft_recv(a, buf, 2, 0), 2);
	CHECK_EQ(weft_recv(a, buf, 8, 0), 1);
	CHECK_EQ(buf[0], 'c');
	CHECK(weft_poll(b, POLLOUT) & POLLOUT);
	CHECK_EQ(weft_close(b), 0);
	CHECK_EQ(weft_recv(a, buf, 8, 0), 0);
	CHECK_EQ(weft_recv(a, buf, 8, 0), 0);
	return weft_close(a);
}

Test(net, peek_and_poll_see_what_came_ahead)
{
	RUN_ON(1, peeking);
	RUN_ON(2, peeking);
}

static int dial_late(void *listener)
{
	weft_sleep_ns(10 * WEFT_MS);
	return dial((int)(intptr_t)listener);
}

/* A listener is polled like any descriptor, and is none to receive from. */
static int polling_a_listener(void *arg)
{
	struct weft_deadline d;
	int l = listener_open(), status = -1, s;
	struct weft_co *co;
	char x;

	(void)arg;
	CHECK(l >= 0);
	CHECK_EQ(weft_deadline_open(&d, weft_now() + 10 * WEFT_MS), 0);
	CHECK_EQ(weft_poll(l, POLLIN), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	CHECK_EQ(weft_recv(l, &x, 1, 0), -ENOTCONN);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(weft_spawn(dial_late, (void *)(intptr_t)l, NULL, &co), 0);
		CHECK_EQ(weft_poll(l, POLLIN), POLLIN);
		CHECK_EQ(weft_poll(l, POLLIN | POLLOUT), POLLIN);
		s = weft_accept(l, NULL);
		CHECK(s >= 0);
		CHECK_EQ(weft_join(co, &status), 0);
		CHECK(status >= 0);
		CHECK_EQ(weft_close(s), 0);
		CHECK_EQ(weft_close(status), 0);
	}
	return weft_close(l);
}

Test(net, a_listener_can_be_polled)
{
	RUN_ON(1, polling_a_listener);
	RUN_ON(2, polling_a_listener);
}

/* A call that came too early or to the wrong socket leaves nothing behind. */
static int misuse_is_forgotten(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int l = listener_open(), c = weft_socket(AF_INET, SOCK_STREAM, 0), s;
	char x;

	(void)arg;
	CHECK(l >= 0 && c >= 0);
	to.sin_port = htons((uint16_t)weft_tcp_port(l));
	CHECK_EQ(weft_recv(c, &x, 1, 0), -ENOTCONN);
	CHECK_EQ(weft_connect(c, (struct sockaddr *)&to, sizeof(to)), 0);
	s = weft_accept(l, NULL);
	CHECK(s >= 0);
	CHECK_EQ(weft_accept(c, NULL), -EINVAL);
	CHECK_EQ(weft_send(s, "!", 1, 0), 1);
	CHECK_EQ(weft_recv(c, &x, 1, 0), 1);
	CHECK_EQ(weft_close(s), 0);
	CHECK_EQ(weft_accept(c, NULL), -EINVAL);
	CHECK_EQ(weft_recv(c, &x, 1, 0), 0);
	CHECK_EQ(weft_close(c), 0);
	return weft_close(l);
}

Test(net, a_call_to_the_wrong_socket_leaves_nothing_behind, .timeout = 30)
{
	RUN_ON(1, misuse_is_forgotten);
	RUN_ON(2, misuse_is_forgotten);
}

/* What was received ahead is there for every way to look at a socket. */
static int other_ways_to_read(void *arg)
{
	int a, b;
	char x[2];

	(void)arg;
	CHECK_EQ(pair(&a, &b), 0);
	CHECK_EQ(weft_recv(a, x, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(weft_send(b, "1", 1, 0), 1);
	for (int i = 0; i < 1000 && weft_recv(a, x, 1, MSG_DONTWAIT) == -EAGAIN; i++)
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK_EQ(x[0], '1'); /* no stream was armed yet */
	CHECK_EQ(weft_send_all(b, "234", 3, 0), 3);
	CHECK_EQ(weft_recv(a, x, 1, 0), 1);
	CHECK_EQ(weft_poll(a, POLLIN | POLLOUT) & POLLIN, POLLIN);
	CHECK_EQ(weft_read(a, x, 2), 2);
	CHECK(x[0] == '3' && x[1] == '4');
	CHECK_EQ(weft_poll(a, POLLIN | POLLOUT), POLLOUT);
	CHECK_EQ(weft_send(b, "5", 1, 0), 1);
	CHECK_EQ(weft_poll(a, POLLIN | POLLPRI), POLLIN);
	CHECK_EQ(weft_read(a, x, 2), 1);
	CHECK_EQ(weft_close(b), 0);
	CHECK_EQ(weft_read(a, x, 2), 0);
	return weft_close(a);
}

Test(net, bytes_ahead_are_seen_by_read_and_poll, .timeout = 30)
{
	RUN_ON(1, other_ways_to_read);
	RUN_ON(2, other_ways_to_read);
}

static int releasing(void *arg)
{
	char buf[8] = "";
	int a, b;

	(void)arg;
	CHECK_EQ(pair(&a, &b), 0);
	CHECK_EQ(weft_send_all(b, "abcdef", 6, 0), 6);
	CHECK_EQ(weft_recv(a, buf, 1, 0), 1); /* five more may have come along */
	ssize_t n = weft_fd_release(a, buf, sizeof(buf));
	CHECK(n == 5 || n == 0);
	if (n == 0)
		CHECK_EQ(read(a, buf, sizeof(buf)), 5); /* nobody took them: plain read */
	CHECK(!memcmp(buf, "bcdef", 5));
	CHECK_EQ(weft_send(b, "g", 1, 0), 1);
	CHECK_EQ(weft_recv(a, buf, 8, 0), 1); /* on demand now */
	CHECK_EQ(weft_fd_adopt(a), 0);
	CHECK_EQ(weft_send(b, "h", 1, 0), 1);
	CHECK_EQ(weft_recv(a, buf, 8, 0), 1);
	CHECK_EQ(buf[0], 'h');
	CHECK_EQ(weft_close(a), 0);
	return weft_close(b);
}

Test(net, release_hands_back_every_byte)
{
	RUN_ON(1, releasing);
	RUN_ON(2, releasing);
}

enum { BULK = 8 << 20 };

static int pour(void *arg)
{
	int fd = *(int *)arg;
	static unsigned char block[65536];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (unsigned char)(i % 251);
	for (size_t sent = 0; sent < BULK; sent += sizeof(block))
		CHECK_EQ(weft_send_all(fd, block, sizeof(block), 0), sizeof(block));
	return weft_close(fd);
}

static int drink(int fd)
{
	unsigned char buf[5000];
	size_t got = 0;
	ssize_t n;

	while ((n = weft_recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			CHECK_EQ(buf[i], (got + (size_t)i) % 65536 % 251);
		got += (size_t)n;
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(got, BULK);
	return weft_close(fd);
}

static int bulk(void *arg)
{
	struct weft_co_attr spread = {.size = sizeof(spread), .flags = WEFT_CO_SPREAD};
	struct weft_co *co;
	int a, b;

	(void)arg;
	CHECK_EQ(pair(&a, &b), 0);
	CHECK_EQ(weft_spawn(pour, &b, &spread, &co), 0);
	CHECK_EQ(drink(a), 0);
	JOIN(co, 0);
	return 0;
}

Test(net, eight_megabytes_arrive_in_order, .timeout = 60)
{
	RUN_ON(1, bulk);
	RUN_ON(2, bulk);
}

static int sending_a_file(void *arg)
{
	char path[] = "/tmp/weft-net-XXXXXX";
	static char data[300000], back[300000];
	int a, b, file = mkstemp(path);
	off_t offset = 100;

	(void)arg;
	CHECK(file >= 0);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31);
	CHECK_EQ(write(file, data, sizeof(data)), sizeof(data));
	CHECK_EQ(pair(&a, &b), 0);
	CHECK_EQ(weft_sendfile(b, file, &offset, 1000000), sizeof(data) - 100);
	CHECK_EQ(offset, sizeof(data));
	CHECK_EQ(weft_recv_all(a, back, sizeof(data) - 100), sizeof(data) - 100);
	CHECK(!memcmp(back, data + 100, sizeof(data) - 100));
	CHECK_EQ(weft_close(file), 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(weft_close(a), 0);
	return weft_close(b);
}

Test(net, sendfile_sends_the_rest_of_the_file)
{
	RUN_ON(1, sending_a_file);
	RUN_ON(2, sending_a_file);
}

/* Descriptors run out in accept; the listener goes on when some are free again. */
static int out_of_descriptors(void *arg)
{
	int l = listener_open(), hold[64], n = 0, clients[4];
	struct rlimit old, low;

	(void)arg;
	CHECK(l >= 0);
	for (int i = 0; i < 4; i++) {
		clients[i] = dial(l);
		CHECK(clients[i] >= 0);
	}
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = (rlim_t)clients[3] + 30;
	setrlimit(RLIMIT_NOFILE, &low);
	while (n < 64 && (hold[n] = dup(l)) >= 0)
		n++;
	CHECK_EQ(weft_accept(l, NULL), -EMFILE);
	while (n > 0)
		close(hold[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	int c = dial(l), s = weft_accept(l, NULL);
	CHECK(c >= 0 && s >= 0);
	weft_close(s);
	weft_close(c);
	for (int i = 0; i < 4; i++)
		weft_close(clients[i]);
	return weft_close(l);
}

static int flooder_and_pinger(void *arg)
{
	struct weft_stats before = {.size = sizeof(before)}, after = before;
	static char junk[1 << 20];
	struct weft_deadline d;
	struct weft_co *co;
	int a, b, c, e;
	char x;

	(void)arg;
	CHECK_EQ(pair(&a, &b), 0); /* b floods, nobody reads a */
	CHECK_EQ(pair(&c, &e), 0);
	CHECK_EQ(weft_spawn(echo, (void *)(intptr_t)e, NULL, &co), 0);
	CHECK_EQ(weft_send(b, "!", 1, 0), 1);
	CHECK_EQ(weft_recv(a, &x, 1, 0), 1); /* a's stream is armed now */
	CHECK_EQ(weft_stats(&before), 0);
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(weft_deadline_open(&d, weft_now() + 100 * WEFT_US), 0);
		ssize_t n = weft_send_all(b, junk, sizeof(junk), 0);
		CHECK(n > 0 || n == -ETIMEDOUT);
		CHECK(weft_deadline_close(&d) >= 0);
		CHECK_EQ(weft_send(c, "p", 1, 0), 1);
		CHECK_EQ(weft_recv(c, &x, 1, 0), 1);
	}
	CHECK_EQ(weft_stats(&after), 0);
	CHECK(after.starved - before.starved < 50); /* most rounds find a buffer */
	CHECK_EQ(weft_close(c), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_close(a), 0);
	return weft_close(b);
}

Test(net, a_flooder_that_nobody_reads_leaves_buffers_for_others, .timeout = 60)
{
	struct weft_options o = {.size = sizeof(o), .workers = 1, .recv_buffers = 64};

	cr_assert_eq(weft_run(flooder_and_pinger, NULL, &o), 0);
}

Test(net, accept_says_emfile_and_recovers, .timeout = 60)
{
	if (wf_on_valgrind())
		cr_skip_test("valgrind keeps the limit on descriptors from the kernel");
	RUN_ON(1, out_of_descriptors);
}

Test(net, a_timed_out_receive_loses_no_byte)
{
	RUN_ON(1, no_byte_lost);
	RUN_ON(2, no_byte_lost);
}
