/* SPDX-License-Identifier: MIT */
/*
 * Small programs of random shape under simulation, thousands of them: each seed is one
 * program and one course of it. What each must have done in the end is known.
 *
 *   --first N --seeds N --level N   in this process, one after the other (1, 500, 1)
 *   --only NAME                     just that kind of program
 *   --broken                        with a mistake, that some seeds must find: exit status 0
 *                                   if they do, and if it comes again with its seed
 *   --plain                         one program, as the environment says (weft sim)
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "weft.h"

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);       \
			return __LINE__;                                                 \
		}                                                                        \
	} while (0)

static struct {
	unsigned long first, seeds, level;
	const char *only;
	bool broken, plain;
} opt = {.first = 1, .seeds = 500, .level = 1};

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* A coroutine somewhere. */
static struct weft_co *go(int (*fn)(void *), void *arg)
{
	const struct weft_co_attr attr = {.size = sizeof(attr),
					  .flags = below(2) ? WEFT_CO_SPREAD : 0u};
	struct weft_co *co;

	if (weft_spawn(fn, arg, &attr, &co))
		abort();
	return co;
}

static int join_all(struct weft_co **co, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int status;
		CHECK(weft_join(co[i], &status) == 0);
		CHECK(status == 0);
	}
	return 0;
}

static void dawdle(void)
{
	switch (below(4)) {
	case 0:
		weft_yield();
		break;
	case 1:
		weft_sleep_ns(below(2000000));
		break;
	default:
		break;
	}
}

/* ---- channels: every element arrives once, in its sender's order ---- */

enum { SENDERS = 3, ELEMS = 20 };

static struct weft_chan *pipes[2];
static unsigned got[SENDERS][ELEMS];

static int sends(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < ELEMS; i++) {
		unsigned elem = me * ELEMS + i;
		const struct weft_select s[2] = {
			{.op = WEFT_SELECT_SEND, .chan = pipes[0], .elem = &elem},
			{.op = WEFT_SELECT_SEND, .chan = pipes[1], .elem = &elem}};
		int rc = -1;
		dawdle();
		if (below(2))
			CHECK(weft_select(s, 2, true, &rc) >= 0 && rc == 0);
		else
			CHECK(weft_chan_send(pipes[me % 2], &elem) == 0);
	}
	return 0;
}

static int receives(void *arg)
{
	struct weft_chan *chan = arg;
	unsigned elem;

	for (;;) {
		int rc = weft_chan_recv(chan, &elem);
		if (rc == -EPIPE)
			return 0;
		CHECK(rc == 0 && elem < SENDERS * ELEMS);
		got[elem / ELEMS][elem % ELEMS]++;
		dawdle();
	}
}

