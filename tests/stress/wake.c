/* SPDX-License-Identifier: MIT */
/*
 * Lost wake-ups. Actors wait for each other by every means there is: bytes on sockets and
 * pipes, join, sleep, deadline, cancel, a spawn that an idle worker must notice, and all
 * of it from plain threads too. In between they leave gaps of random length, so that
 * workers go to sleep and are woken all the time and in every phase of it. Many slices
 * have one or two actors only: a wake-up that is lost then is not made good by the next
 * one, and the watchdog sees an actor that stands still. Every third slice or so is
 * stopped while the actors are at it.
 */
#include <poll.h>
#include <sys/socket.h>

#include "sched/run/monitor.h"
#include "stress.h"

enum wait { SLEEP, READ, RECV, POLL, ACCEPT, JOIN, WAITS };

/* What one actor's partners need; not on a stack, since a stopped actor may leave first. */
struct scene {
	struct duct {
		int in, out;
		bool stream;
	} mine, its;
	struct waiter {
		enum wait wait;
		bool timed;
		uint64_t random;
	} waiter;
	_Atomic bool flag;
};

static struct scene scenes[ACTORS];

static struct scene *scene_of(const struct actor *a)
{
	return &scenes[a - stress.actor];
}

/* Ping-pong. */

static ssize_t put(const struct duct *d, uint64_t x)
{
	return d->stream ? weft_send_all(d->out, &x, sizeof(x), 0)
			 : weft_write(d->out, &x, sizeof(x));
}

static ssize_t get(const struct duct *d, uint64_t *x)
{
	return d->stream ? weft_recv_all(d->in, x, sizeof(*x))
			 : weft_read(d->in, x, sizeof(*x));
}

static void duct_close(const struct duct *d)
{
	weft_close(d->in);
	if (d->out != d->in)
		weft_close(d->out);
}

static int echo(void *arg)
{
	struct duct d = *(struct duct *)arg;
	uint64_t random = (uint64_t)d.in + 1, x;

	while (get(&d, &x) == sizeof(x)) {
		if (stress_gap(&random) || put(&d, x) != sizeof(x))
			break;
	}
	duct_close(&d);
	return 0;
}

static int duct_open(struct scene *s, bool stream)
{
	int a[2], b[2];

	s->mine.stream = s->its.stream = stream;
	if (stream) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a))
			return -errno;
		s->mine.in = s->mine.out = a[0];
		s->its.in = s->its.out = a[1];
		weft_fd_adopt(a[0]);
		return weft_fd_adopt(a[1]);
	}
	if (pipe2(a, O_CLOEXEC) || pipe2(b, O_CLOEXEC))
		return -errno;
	s->mine.in = a[0];
	s->its.out = a[1];
	s->its.in = b[0];
	s->mine.out = b[1];
	return 0;
}

static int ping(struct actor *a, const struct duct *d)
{
	for (int i = 0; i < 30 && !stress_over(); i++) {
		uint64_t x = stress_random(&a->random), back = 0;
		ssize_t n = put(d, x);

		NEED(n == sizeof(x), n);
		NEED(stress_gap(&a->random) == 0, 0);
		n = get(d, &back);
		NEED(n == sizeof(back), n);
		NEED(back == x, back);
		atomic_fetch_add(&a->rounds, 1);
	}
	return 0;
}

static int ping_pong(struct actor *a, bool stream)
{
	struct weft_co_attr attr = stress_place(&a->random, "echo");
	struct scene *s = scene_of(a);
	struct weft_co *co;
	int rc = duct_open(s, stream);

	NEED(rc == 0, rc);
	rc = weft_spawn(echo, &s->its, &attr, &co);
	if (rc)
		duct_close(&s->its);
	else
		rc = ping(a, &s->mine);
	duct_close(&s->mine);
	NEED(rc == 0, rc);
	rc = weft_join(co, NULL);
	NEED(rc == 0, rc);
	return 0;
}

static int sockets(struct actor *a)
{
	return ping_pong(a, true);
}

