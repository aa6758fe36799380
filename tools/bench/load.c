/* SPDX-License-Identifier: MIT */
/*
 * Load generator for echo servers on 127.0.0.1: one thread, epoll, one request at a time
 * a connection, every byte of every answer compared.
 *
 *   closed loop   each connection sends again as soon as its answer is complete; latency
 *                 runs from that send
 *   open loop     (--rate R) request number s is due at start + s / R on connection
 *                 s % conns, whatever the server does; latency runs from the due time, so
 *                 a stall is charged to every request that it delayed (no coordinated
 *                 omission); what is unanswered at the end counts with its age
 *
 * It polls without sleeping, so that a server never pays for waking a sleeping client;
 * --block sleeps instead, for runs in which client and server share cores.
 * The CPU time of the servers (--pid, may repeat) is read at both ends of the window that
 * is measured. Prints one JSON object. Exit status 1: no connection, or a wrong answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hist.h"

enum { MAX_PIDS = 16, MAX_SIZE = 65536, BATCH = 256 };

struct conn {
	int fd;         /* -1: closed */
	size_t out, in; /* bytes of the present request sent and answered */
	uint64_t since; /* latency of the present request runs from here */
	uint64_t sent;  /* requests sent */
	uint64_t due;   /* open loop: requests due so far, `sent` runs behind */
	bool busy, want_out;
};

struct cpu {
	uint64_t ns;        /* exact, from the process's CPU clock */
	uint64_t user, sys; /* clock ticks, coarse: only their ratio is of use */
};

static struct {
	uint16_t port;
	unsigned conns;
	size_t size;
	double seconds, warmup, rate;
	bool block;
	int pids[MAX_PIDS], pid_count;
} cfg = {.conns = 50, .size = 64, .seconds = 2, .warmup = 0.5};

static struct conn *conns;
static struct hist hist;
static char *pattern, *answer;
static int ep;
static uint64_t t_start, t_window, t_end, idle_ns;
static uint64_t next_seq, answered_count, warmup_count, errors, mismatches;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Due time of a connection's k-th request. */
static uint64_t due_at(const struct conn *c, uint64_t k)
{
	double seq = (double)k * cfg.conns + (double)(c - conns);

	return t_start + (uint64_t)(seq * 1e9 / cfg.rate);
}

/* The bytes of one request: a window of the pattern that depends on connection and
 * number, so that neither an old answer nor somebody else's passes. */
static const char *request_bytes(const struct conn *c)
{
	return pattern + ((c->sent * 61 + (uint64_t)(c - conns) * 7) & 0xffff);
}

static void drop(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	c->busy = false;
	errors++;
}

static void want_out(struct conn *c, bool on)
{
	struct epoll_event ev = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};

	if (c->want_out != on)
		epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
	c->want_out = on;
}

static void push(struct conn *c)
{
	ssize_t n =
		send(c->fd, request_bytes(c) + c->out, cfg.size - c->out, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		drop(c);
		return;
	}
	if (n > 0)
		c->out += (size_t)n;
	want_out(c, c->out < cfg.size);
}

static void send_next(struct conn *c, uint64_t since)
{
	c->sent++;
	c->busy = true;
	c->out = c->in = 0;
	c->since = since;
	push(c);
}

static void answered(struct conn *c)
{
	uint64_t now = now_ns();

	c->busy = false;
	answered_count++;
	if (t_window && (cfg.rate ? c->since >= t_window : true))
		hist_add(&hist, now - c->since);
	if (!cfg.rate)
		send_next(c, now);
	else if (c->sent < c->due)
		send_next(c, due_at(c, c->sent));
}

static void ready(struct conn *c, uint32_t events)
{
	ssize_t n;

	if (c->fd < 0)
		return;
	if ((events & EPOLLOUT) && c->busy && c->out < cfg.size)
		push(c);
	if (c->fd < 0 || !(events & ~(uint32_t)EPOLLOUT))
		return;
	n = recv(c->fd, answer, cfg.size - c->in, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || !c->busy) {
		drop(c);
		return;
	}
	if (memcmp(answer, request_bytes(c) + c->in, (size_t)n)) {
		mismatches++;
		drop(c);
		return;
	}
	c->in += (size_t)n;
	if (c->in == cfg.size)
		answered(c);
}

static void launch_due(uint64_t now)
{
	while (t_start + (uint64_t)((double)next_seq * 1e9 / cfg.rate) <= now) {
		struct conn *c = &conns[next_seq++ % cfg.conns];

		c->due++;
		if (!c->busy && c->fd >= 0)
			send_next(c, due_at(c, c->sent));
	}
}

static struct cpu cpu_read(void)
{
	struct cpu sum = {0};

	for (int i = 0; i < cfg.pid_count; i++) {
		struct timespec ts;
		clockid_t clock;
		unsigned long long user, sys;
		char path[64], text[1024], *p;
		FILE *f;

		if (!clock_getcpuclockid(cfg.pids[i], &clock) &&
		    !clock_gettime(clock, &ts))
			sum.ns +=
				(uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
		snprintf(path, sizeof(path), "/proc/%d/stat", cfg.pids[i]);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f) && (p = strrchr(text, ')')) &&
		    sscanf(p + 1,
			   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			   &user, &sys) == 2) {
			sum.user += user;
			sum.sys += sys;
		}
		fclose(f);
	}
	return sum;
}