static int channels(void *arg)
{
	struct weft_co *sender[SENDERS], *receiver[4];

	(void)arg;
	memset(got, 0, sizeof(got));
	for (int i = 0; i < 2; i++)
		CHECK(weft_chan_new(sizeof(unsigned), below(3), &pipes[i]) == 0);
	for (unsigned i = 0; i < 4; i++)
		receiver[i] = go(receives, pipes[i % 2]);
	for (unsigned i = 0; i < SENDERS; i++)
		sender[i] = go(sends, (void *)(uintptr_t)i);
	CHECK(join_all(sender, SENDERS) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(weft_chan_close(pipes[i]) == 0);
	CHECK(join_all(receiver, 4) == 0);
	for (unsigned i = 0; i < SENDERS * ELEMS; i++)
		CHECK(got[i / ELEMS][i % ELEMS] == 1);
	for (int i = 0; i < 2; i++)
		weft_chan_free(pipes[i]);
	return 0;
}

/* ---- a bounded store of a mutex and a condition; the broken one has `if` for `while` ---- */

enum { ROOM = 2, GOODS = 12, PARTIES = 3 };

static struct {
	struct weft_mutex m;
	struct weft_cond full, empty;
	int n, most, least;
} store;

static int brings(void *arg)
{
	(void)arg;
	for (int i = 0; i < GOODS; i++) {
		dawdle();
		CHECK(weft_mutex_lock(&store.m) == 0);
		while (store.n == ROOM)
			CHECK(weft_cond_wait(&store.full, &store.m) == 0);
		store.n++;
		store.most = store.n > store.most ? store.n : store.most;
		weft_cond_signal(&store.empty);
		CHECK(weft_mutex_unlock(&store.m) == 0);
	}
	return 0;
}

static int fetches(void *arg)
{
	(void)arg;
	for (int i = 0; i < GOODS; i++) {
		CHECK(weft_mutex_lock(&store.m) == 0);
		if (opt.broken && store.n == 0)
			CHECK(weft_cond_wait(&store.empty, &store.m) == 0);
		while (!opt.broken && store.n == 0)
			CHECK(weft_cond_wait(&store.empty, &store.m) == 0);
		store.n--;
		store.least = store.n < store.least ? store.n : store.least;
		weft_cond_signal(&store.full);
		CHECK(weft_mutex_unlock(&store.m) == 0);
		dawdle();
	}
	return 0;
}

static int conditions(void *arg)
{
	struct weft_co *co[2 * PARTIES];

	(void)arg;
	memset(&store, 0, sizeof(store));
	for (unsigned i = 0; i < PARTIES; i++) {
		co[i] = go(brings, NULL);
		co[PARTIES + i] = go(fetches, NULL);
	}
	CHECK(join_all(co, 2 * PARTIES) == 0);
	CHECK(store.n == 0 && store.most <= ROOM && store.least >= 0);
	return 0;
}

/* ---- cancels and deadlines: whatever one waits for, it ends ---- */

enum { WAITERS = 8 };

static struct {
	bool early; /* they are stopped when they have hardly begun */
	struct weft_event event;
	struct weft_sem sem;
	struct weft_chan *chan;
	int pair[2];
} w;

static int sleeps(void *arg)
{
	(void)arg;
	weft_sleep_ns(WEFT_NEVER - 1 - weft_now());
	return 0;
}

static bool is_stop(long rc)
{
	return rc == -ECANCELED || rc == -ETIMEDOUT;
}

static int wait_for_something(void)
{
	char byte;
	unsigned elem;
	struct weft_co *co;
	int rc;

	switch (below(6)) {
	case 0:
		return weft_event_wait(&w.event);
	case 1:
		return weft_sem_wait(&w.sem, 1 + below(2));
	case 2:
		return weft_chan_recv(w.chan, &elem);
	case 3:
		return (int)weft_recv(w.pair[0], &byte, 1, 0);
	case 4:
		return weft_poll(w.pair[0], POLLPRI);
	default:
		co = go(sleeps, NULL);
		rc = weft_join(co, NULL);
		weft_cancel(co);
		weft_detach(co);
		return rc;
	}
}

static int waits(void *arg)
{
	struct weft_deadline d;
	unsigned shape = below(3);

	(void)arg;
	if (!w.early)
		dawdle();
	CHECK(weft_deadline_open(&d, shape ? weft_now() + below(4000000) : WEFT_NEVER) ==
	      0);
	int rc = wait_for_something();
	/* the socket serves one at a time */
	CHECK(is_stop(rc) || rc == -EBUSY || rc == 0);
	weft_deadline_close(&d);
	return 0;
}

/* Whoever has left a queue must not be met there. */
static int pokes(void *arg)
{
	unsigned elem = 0;

	(void)arg;
	for (int i = 0; i < 6; i++) {
		weft_sleep_ns(below(1000000));
		if (below(2))
			weft_chan_trysend(w.chan, &elem);
		else if (below(2))
			weft_sem_post(&w.sem, 1);
		else
			weft_event_set(&w.event);
		weft_event_reset(&w.event);
	}
	return 0;
}

static int stops(void *arg)
{
	struct weft_co *co[WAITERS + 1];

	(void)arg;
	memset(&w, 0, sizeof(w));
	w.early = below(2);
	CHECK(weft_chan_new(sizeof(unsigned), 0, &w.chan) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.pair) == 0);
	CHECK(weft_fd_adopt(w.pair[0]) == 0);
	for (unsigned i = 0; i < WAITERS; i++)
		co[i] = go(waits, NULL);
	co[WAITERS] = go(pokes, NULL);
	weft_sleep_ns(below(w.early ? 5000 : 3000000));
	for (unsigned i = 0; i < WAITERS; i++) {
		if (!w.early)
			dawdle();
		CHECK(weft_cancel(co[i]) == 0);
	}
	CHECK(join_all(co, WAITERS + 1) == 0);
	CHECK(weft_close(w.pair[0]) == 0 && weft_close(w.pair[1]) == 0);
	weft_chan_free(w.chan);
	return 0;
}

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