static int pipes(struct actor *a)
{
	return ping_pong(a, false);
}

/* Waits that only a cancel or a deadline ends. */

static int sleep_for_ever(void *arg)
{
	(void)arg;
	return weft_sleep_ns(WEFT_NEVER);
}

static int wait_join(void)
{
	struct weft_co *co;
	int rc = weft_spawn(sleep_for_ever, NULL, NULL, &co);

	if (rc)
		return rc;
	rc = weft_join(co, NULL);
	weft_cancel(co);
	weft_detach(co);
	return rc;
}

static int wait_descriptor(enum wait wait)
{
	int p[2], rc;
	char c;

	if (wait == READ ? pipe2(p, O_CLOEXEC)
			 : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p))
		return -errno;
	if (wait != READ)
		weft_fd_adopt(p[0]);
	rc = wait == READ   ? (int)weft_read(p[0], &c, 1)
	     : wait == RECV ? (int)weft_recv(p[0], &c, 1, 0)
			    : weft_poll(p[0], POLLIN | POLLPRI);
	weft_close(p[0]);
	weft_close(p[1]);
	return rc;
}

static int wait_accept(void)
{
	int l = weft_tcp_listen("127.0.0.1", 0, NULL), rc;

	if (l < 0)
		return l;
	rc = weft_accept(l, NULL);
	weft_close(l);
	return rc;
}

static int wait_long(enum wait wait)
{
	switch (wait) {
	case SLEEP:
		return sleep_for_ever(NULL);
	case JOIN:
		return wait_join();
	case ACCEPT:
		return wait_accept();
	default:
		return wait_descriptor(wait);
	}
}

static int wait_for_end(void *arg)
{
	struct waiter *w = arg;
	struct weft_deadline d;
	weft_time at = weft_now() + stress_below(&w->random, 1000000);

	if (!w->timed)
		return wait_long(w->wait);
	weft_deadline_open(&d, at);
	int rc = wait_long(w->wait);
	if (rc == -ETIMEDOUT && weft_now() < at)
		rc = -ETIME;
	if (weft_deadline_close(&d) != 1 && rc == -ETIMEDOUT)
		rc = -ETIME;
	return rc;
}

static struct waiter *choose_wait(struct actor *a)
{
	struct waiter *w = &scene_of(a)->waiter;

	w->wait = (enum wait)stress_below(&a->random, WAITS);
	w->timed = stress_below(&a->random, 2);
	w->random = stress_random(&a->random) | 1;
	return w;
}

static int ends(struct actor *a)
{
	struct weft_co_attr attr = stress_place(&a->random, "waiter");
	struct waiter *w = choose_wait(a);
	struct weft_co *co;
	int status = 0, rc = weft_spawn(wait_for_end, w, &attr, &co);

	NEED(rc == 0, rc);
	rc = stress_gap(&a->random);
	NEED(rc == 0, rc);
	if (!w->timed)
		NEED(weft_cancel(co) == 0, 0);
	rc = weft_join(co, &status);
	NEED(rc == 0, rc);
	NEED(status == (w->timed ? -ETIMEDOUT : -ECANCELED), status * 100 - (int)w->wait);
	atomic_fetch_add(&a->rounds, 1);
	return 0;
}

/* Spawn and join; the child comes back at some time. */

static int come_back(void *arg)
{
	struct waiter *w = arg;

	return stress_gap(&w->random) ? -1 : 7;
}

static int joins(struct actor *a)
{
	struct weft_co_attr attr = stress_place(&a->random, "child");
	struct waiter *w = choose_wait(a);
	struct weft_co *co;
	int status = 0, rc = weft_spawn(come_back, w, &attr, &co);

	NEED(rc == 0, rc);
	rc = stress_gap(&a->random);
	NEED(rc == 0, rc);
	rc = weft_join(co, &status);
	NEED(rc == 0 && status == 7, rc * 100 + status);
	atomic_fetch_add(&a->rounds, 1);
	return 0;
}

/* A coroutine that is queued behind one that computes: somebody else must take it. */

