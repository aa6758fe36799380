/* SPDX-License-Identifier: MIT */
/*
 * Closing, shutting down, cancelling and timing out under coroutines that are parked on the
 * descriptor, on other workers, while everybody else opens descriptors and gets the same
 * numbers at once. Every connection has a tag, and all its bytes are that tag again and
 * again: who receives another's bytes, or a later part of its own, sees it. A buffer that
 * was given back is poisoned and looked at again after its peer has sent some more. At the
 * end of a slice no request, no receive buffer and no descriptor may be left.
 */
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>

#include "sched/run/monitor.h"
#include "stress.h"

enum call {
	RECV,
	RECV_ALL,
	PEEK,
	READ,
	POLL,
	ACCEPT,
	SEND,
	WRITE,
	CONNECT,
	RELEASE,
	CALLS
};
enum attack { CLOSE, CANCEL, DEADLINE, SHUTDOWN, PEER_CLOSE, DATA, ATTACKS };
enum { BUF = 64, BULK = 4 << 20, POISON = 0xa5, THREADS = 2 };

struct duel {
	struct actor *a;
	enum call call;
	enum attack attack;
	bool noise; /* somebody sends meanwhile */
	int fd, peer;
	uint16_t port; /* of a listener */
	uint64_t tag, random;
	size_t warm; /* bytes that were received before */
	weft_time due;
	ssize_t result;
	struct wf_co *_Atomic victim; /* about to make its call, or in it */
	_Atomic bool done;
	unsigned char buf[BUF];
};

static struct duel duels[ACTORS];
static struct sockaddr_in tarpit; /* connecting to it takes for ever */
static char bulk[BULK];

/* Descriptors. */

static int pair_tcp(struct duel *d)
{
	int l = weft_tcp_listen("127.0.0.1", 0, NULL);

	if (l < 0)
		return l;
	d->peer = weft_tcp_dial("127.0.0.1", (uint16_t)weft_tcp_port(l), NULL);
	d->fd = d->peer < 0 ? d->peer : weft_accept(l, NULL);
	weft_close(l);
	if (d->fd < 0)
		return d->fd;
	/* else the kernel would grow them until all of `bulk` fits */
	weft_setsockopt(d->fd, SOL_SOCKET, SO_SNDBUF, &(int){65536}, sizeof(int));
	return weft_setsockopt(d->peer, SOL_SOCKET, SO_RCVBUF, &(int){65536},
			       sizeof(int));
}

static int pair_unix(struct duel *d)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -errno;
	d->fd = sv[0];
	d->peer = sv[1];
	return weft_fd_adopt(d->fd);
}

static int pair_pipe(struct duel *d)
{
	int p[2], rc;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	d->fd = p[d->call == WRITE];
	d->peer = p[d->call != WRITE];
	if (d->call != WRITE)
		return 0;
	rc = fcntl(d->fd, F_GETPIPE_SZ); /* full, so that writing waits */
	return rc < 0 ? -errno : write(d->fd, bulk, (size_t)rc) == rc ? 0 : -EIO;
}

static int open_listener(struct duel *d)
{
	d->peer = -1;
	d->fd = weft_tcp_listen("127.0.0.1", 0, NULL);
	d->port = (uint16_t)weft_tcp_port(d->fd);
	return d->fd < 0 ? d->fd : 0;
}

static int open_duel(struct duel *d, bool thread)
{
	switch (d->call) {
	case READ:
	case WRITE:
		return pair_pipe(d);
	case ACCEPT:
		return open_listener(d);
	case CONNECT:
		d->peer = -1;
		d->fd = weft_socket(AF_INET, SOCK_STREAM, 0);
		return d->fd < 0 ? d->fd : 0;
	default:
		return thread || stress_below(&d->random, 3) ? pair_unix(d) : pair_tcp(d);
	}
}

/* Bytes. */

static unsigned char tag_byte(const struct duel *d, size_t i)
{
	return (unsigned char)(d->tag >> i % 8 * 8);
}

