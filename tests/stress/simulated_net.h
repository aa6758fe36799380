/* SPDX-License-Identifier: MIT */
/* Those of simulated.c that use descriptors. */
#ifndef WF_TESTS_SIMULATED_NET_H
#define WF_TESTS_SIMULATED_NET_H

#include "simulated.h"

/* ---- echoes: what comes back is what was sent, whoever is timed out meanwhile ---- */

enum { CLIENTS = 4, BYTES = 3000 };

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[256];
	ssize_t n;

	while ((n = weft_recv(fd, buf, 1 + below(sizeof(buf)), 0)) > 0) {
		dawdle();
		if (weft_send_all(fd, buf, (size_t)n, 0) != n)
			break;
	}
	CHECK(weft_close(fd) == 0);
	return 0;
}

static char pattern(size_t at)
{
	return (char)(at * 7 + at / 251);
}

static int talks(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[BYTES];

	for (size_t i = 0; i < BYTES; i++)
		buf[i] = pattern(i);
	ssize_t n = weft_send_all(fd, buf, BYTES, 0);
	return n == BYTES || (opt.level > 1 && n < BYTES) ? 0 : __LINE__;
}

static int listens(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[200];
	size_t done = 0;

	while (done < BYTES) {
		struct weft_deadline d;
		CHECK(weft_deadline_open(&d, weft_now() + below(1000000)) == 0);
		ssize_t n = weft_recv(fd, buf, 1 + below(sizeof(buf)), 0);
		weft_deadline_close(&d);
		if (n == -ETIMEDOUT)
			continue;
		if (n <= 0 && opt.level > 1)
			break;
		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++)
			CHECK(buf[i] == pattern(done + (size_t)i));
		done += (size_t)n;
	}
	return 0;
}

/* Talks and listens at a time, then hangs up. */
static int client(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct weft_co *co[2] = {go(talks, arg), go(listens, arg)};

	CHECK(join_all(co, 2) == 0);
	if (below(2))
		CHECK(weft_shutdown(fd, SHUT_WR) == 0 || opt.level > 1);
	CHECK(weft_close(fd) == 0);
	return 0;
}

static int echoes(void *arg)
{
	struct weft_co *co[2 * CLIENTS];

	(void)arg;
	for (unsigned i = 0; i < CLIENTS; i++) {
		int fd[2];
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
		for (int end = 0; end < 2; end++)
			if (below(3))
				CHECK(weft_fd_adopt(fd[end]) == 0);
		co[2 * i] = go(echo, (void *)(intptr_t)fd[0]);
		co[2 * i + 1] = go(client, (void *)(intptr_t)fd[1]);
	}
	return join_all(co, 2 * CLIENTS);
}

/* ---- a server: accepts, and is closed under its clients ---- */

static struct sockaddr_un address;
static socklen_t address_len;
static int answered;
static bool closing; /* the number may come to mean something else */

static int serves_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;
	struct weft_deadline d;

	weft_deadline_open(&d, weft_now() + 100 * WEFT_MS);
	if (weft_recv(fd, &byte, 1, 0) == 1)
		weft_send(fd, &byte, 1, 0);
	weft_deadline_close(&d);
	CHECK(weft_close(fd) == 0);
	return 0;
}

static int accepts(void *arg)
{
	int fd = (int)(intptr_t)arg, conn = -EBADF;

	while (!closing) {
		conn = weft_accept(fd, NULL);
		if (conn == -EMFILE && opt.level > 1)
			continue;
		if (conn < 0)
			break;
		weft_detach(go(serves_one, (void *)(intptr_t)conn));
		dawdle();
	}
	CHECK(conn == -EBADF || closing);
	return 0;
}

static int calls(void *arg)
{
	int fd = weft_socket(AF_UNIX, SOCK_STREAM, 0);
	char byte = 'x';

	(void)arg;
	CHECK(fd >= 0);
	dawdle();
	if (weft_connect(fd, (struct sockaddr *)&address, address_len) == 0) {
		ssize_t n = weft_send(fd, &byte, 1, 0);
		if (n == 1)
			n = weft_recv(fd, &byte, 1, 0);
		answered += n == 1;
		CHECK(n != 1 || byte == 'x');
	}
	CHECK(weft_close(fd) == 0);
	return 0;
}