static int raise_flag(void *arg)
{
	atomic_store((_Atomic bool *)arg, true);
	return 0;
}

static int hog(struct actor *a)
{
	struct scene *s = scene_of(a);
	struct weft_co *co;
	int rc = stress_gap(&a->random);

	NEED(rc == 0, rc);
	if (weft_workers() < 2)
		return joins(a);
	atomic_store(&s->flag, false);
	rc = weft_spawn(raise_flag, &s->flag, NULL, &co);
	NEED(rc == 0, rc);
	while (!atomic_load(&s->flag) && !atomic_load(&stress.stopping))
		wf_spin_relax();
	rc = weft_join(co, NULL);
	NEED(rc == 0, rc);
	atomic_fetch_add(&a->rounds, 1);
	return 0;
}

/* A deadline that was armed on one worker while its coroutine moved on to another. */

static int compute(void *ns)
{
	stress_spin((uintptr_t)ns);
	return 0;
}

/* Park once, so that the timer is in this worker's heap; then queue up behind somebody who
 * computes, so that an idle worker takes us. */
static int move_away(struct actor *a, struct weft_co *child)
{
	uintptr_t ns = stress_below(&a->random, 2000000);
	int rc = weft_join(child, NULL);

	if (!rc)
		rc = weft_spawn(compute, (void *)ns, NULL, NULL);
	return rc ? rc : weft_yield();
}

static int moves(struct actor *a)
{
	weft_time outer = stress_below(&a->random, 6000000), inner, end;
	struct weft_deadline d, e;
	struct weft_co *child;
	int rc = weft_spawn(come_back, choose_wait(a), NULL, &child);

	NEED(rc == 0, rc);
	outer = weft_now() + (outer % 2 ? outer : 3600 * WEFT_SEC);
	weft_deadline_open(&d, outer);
	rc = move_away(a, child);
	inner = weft_now() + stress_below(&a->random, 3000000);
	weft_deadline_open(&e, inner);
	if (!rc)
		rc = wait_long((enum wait)stress_below(&a->random, WAITS));
	end = weft_now();
	weft_deadline_close(&e);
	weft_deadline_close(&d);
	weft_join(child, NULL); /* in case that the first one came too late */
	NEED(rc == -ETIMEDOUT, rc);
	NEED(end >= (inner < outer ? inner : outer), end - inner);
	atomic_fetch_add(&a->rounds, 1);
	return 0;
}

/* The stage. */

static const struct part {
	const char *what;
	int (*round)(struct actor *a);
} parts[] = {{"sockets", sockets}, {"pipes", pipes}, {"ends", ends},
	     {"joins", joins},     {"moves", moves}, {"hog", hog}};

enum {
	PARTS = sizeof(parts) / sizeof(parts[0]),
	HOG = PARTS - 1,
	THREADS = 2,
	DIRECTOR = ACTORS - 1 - THREADS, /* main(), that starts and stops */
};

static unsigned crowd;
static struct part cast[ACTORS];

static int act(void *arg)
{
	struct actor *a = arg;
	int rc = 0;

	while (!stress_over() && !rc)
		rc = cast[a - stress.actor].round(a);
	atomic_store(&a->live, false);
	return 0;
}

/* Only one hog: if all workers had one, nobody could take what is queued behind them. */
static int direct(void *arg)
{
	static struct weft_co *co[ACTORS];
	uint64_t *random = arg;
	unsigned n = 0;

	for (unsigned i = 0; i < crowd; i++) {
		unsigned p = stress_below(random, i ? HOG : PARTS);
		struct weft_co_attr attr = stress_place(random, parts[p].what);

		cast[i] = parts[p];
		struct actor *a = stress_enter(i, parts[p].what, stress_random(random));
		int rc = weft_spawn(act, a, &attr, &co[i]);
		if (rc)
			atomic_store(&a->live, false);
		NEED(rc == 0, rc);
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		int rc = weft_join(co[i], NULL);
		NEED(rc == 0, rc);
	}
	return 0;
}