/* Send tag bytes from `at` on, without waiting; a full or closed peer is no error. */
static void peer_send(const struct duel *d, size_t at, size_t n)
{
	unsigned char out[BUF];

	for (size_t i = 0; i < n; i++)
		out[i] = tag_byte(d, at + i);
	if (d->call == READ) {
		if (write(d->peer, out, n) < 0)
			return;
	} else {
		send(d->peer, out, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void check_bytes(const struct duel *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (d->buf[i] != tag_byte(d, d->warm + i))
			stress_die(__FILE__, __LINE__, "another connection's bytes",
				   d->buf[i]);
}

static bool receives(const struct duel *d)
{
	return d->call <= POLL;
}

/* The victim: one call. Should it begin another, the number could be somebody else's. */

static ssize_t receive_armed(struct duel *d)
{
	struct weft_deadline soon;

	weft_deadline_open(&soon, weft_now() + 20 * WEFT_US);
	ssize_t n = weft_recv(d->fd, d->buf, 1, 0);
	weft_deadline_close(&soon);
	if (n != -ETIMEDOUT)
		return n < 0 ? n : -EIO;
	atomic_store(&d->victim, wf_co_from_handle(weft_self()));
	return weft_fd_release(d->fd, d->buf, BUF);
}

static ssize_t make_call(struct duel *d)
{
	switch (d->call) {
	case RECV:
		return weft_recv(d->fd, d->buf, BUF, 0);
	case RECV_ALL:
		return weft_recv_all(d->fd, d->buf, BUF);
	case PEEK:
		return weft_recv(d->fd, d->buf, BUF, MSG_PEEK);
	case READ:
		return weft_read(d->fd, d->buf, BUF);
	case POLL:
		return weft_poll(d->fd, POLLIN);
	case ACCEPT:
		return weft_accept(d->fd, NULL);
	case SEND:
		return weft_send_all(d->fd, bulk, BULK, 0);
	case WRITE:
		return weft_write(d->fd, bulk, 1);
	default:
		return weft_connect(d->fd, (struct sockaddr *)&tarpit, sizeof(tarpit));
	}
}

static int suffer(void *arg)
{
	struct duel *d = arg;
	struct weft_deadline scope;

	if (d->attack == DEADLINE)
		weft_deadline_open(&scope, d->due);
	if (d->call == RELEASE) {
		d->result = receive_armed(d);
	} else {
		atomic_store(&d->victim, wf_co_from_handle(weft_self()));
		d->result = make_call(d);
	}
	atomic_store(&d->done, true);
	if (d->attack == DEADLINE)
		weft_deadline_close(&scope);
	return 0;
}

static bool is_parked(struct duel *d)
{
	struct wf_co *co = atomic_load(&d->victim);

	return atomic_load(&d->done) ||
	       (co && wf_park_kind(wf_atomic_load_seq(&co->park)) != WF_RUNNING);
}

static int make_noise(void *arg)
{
	struct duel *d = arg;
	uint64_t random = d->tag | 1;
	size_t at = d->warm;

	for (int i = 0; i < 3; i++) {
		stress_gap(&random);
		peer_send(d, at, 8);
		at += 8;
	}
	return 0;
}

/* Attacks. */

static bool has_peer(const struct duel *d)
{
	return d->peer >= 0;
}

static bool makes_sense(const struct duel *d, bool thread)
{
	switch (d->attack) {
	case SHUTDOWN:
		return !thread && d->call != READ && d->call != WRITE &&
		       d->call != CONNECT && d->call != RELEASE;
	case PEER_CLOSE:
		return d->call != ACCEPT && d->call != CONNECT && d->call != RELEASE;
	case DATA:
		return receives(d) || d->call == ACCEPT;
	case CANCEL:
	case DEADLINE:
		return d->call != RELEASE;
	default:
		return true;
	}
}

static int connect_to(const struct duel *d)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(d->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		stress_die(__FILE__, __LINE__, "connect", errno);
	return fd;
}

static int attack(struct duel *d, struct weft_co *co)
{
	int rc = 0;

	switch (d->attack) {
	case CLOSE:
		rc = weft_close(d->fd);
		d->fd = -1;
		return rc;
	case CANCEL:
		return weft_cancel(co);
	case SHUTDOWN:
		return weft_shutdown(d->fd, SHUT_RDWR);
	case PEER_CLOSE:
		rc = weft_close(d->peer);
		d->peer = -1;
		return rc;
	case DATA:
		if (d->call == ACCEPT)
			d->peer = connect_to(d);
		else
			peer_send(d, d->warm, d->call == RECV_ALL ? BUF : 8);
		return 0;
	default:
		return 0;
	}
}

/* The outcome. */

static ssize_t expected_error(const struct duel *d)
{
	switch (d->attack) {
	case CLOSE:
		return -EBADF;
	case CANCEL:
		return -ECANCELED;
	case DEADLINE:
		return -ETIMEDOUT;
	default:
		return d->call == SEND || d->call == WRITE ? -EPIPE : -EINVAL;
	}
}

static bool is_end(const struct duel *d)
{
	return d->attack == SHUTDOWN || d->attack == PEER_CLOSE;
}

static bool good_result(const struct duel *d)
{
	ssize_t n = d->result;

	if (n == expected_error(d) && (d->attack != DATA || n != -EINVAL))
		return !is_end(d) || d->call == ACCEPT || !receives(d);
	if (d->call == RELEASE)
		return n >= 0 || n == -EIO || n == -ETIMEDOUT;
	if (n == -ECONNRESET)
		return is_end(d);
	if (d->call == RECV_ALL)
		return n >= 0 && (n == BUF || is_end(d));
	if (receives(d))
		return n > 0 ? d->noise || is_end(d) || d->attack == DATA
			     : n == 0 && is_end(d);
	return d->call == ACCEPT && n >= 0 && d->attack == DATA;
}

/* A connection that was accepted is the one that was made. */
static int check_accepted(struct duel *d)
{
	int fd = (int)d->result;
	size_t n = 0;

	peer_send(d, 0, 8);
	while (n < 8) {
		ssize_t got = read(fd, d->buf + n, 8 - n);
		NEED(got > 0, got);
		n += (size_t)got;
	}
	check_bytes(d, 8);
	return weft_close(fd);
}

static int check(struct duel *d)
{
	bool bytes = d->call == RECV || d->call == RECV_ALL || d->call == READ ||
		     d->call == PEEK;

	if (!good_result(d)) {
		fprintf(stderr, "call %d, attack %d, noise %d: ", d->call, d->attack,
			d->noise);
		stress_die(__FILE__, __LINE__, "result", d->result);
	}
	if (bytes && d->result > 0)
		check_bytes(d, (size_t)d->result);
	if (d->call == ACCEPT && d->result >= 0)
		return check_accepted(d);
	return 0;
}

/* The victim has its buffer back: nobody writes there any more, whatever the peer sends. */
static int check_poison(struct duel *d, bool thread)
{
	memset(d->buf, POISON, BUF);
	if (has_peer(d) && receives(d))
		peer_send(d, 0, 8);
	if (thread)
		stress_thread_gap(&d->random);
	else
		stress_gap(&d->random);
	for (size_t i = 0; i < BUF; i++)
		NEED(d->buf[i] == POISON, i);
	return 0;
}

static void close_duel(const struct duel *d)
{
	bool first = d->tag & 1;

	if (first && d->fd >= 0)
		weft_close(d->fd);
	if (d->peer >= 0)
		weft_close(d->peer);
	if (!first && d->fd >= 0)
		weft_close(d->fd);
}

/* Let the stream be armed here, while the victim comes from elsewhere. */
static int warm_up(struct duel *d)
{
	if (d->call != RECV && d->call != RECV_ALL && d->call != POLL)
		return 0;
	for (unsigned n = stress_below(&d->random, 3); n > 0; n--) {
		peer_send(d, d->warm, 24);
		ssize_t got = weft_recv_all(d->fd, d->buf, 24);
		NEED(got == 24, got);
		check_bytes(d, 24);
		d->warm += 24;
	}
	return 0;
}

static void choose(struct duel *d, struct actor *a, bool thread)
{
	*d = (struct duel){.a = a, .random = stress_random(&a->random) | 1, .fd = -1};
	d->tag = stress_random(&a->random);
	do {
		d->call = (enum call)stress_below(&d->random, CALLS);
		d->attack = (enum attack)stress_below(&d->random, ATTACKS);
		d->peer = 0;
	} while (!makes_sense(d, thread));
	d->noise = receives(d) && d->attack != DATA && stress_below(&d->random, 2);
	d->due = weft_now() + stress_below(&d->random, 500000);
}

/* From here on the call has begun: whatever happens to the number is its business. */
static void await_parked(struct duel *d, bool thread)
{
	while (!is_parked(d)) {
		if (thread)
			sched_yield();
		else
			weft_sleep_ns(stress_below(&d->random, 2) ? 0 : 5000);
	}
	if (thread)
		stress_thread_gap(&d->random);
	else
		stress_gap(&d->random);
}

static int fight(struct duel *d, bool thread)
{
	struct weft_co_attr attr = stress_place(&d->random, "victim"),
			    there = stress_place(&d->random, "noise");
	struct weft_co *victim, *noise = NULL;
	int rc = weft_spawn(suffer, d, &attr, &victim);

	NEED(rc == 0, rc);
	if (d->attack != DEADLINE)
		await_parked(d, thread);
	if (d->noise && d->attack != PEER_CLOSE) {
		rc = weft_spawn(make_noise, d, &there, &noise);
		NEED(rc == 0, rc);
	}
	rc = attack(d, victim);
	NEED(rc == 0 || (rc == -ENOTCONN && d->attack == SHUTDOWN), rc);
	rc = weft_join(victim, NULL);
	NEED(rc == 0, rc);
	if (noise)
		rc = weft_join(noise, NULL);
	NEED(rc == 0, rc);
	return check(d);
}

static int duel(struct actor *a, bool thread)
{
	struct duel *d = &duels[a - stress.actor];
	int rc;

	choose(d, a, thread);
	rc = open_duel(d, thread);
	NEED(rc == 0, rc);
	if (!thread)
		rc = warm_up(d);
	if (!rc)
		rc = fight(d, thread);
	if (!rc)
		rc = check_poison(d, thread);
	close_duel(d);
	NEED(rc == 0, rc);
	atomic_fetch_add(&a->rounds, 1);
	return 0;
}

/* The stage. */

static int act(void *arg)
{
	struct actor *a = arg;

	while (!stress_over() && !duel(a, false))
		;
	atomic_store(&a->live, false);
	return 0;
}

static void *thread(void *arg)
{
	struct actor *a = arg;

	while (!stress_over() && !duel(a, true))
		;
	atomic_store(&a->live, false);
	return NULL;
}

/* On each worker: nothing is in flight, and the kernel has all buffers. */
static int check_ring(void *arg)
{
	struct wf_ring *r = &wf_worker_self()->ring;

	(void)arg;
	for (int i = 0; i < 3000; i++) {
		wf_bufs_collect(&r->bufs);
		if (r->in_flight == 0 && r->bufs.n_free == r->bufs.n)
			return 0;
		weft_sleep_ns(WEFT_MS);
	}
	stress_die(__FILE__, __LINE__, "requests in flight, or buffers lost",
		   r->in_flight);
	return 1;
}

static void check_rest(void)
{
	struct weft_stats s = {.size = sizeof(s)};
	struct weft_co *co;

	for (int i = 0; i < weft_workers(); i++) {
		struct weft_co_attr on = {
			.size = sizeof(on), .flags = WEFT_CO_PINNED, .worker = 1 + i};
		if (weft_spawn(check_ring, NULL, &on, &co) || weft_join(co, NULL))
			stress_die(__FILE__, __LINE__, "spawn, join", i);
	}
	for (int i = 0; i < 3000; i++, usleep(1000)) {
		weft_stats(&s);
		if (s.spawned == s.ended)
			return;
	}
	stress_die(__FILE__, __LINE__, "spawned but not ended",
		   (long long)(s.spawned - s.ended));
}

static int direct(void *arg)
{
	static struct weft_co *co[ACTORS];
	unsigned n = *(unsigned *)arg;

	for (unsigned i = 0; i < n; i++) {
		struct weft_co_attr attr = stress_place(&stress.random, "duel");
		struct actor *a = stress_enter(i, "duel", stress_random(&stress.random));
		int rc = weft_spawn(act, a, &attr, &co[i]);
		NEED(rc == 0, rc);
	}
	for (unsigned i = 0; i < n; i++) {
		int rc = weft_join(co[i], NULL);
		NEED(rc == 0, rc);
	}
	return 0;
}

static void begin_slice(void)
{
	static const unsigned widths[] = {1, 2, 2, 3, 4, 8};
	struct weft_options o = {.size = sizeof(o),
				 .workers = widths[stress_below(&stress.random, 6)]};

	if (stress_below(&stress.random, 2)) /* buffers run out, and so do requests */
		o.recv_buffers = o.sq_entries = 16;
	stress_stalls(&o);
	int rc = weft_start(&o);
	if (rc)
		stress_die(__FILE__, __LINE__, weft_start_error(), rc);
	atomic_store(&stress.slice_end, weft_now() + 300 * WEFT_MS);
}

static void slice(void)
{
	unsigned n = 1 + stress_below(&stress.random, 32);
	struct weft_co *co;
	pthread_t t[THREADS];

	begin_slice();
	if (weft_spawn(direct, &n, NULL, &co))
		stress_die(__FILE__, __LINE__, "spawn", 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, thread,
			       stress_enter(ACTORS - 2 - i, "thread", stress.seed + i));
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	if (weft_join(co, NULL))
		stress_die(__FILE__, __LINE__, "join", 0);
	check_rest();
	if (weft_stop())
		stress_die(__FILE__, __LINE__, "stop", 0);
}

/* A listener whose queue is full for good: who connects, waits. */
static void open_tarpit(void)
{
	socklen_t len = sizeof(tarpit);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	tarpit.sin_family = AF_INET;
	tarpit.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&tarpit, len) || listen(l, 0) ||
	    getsockname(l, (struct sockaddr *)&tarpit, &len))
		stress_die(__FILE__, __LINE__, "tarpit", errno);
	for (int i = 0; i < 4; i++) {
		int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(c, (struct sockaddr *)&tarpit, len) && errno != EINPROGRESS)
			stress_die(__FILE__, __LINE__, "tarpit", errno);
	}
}

int main(int argc, char **argv)
{
	unsigned slices = 0;
	uint64_t rounds = 0, rescued = 0;

	stress_options(argc, argv);
	signal(SIGPIPE, SIG_IGN); /* plain threads write to pipes here */
	open_tarpit();
	stress_watchdog();
	weft_time end = weft_now() + (weft_time)(stress.seconds * 1e9);
	unsigned open_before = stress_descriptors();
	struct actor *director = stress_enter(ACTORS - 1, "start and stop", 0);

	for (; weft_now() < end; slices++) {
		slice();
		rescued += wf_stalls.rescued;
		atomic_fetch_add(&director->rounds, 1);
		if (stress_descriptors() != open_before)
			stress_die(__FILE__, __LINE__, "descriptors are left", slices);
	}
	for (unsigned i = 0; i < ACTORS; i++)
		rounds += atomic_load(&stress.actor[i].rounds);
	printf("%u slices, %llu rounds, %llu completions rescued\n", slices,
	       (unsigned long long)rounds, (unsigned long long)rescued);
	return 0;
}
