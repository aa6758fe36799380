/* SPDX-License-Identifier: MIT */
/*
 * Echo server: one coroutine a connection, plain blocking style.
 *
 *   weft_echo PORT [WORKERS [reuseport|one [hole]]]
 *
 * reuseport: one listener and one pinned acceptor a worker, the kernel spreads
 * connections. one: a single acceptor; what it accepts starts on its worker and spreads
 * by stealing. hole: a connection whose first bytes are a single one is not read any
 * more, until it is reset. SIGUSR1 prints the runtime's counters as one JSON line; SIGTERM
 * stops.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>

#include <weft.h>

#include "micro.h"

static uint16_t port;
static bool reuse_port, hole;

static int serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[1024];
	ssize_t n;

	n = weft_recv(fd, buf, sizeof(buf), 0);
	if (hole && n == 1)
		n = weft_poll(fd, POLLRDHUP) < 0 ? -1 : 0;
	for (; n > 0; n = weft_recv(fd, buf, sizeof(buf), 0))
		if (weft_send_all(fd, buf, (size_t)n, 0) < 0)
			break;
	weft_close(fd);
	return 0;
}

static int acceptor(void *arg)
{
	struct weft_tcp_options opt = {.size = sizeof(opt), .reuse_port = reuse_port};
	int listener = weft_tcp_listen("127.0.0.1", port, &opt);

	(void)arg;
	if (listener < 0) {
		fprintf(stderr, "listen: %s\n", strerror(-listener));
		exit(1);
	}
	for (;;) {
		int fd = weft_accept(listener, NULL);

		if (fd == -ECANCELED)
			break;
		if (fd < 0) /* out of descriptors: let some connections end */
			weft_sleep_ns(10 * WEFT_MS);
		else if (weft_spawn(serve, (void *)(intptr_t)fd, NULL, NULL) < 0)
			weft_close(fd);
	}
	weft_close(listener);
	return 0;
}

static void print_stats(void)
{
	struct weft_stats st = {.size = sizeof(st)};

	weft_stats(&st);
	printf("{\"switches\": %" PRIu64 ", \"steals\": %" PRIu64 ", \"enters\": %" PRIu64
	       ", \"sqes\": %" PRIu64 ", \"cqes\": %" PRIu64 ", \"wakes\": %" PRIu64
	       ", \"remote_msgs\": %" PRIu64 ", \"starved\": %" PRIu64
	       ", \"overflows\": %" PRIu64 "}\n",
	       st.switches, st.steals, st.enters, st.sqes, st.cqes, st.wakes,
	       st.remote_msgs, st.starved, st.overflows);
	fflush(stdout);
}

static int start(unsigned workers)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = workers};
	int err = weft_start(&opt);

	if (err < 0) {
		fprintf(stderr, "weft_start: %s: %s\n", strerror(-err),
			weft_start_error());
		return err;
	}
	for (int i = 0; i < (reuse_port ? weft_workers() : 1); i++) {
		struct weft_co_attr attr = {.size = sizeof(attr),
					    .name = "acceptor",
					    .flags = reuse_port ? WEFT_CO_PINNED : 0,
					    .worker = reuse_port ? 1 + i : 0};

		err = weft_spawn(acceptor, NULL, &attr, NULL);
		if (err < 0)
			return err;
	}
	return 0;
}

int main(int argc, char **argv)
{
	sigset_t set;
	int sig;

	port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 7777);
	reuse_port = argc > 3 && !strcmp(argv[3], "reuseport");
	hole = argc > 4 && !strcmp(argv[4], "hole");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set,
		    NULL); /* before the workers start: they inherit it */
	if (start(argc > 2 ? (unsigned)atoi(argv[2]) : 1) < 0)
		return 1;
	while (sigwait(&set, &sig) == 0 && sig == SIGUSR1)
		print_stats();
	return weft_stop() < 0;
}