static int dial(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(cfg.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		die("connect");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void open_all(void)
{
	ep = epoll_create1(EPOLL_CLOEXEC);
	conns = calloc(cfg.conns, sizeof(*conns));
	pattern = malloc(0x10000 + cfg.size);
	answer = malloc(cfg.size);
	if (!conns || !pattern || !answer)
		die("memory");
	srandom(1);
	for (size_t i = 0; i < 0x10000 + cfg.size; i++)
		pattern[i] = (char)random();
	for (unsigned i = 0; i < cfg.conns; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};

		conns[i].fd = dial();
		epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
	}
}

static int wait_events(struct epoll_event *ev, uint64_t now)
{
	struct timespec ts = {0, 0};
	uint64_t until = now + 10000000;

	if (!cfg.block) {
		int n = epoll_wait(ep, ev, BATCH, 0);

		if (n == 0)
			idle_ns += now_ns() - now;
		return n;
	}
	if (cfg.rate)
		until = t_start + (uint64_t)((double)next_seq * 1e9 / cfg.rate);
	if (until > now)
		ts.tv_nsec = (long)(until - now < 10000000 ? until - now : 10000000);
	return epoll_pwait2(ep, ev, BATCH, &ts, NULL);
}

static struct cpu run(void)
{
	struct epoll_event ev[BATCH];
	struct cpu at_window = {0};
	uint64_t warm_until;

	t_start = now_ns();
	warm_until = t_start + (uint64_t)(cfg.warmup * 1e9);
	t_end = warm_until + (uint64_t)(cfg.seconds * 1e9);
	for (unsigned i = 0; !cfg.rate && i < cfg.conns; i++)
		send_next(&conns[i], now_ns());
	for (;;) {
		uint64_t now = now_ns();
		int n;

		if (!t_window && now >= warm_until) {
			at_window = cpu_read();
			warmup_count = answered_count;
			answered_count = idle_ns = 0;
			now = t_window = now_ns();
		}
		if (now >= t_end)
			return at_window;
		if (cfg.rate)
			launch_due(now);
		n = wait_events(ev, now);
		for (int i = 0; i < n; i++)
			ready(ev[i].data.ptr, ev[i].events);
	}
}

/* Due in the window and not answered: the age is a lower bound of the latency. */
static uint64_t add_unanswered(uint64_t now)
{
	uint64_t late = 0;

	for (unsigned i = 0; cfg.rate && i < cfg.conns; i++) {
		struct conn *c = &conns[i];
		uint64_t k = c->busy ? c->sent - 1 : c->sent;

		for (; k < c->due; k++) {
			if (due_at(c, k) < t_window)
				continue;
			hist_add(&hist, now - due_at(c, k));
			late++;
		}
	}
	return late;
}

static void print(struct cpu from, struct cpu to, uint64_t now)
{
	double seconds = (double)(now - t_window) / 1e9;
	uint64_t ticks = to.user - from.user + to.sys - from.sys;
	uint64_t late;
	double n = answered_count ? (double)answered_count : 1;

	late = add_unanswered(now);
	printf("{\"requests\": %llu, \"requests_total\": %llu, \"rps\": %.1f, ",
	       (unsigned long long)answered_count,
	       (unsigned long long)(warmup_count + answered_count),
	       (double)answered_count / seconds);
	printf("\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": "
	       "%.2f, ",
	       (double)hist_at(&hist, 0.5) / 1e3, (double)hist_at(&hist, 0.99) / 1e3,
	       (double)hist_at(&hist, 0.999) / 1e3, (double)hist.max / 1e3);
	if (cfg.pid_count)
		printf("\"server_us_per_request\": %.4f, \"server_busy\": %.4f, ",
		       (double)(to.ns - from.ns) / 1e3 / n,
		       (double)(to.ns - from.ns) / 1e9 / seconds);
	if (ticks)
		printf("\"user_share_ticks\": %.4f, ",
		       (double)(to.user - from.user) / (double)ticks);
	if (!cfg.block)
		printf("\"client_idle\": %.4f, ", (double)idle_ns / 1e9 / seconds);
	printf("\"unanswered\": %llu, \"errors\": %llu, \"mismatches\": %llu}\n",
	       (unsigned long long)late, (unsigned long long)errors,
	       (unsigned long long)mismatches);
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"port", 1, NULL, 'p'},   {"conns", 1, NULL, 'c'},
		{"size", 1, NULL, 's'},   {"seconds", 1, NULL, 't'},
		{"warmup", 1, NULL, 'w'}, {"rate", 1, NULL, 'r'},
		{"pid", 1, NULL, 'P'},    {"block", 0, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 'p':
			cfg.port = (uint16_t)atoi(optarg);
			break;
		case 'c':
			cfg.conns = (unsigned)atoi(optarg);
			break;
		case 's':
			cfg.size = (size_t)atol(optarg);
			break;
		case 't':
			cfg.seconds = atof(optarg);
			break;
		case 'w':
			cfg.warmup = atof(optarg);
			break;
		case 'r':
			cfg.rate = atof(optarg);
			break;
		case 'P':
			if (cfg.pid_count < MAX_PIDS)
				cfg.pids[cfg.pid_count++] = atoi(optarg);
			break;
		case 'b':
			cfg.block = true;
			break;
		default:
			exit(2);
		}
	}
	if (!cfg.port || !cfg.conns || !cfg.size || cfg.size > MAX_SIZE ||
	    cfg.seconds > 600 || cfg.warmup > 60) {
		fprintf(stderr, "load: --port P [--conns N] [--size BYTES] [--seconds S] "
				"[--warmup S] [--rate R] [--pid PID]... [--block]\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct cpu from, to;
	uint64_t now;

	options(argc, argv);
	alarm((unsigned)(cfg.seconds + cfg.warmup) + 30);
	open_all();
	from = run();
	now = now_ns();
	to = cpu_read();
	print(from, to, now);
	return errors || mismatches || !answered_count;
}
