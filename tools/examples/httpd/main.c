/* SPDX-License-Identifier: MIT */
/* Options, listeners, signals, drain, counters. See httpd.h. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "httpd.h"

#define REFUSING_MAX                                                                     \
	64 /* connections that are being told 503; others are just closed                \
	    */

struct config config = {
	.host = "127.0.0.1",
	.port = 8080,
	.idle = 60 * WEFT_SEC,
	.header = 10 * WEFT_SEC,
	.send = 30 * WEFT_SEC,
	.drain = 10 * WEFT_SEC,
};
atomic_bool draining;
atomic_uint open_conns;
static struct local *locals; /* one a worker */

struct local *local_get(void)
{
	return &locals[weft_worker_id()];
}

/* --- accepting --------------------------------------------------------------------- */

static void admit(int fd)
{
	static const struct weft_co_attr attr = {
		.size = sizeof(attr), .name = "conn", .stack_size = 32768};
	unsigned n = atomic_fetch_add(&open_conns, 1);
	int (*fn)(void *) = n < config.max_conns ? conn_run : conn_refuse;

	if (n < config.max_conns + REFUSING_MAX &&
	    weft_spawn(fn, (void *)(intptr_t)fd, &attr, NULL) >= 0)
		return;
	atomic_fetch_sub(&open_conns, 1);
	local_get()->count.refused++;
	weft_close(fd);
}

static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static int accept_loop(void *arg)
{
	int listener = (int)(intptr_t)arg;
	int r;

	do {
		r = weft_accept(listener, NULL);
		if (r >= 0) {
			admit(r);
		} else if (is_shortage(r)) { /* the others will close some: try again */
			files_shed();
			weft_sleep_ns(10 * WEFT_MS);
		}
	} while (r >= 0 || is_shortage(r));
	return r;
}

/* One listener and one acceptor on each worker; the kernel spreads connections over them.
 */
struct acceptor {
	int fd;
	struct weft_co *co;
};

static int listen_all(struct acceptor *acceptors, int n)
{
	struct weft_tcp_options opt = {.size = sizeof(opt), .reuse_port = true};

	for (int i = 0; i < n; i++) {
		int fd = weft_tcp_listen(config.host, config.port, &opt);

		if (fd < 0)
			return fd;
		acceptors[i].fd = fd;
		config.port = (uint16_t)weft_tcp_port(fd); /* if it was 0, we know now */
	}
	return 0;
}

static int accept_all(struct acceptor *acceptors, int n)
{
	struct weft_co_attr attr = {
		.size = sizeof(attr), .name = "accept", .flags = WEFT_CO_PINNED};
	int r = 0;

	for (int i = 0; i < n && r >= 0; i++) {
		attr.worker = 1 + i;
		r = weft_spawn(accept_loop, (void *)(intptr_t)acceptors[i].fd, &attr,
			       &acceptors[i].co);
	}
	return r;
}

static void accept_none(struct acceptor *acceptors, int n)
{
	for (int i = 0; i < n; i++) {
		if (acceptors[i].fd >= 0)
			weft_close(acceptors[i].fd);
		if (acceptors[i].co)
			weft_join(acceptors[i].co, NULL);
	}
}

/* --- from start to drain ----------------------------------------------------------- */

static int wait_signal(void)
{
	struct signalfd_siginfo info;
	ssize_t r = weft_read(config.signals, &info, sizeof(info));

	return r < 0 ? (int)r : 0;
}

/* Let requests in flight finish. What is left at the deadline is cut off. */
static void drain(int n)
{
	weft_time end = weft_now() + config.drain;

	atomic_store(&draining, true);
	conns_wake(locals, n);
	while (atomic_load(&open_conns) > 0 && weft_now() < end)
		weft_sleep_ns(5 * WEFT_MS);
}

static int locals_open(int n)
{
	locals = aligned_alloc(128, (size_t)n * sizeof(*locals));
	if (!locals)
		return -ENOMEM;
	memset(locals, 0, (size_t)n * sizeof(*locals));
	for (int i = 0; i < n; i++) {
		pthread_mutex_init(&locals[i].lock, NULL);
		locals[i].cache = cache_open();
		if (!locals[i].cache)
			return -ENOMEM;
	}
	return n;
}

static int serve(void *arg)
{
	int *ret_n = arg;
	int n = weft_workers();
	struct acceptor *acceptors = calloc((size_t)n, sizeof(*acceptors));
	int r = acceptors ? locals_open(n) : -ENOMEM;

	for (int i = 0; acceptors && i < n; i++)
		acceptors[i].fd = -1;
	if (r >= 0) {
		*ret_n = n;
		r = listen_all(acceptors, n);
	}
	if (r >= 0)
		r = accept_all(acceptors, n);
	if (r >= 0) {
		printf(strchr(config.host, ':') ? "listening on http://[%s]:%u/\n"
						: "listening on http://%s:%u/\n",
		       config.host, config.port);
		fflush(stdout);
		r = wait_signal();
	}
	accept_none(acceptors, acceptors ? n : 0);
	if (r >= 0)
		drain(n);
	free(acceptors);
	return r;
}