static int server(void *arg)
{
	static unsigned number;
	struct weft_co *caller[CLIENTS], *acceptor;
	int fd = weft_socket(AF_UNIX, SOCK_STREAM, 0);
	bool early = below(2);

	(void)arg;
	answered = 0;
	closing = false;
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	address_len = (socklen_t)(sizeof(address.sun_family) + 1 +
				  (size_t)snprintf(address.sun_path + 1, 80,
						   "weft-simulated-%d-%u", (int)getpid(),
						   number++));
	CHECK(weft_bind(fd, (struct sockaddr *)&address, address_len) == 0);
	CHECK(weft_listen(fd, 2) == 0);
	acceptor = go(accepts, (void *)(intptr_t)fd);
	for (unsigned i = 0; i < CLIENTS; i++)
		caller[i] = go(calls, NULL);
	if (early) {
		weft_sleep_ns(below(1000000));
		closing = true;
		CHECK(weft_close(fd) == 0);
	}
	CHECK(join_all(caller, CLIENTS) == 0);
	CHECK(early || opt.level > 1 || answered == CLIENTS);
	closing = true;
	if (!early)
		CHECK(weft_close(fd) == 0);
	return join_all(&acceptor, 1);
}

/* ---- closing what others use: all of them are told ---- */

enum { USERS = 4 };

static int uses(void *arg)
{
	int fd = (int)(intptr_t)arg, rc;
	static char much[1000000]; /* more than a socket takes */
	char byte;

	switch (below(4)) {
	case 0:
		rc = (int)weft_recv(fd, &byte, 1, 0);
		break;
	case 1:
		rc = (int)weft_send_all(fd, much, sizeof(much), 0);
		break;
	case 2:
		rc = weft_poll(fd, POLLPRI);
		break;
	default:
		rc = weft_poll(fd, POLLIN);
		break;
	}
	CHECK(rc == -EBADF || rc == -EBUSY || rc == -EPIPE || rc >= 0 || opt.level > 1);
	return 0;
}

static int closes(void *arg)
{
	struct weft_co *co[USERS];
	int fd[2];

	(void)arg;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
	if (below(2))
		CHECK(weft_fd_adopt(fd[0]) == 0);
	for (unsigned i = 0; i < USERS; i++)
		co[i] = go(uses, (void *)(intptr_t)fd[0]);
	weft_sleep_ns(5000000); /* all have begun: the number may be given out anew */
	CHECK(weft_close(fd[0]) == 0);
	CHECK(join_all(co, USERS) == 0);
	return weft_close(fd[1]);
}

/* ---- deadlines of those that go from worker to worker: none is late ---- */

static int hurries(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct weft_deadline d;
	struct weft_event never = {0};
	char byte;

	for (int i = 0; i < 6; i++) {
		CHECK(weft_deadline_open(&d, weft_now() + 1000 * WEFT_SEC) == 0);
		ssize_t n = weft_recv(fd, &byte, 1, 0);
		weft_deadline_close(&d);
		CHECK(n == 1 || opt.level > 1);
		weft_time due = weft_now() + below(2000000);
		CHECK(weft_deadline_open(&d, due) == 0);
		CHECK(weft_event_wait(&never) == -ETIMEDOUT);
		weft_deadline_close(&d);
		CHECK(weft_now() - due < 200 * WEFT_MS);
	}
	return 0;
}

static int deadlines(void *arg)
{
	struct weft_co *co[CLIENTS];
	int fd[CLIENTS][2];

	(void)arg;
	for (unsigned i = 0; i < CLIENTS; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd[i]) == 0);
		CHECK(weft_fd_adopt(fd[i][0]) == 0);
		co[i] = go(hurries, (void *)(intptr_t)fd[i][0]);
	}
	for (unsigned i = 0; i < 6 * CLIENTS; i++) {
		weft_sleep_ns(below(3000000));
		CHECK(weft_send(fd[i % CLIENTS][1], "x", 1, 0) == 1 || opt.level > 1);
	}
	CHECK(join_all(co, CLIENTS) == 0);
	for (unsigned i = 0; i < CLIENTS; i++)
		CHECK(weft_close(fd[i][0]) == 0 && weft_close(fd[i][1]) == 0);
	return 0;
}

/* ---- workers that come and go under all this ---- */

static bool enough;

static int widens(void *arg)
{
	unsigned most = (unsigned)weft_workers();

	(void)arg;
	while (!enough) {
		CHECK(weft_set_workers(1 + below(most)) >= 1);
		weft_sleep_ns(below(2000000));
	}
	return 0;
}

static int widths(void *arg)
{
	struct weft_co *co;

	enough = false;
	co = go(widens, NULL);
	int rc = below(2) ? echoes(arg) : deadlines(arg);
	enough = true;
	return rc ? rc : join_all(&co, 1);
}

#endif