/* The same games from a plain thread. */
static int thread_round(struct actor *a)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .name = "of a thread"};
	struct waiter *w = choose_wait(a);
	bool returns = stress_below(&a->random, 2);
	struct weft_co *co;
	int status = 0, rc;

	rc = weft_spawn(returns ? come_back : wait_for_end, w, &attr, &co);
	NEED(rc == 0, rc);
	stress_thread_gap(&a->random);
	if (!returns && !w->timed)
		NEED(weft_cancel(co) == 0, 0);
	rc = weft_join(co, &status);
	NEED(rc == 0, rc);
	NEED(status == (returns ? 7 : w->timed ? -ETIMEDOUT : -ECANCELED), status);
	atomic_fetch_add(&a->rounds, 1);
	stress_thread_gap(&a->random);
	return 0;
}

static void *thread(void *arg)
{
	struct actor *a = arg;

	while (!stress_over() && !thread_round(a))
		;
	atomic_store(&a->live, false);
	return NULL;
}

static unsigned pick(const unsigned *from, unsigned n)
{
	return from[stress_below(&stress.random, n)];
}

static void begin_slice(void)
{
	static const unsigned widths[] = {1, 2, 2, 3, 4, 8},
			      crowds[] = {0, 1, 1, 2, 3, 8, 32};
	struct weft_options o = {.size = sizeof(o), .workers = pick(widths, 6)};

	stress_stalls(&o);
	int rc = weft_start(&o);

	if (rc)
		stress_die(__FILE__, __LINE__, weft_start_error(), rc);
	atomic_store(&stress.stopping, false);
	atomic_store(&stress.slice_end,
		     weft_now() + (50 + stress_below(&stress.random, 200)) * WEFT_MS);
	crowd = pick(crowds, 7);
}

static void threads_end(const pthread_t *t, unsigned *n)
{
	while (*n > 0)
		pthread_join(t[--*n], NULL);
}

static void slice(void)
{
	static uint64_t random; /* of the stage; the slice may end before it */
	unsigned n_threads = stress_below(&stress.random, THREADS + 1);
	pthread_t t[THREADS];
	struct weft_co *co;

	begin_slice();
	random = stress_random(&stress.random) | 1;
	if (weft_spawn(direct, &random, NULL, &co))
		stress_die(__FILE__, __LINE__, "spawn", 0);
	for (unsigned i = 0; i < n_threads; i++)
		pthread_create(&t[i], NULL, thread,
			       stress_enter(ACTORS - 1 - i, "thread",
					    stress_random(&stress.random)));
	if (stress_below(&stress.random, 3) == 0) {
		usleep(stress_below(&stress.random, 100000));
		atomic_store(&stress.stopping, true);
	} else {
		if (weft_join(co, NULL))
			stress_die(__FILE__, __LINE__, "join", 0);
		threads_end(t, &n_threads);
	}
	if (weft_stop())
		stress_die(__FILE__, __LINE__, "stop", 0);
	threads_end(t, &n_threads);
}

int main(int argc, char **argv)
{
	uint64_t rounds = 0, handed_over = 0, spares = 0;
	unsigned slices = 0;

	stress_options(argc, argv);
	stress_watchdog();
	weft_time end = weft_now() + (weft_time)(stress.seconds * 1e9);
	unsigned open_before = stress_descriptors();

	struct actor *director = stress_enter(DIRECTOR, "start and stop", 0);

	for (; weft_now() < end; slices++) {
		slice();
		handed_over += wf_stalls.handed_over;
		spares += wf_stalls.spares;
		atomic_fetch_add(&director->rounds, 1);
		if (stress_descriptors() != open_before)
			stress_die(__FILE__, __LINE__, "descriptors are left", slices);
	}
	for (unsigned i = 0; i < ACTORS; i++)
		rounds += atomic_load(&stress.actor[i].rounds);
	printf("%u slices, %llu rounds, %llu handed over, %llu times to a spare\n",
	       slices, (unsigned long long)rounds, (unsigned long long)handed_over,
	       (unsigned long long)spares);
	return 0;
}