/* After the workers have ended. */
static void locals_close(int n)
{
	struct counters sum = {0};

	for (int i = 0; i < n; i++) {
		struct local *l = &locals[i];

		sum.requests += l->count.requests;
		sum.bytes += l->count.bytes;
		sum.connections += l->count.connections;
		sum.refused += l->count.refused;
		for (int class = 1; class < 6; class ++)
			sum.by_class[class] += l->count.by_class[class];
		while (l->spare) {
			struct work *w = l->spare;

			l->spare = w->next;
			free(w);
		}
		cache_free(l->cache);
	}
	free(locals);
	printf("requests %ju bytes %ju 2xx %ju 3xx %ju 4xx %ju 5xx %ju connections %ju "
	       "refused %ju\n",
	       (uintmax_t)sum.requests, (uintmax_t)sum.bytes, (uintmax_t)sum.by_class[2],
	       (uintmax_t)sum.by_class[3], (uintmax_t)sum.by_class[4],
	       (uintmax_t)sum.by_class[5], (uintmax_t)sum.connections,
	       (uintmax_t)sum.refused);
}

/* --- before the runtime ------------------------------------------------------------ */

static const char usage[] =
	"usage: httpd --root DIR [options]\n"
	"Serve a directory over HTTP/1.1 until SIGTERM or SIGINT.\n"
	"\n"
	"  --root DIR       the directory; nothing outside of it is ever served\n"
	"  --host ADDRESS   numeric address to listen on (127.0.0.1)\n"
	"  --port N         0: the kernel chooses (8080)\n"
	"  --max-conns N    connections; those beyond are answered 503 (as many\n"
	"                   as descriptors are allowed)\n"
	"  --idle-sec N     a connection may stay without a request (60)\n"
	"  --header-sec N   a request may take to arrive (10)\n"
	"  --send-sec N     a client may take nothing of an answer (30)\n"
	"  --drain-sec N    requests in flight may take to finish on SIGTERM (10)\n"
	"\n"
	"WEFT_WORKERS in the environment sets the number of threads (one per allowed "
	"core).\n"
	"The counters are printed at exit.\n";

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "httpd: %s: %s\n", what, why);
	exit(1);
}

static unsigned long number_arg(const char *name, const char *s, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || value > most)
		fail(name, "not a number in range");
	return value;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"root", 1, NULL, 'r'},     {"host", 1, NULL, 'h'},
		{"port", 1, NULL, 'p'},     {"max-conns", 1, NULL, 'm'},
		{"idle-sec", 1, NULL, 'i'}, {"header-sec", 1, NULL, 'a'},
		{"send-sec", 1, NULL, 's'}, {"drain-sec", 1, NULL, 'd'},
		{"help", 0, NULL, 'u'},     {0},
	};
	const char *root = NULL;
	weft_time *span;
	int c, at;

	while ((c = getopt_long(argc, argv, "", longs, &at)) != -1) {
		span = c == 'i'   ? &config.idle
		       : c == 'a' ? &config.header
		       : c == 's' ? &config.send
				  : &config.drain;
		if (c == '?' || c == 'u') {
			fputs(usage, c == 'u' ? stdout : stderr);
			exit(c == 'u' ? 0 : 2);
		} else if (c == 'r') {
			root = optarg;
		} else if (c == 'h') {
			config.host = optarg;
		} else if (c == 'p') {
			config.port = (uint16_t)number_arg("--port", optarg, 65535);
		} else if (c == 'm') {
			config.max_conns =
				(unsigned)number_arg("--max-conns", optarg, 10000000);
		} else {
			*span = WEFT_SEC * number_arg(longs[at].name, optarg, 1000000);
		}
	}
	if (!root || optind < argc) {
		fputs(usage, stderr);
		exit(2);
	}
	config.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (config.root < 0)
		fail(root, strerror(errno));
}

/* As many descriptors as are allowed, and not more connections than they are good for. */
static void limits(void)
{
	struct rlimit limit;
	unsigned long most;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	most = limit.rlim_cur < 10000000 ? limit.rlim_cur : 10000000;
	config.max_cached_fds = (unsigned)(most / 64 < 256 ? most / 64 + 1 : 256);
	most = most > 128 ? most - most / 8 - 64 : most / 2;
	if (config.max_conns > most)
		fprintf(stderr, "httpd: RLIMIT_NOFILE allows %lu connections\n", most);
	if (config.max_conns > most || config.max_conns == 0)
		config.max_conns = (unsigned)most;
}

/* Blocked here, and so in all threads, SIGTERM and SIGINT are read from a descriptor. */
static void signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	config.signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (config.signals < 0)
		fail("signalfd", strerror(errno));
}

int main(int argc, char **argv)
{
	int n = 0;
	int r;

	options(argc, argv);
	limits();
	signals();
	r = weft_run(serve, &n, NULL);
	if (locals)
		locals_close(n);
	if (r < 0)
		fail(*weft_start_error() ? weft_start_error() : "stopped", strerror(-r));
	close(config.signals);
	close(config.root);
	return 0;
}