/* ---- the plan ---- */

static const struct {
	const char *name;
	int (*fn)(void *);
} kinds[] = {{"channels", channels},   {"conditions", conditions}, {"stops", stops},
	     {"echoes", echoes},       {"server", server},         {"closes", closes},
	     {"deadlines", deadlines}, {"widths", widths}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static unsigned kind_of(unsigned long seed)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (opt.only ? !strcmp(opt.only, kinds[i].name) : i == seed % KINDS)
			return i;
	exit(2);
}

static int simulate(unsigned long seed)
{
	char text[40];
	struct weft_options o = {.size = sizeof(o),
				 .workers = 1 + (unsigned)(seed / KINDS % 4),
				 .sim = text};

	snprintf(text, sizeof(text), "%lu:%lu", seed, opt.level);
	state = seed * 2654435761u + 1;
	return weft_run(kinds[kind_of(seed)].fn, NULL, &o);
}

static bool is_replayed(unsigned long seed, int rc, uint64_t hash)
{
	struct weft_sim_report r = {.size = sizeof(r)};

	return simulate(seed) == rc && weft_sim_report(&r) == 0 && r.hash == hash;
}

/* Returns the number of seeds that failed. */
static unsigned run_all(void)
{
	unsigned failed = 0;

	for (unsigned long seed = opt.first; seed < opt.first + opt.seeds; seed++) {
		struct weft_sim_report r = {.size = sizeof(r)};
		int rc = simulate(seed);

		weft_sim_report(&r);
		if (rc == 0)
			continue;
		failed++;
		printf("FAIL simulated/%s: %d; replay with --first %lu --seeds 1 --level "
		       "%lu%s%s\n",
		       kinds[kind_of(seed)].name, rc, seed, opt.level,
		       opt.only ? " --only " : "", opt.only ? opt.only : "");
		if (opt.broken)
			return is_replayed(seed, rc, r.hash) ? 1 : 0;
	}
	return failed;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"first", 1, NULL, 'f'},  {"seeds", 1, NULL, 'n'},
		{"level", 1, NULL, 'l'},  {"only", 1, NULL, 'o'},
		{"broken", 0, NULL, 'b'}, {"plain", 0, NULL, 'p'},
		{NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			exit(2);
		else if (c == 'f')
			opt.first = strtoul(optarg, NULL, 0);
		else if (c == 'n')
			opt.seeds = strtoul(optarg, NULL, 0);
		else if (c == 'l')
			opt.level = strtoul(optarg, NULL, 0);
		else if (c == 'o')
			opt.only = optarg;
		else if (c == 'b')
			opt.broken = true, opt.only = "conditions";
		else
			opt.plain = true;
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	if (opt.plain) {
		state = 1;
		return weft_run(kinds[kind_of(opt.first)].fn, NULL, NULL) != 0;
	}
	unsigned failed = run_all();
	if (opt.broken)
		failed = !failed;
	printf("%lu passed, %u failed, 0 skipped\n", opt.seeds - failed, failed);
	return failed > 0;
}
