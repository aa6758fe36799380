/* SPDX-License-Identifier: MIT */
/*
 * Threads that may block. A thread is started when more tasks wait than threads are idle, and ends
 * when it was idle for long. Who finds the queue full waits in `for_room`, whose lock is taken inside the
 * pool's and held until the waiter is in it; whoever takes a task out lets one of them try again.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../options.h"
#include "../sync/event.h"
#include "lanes.h"

struct pool {
	struct weft_executor ex; /* first */
	struct wf_waitq for_room;
	struct weft_event empty;    /* closing, and no thread is left */
	unsigned max_threads, most; /* tasks that wait */
	uint64_t idle_ns;
	char name[12];
	pthread_mutex_t lock;
	pthread_cond_t work; /* lock */
	/* lock */
	struct weft__lanes queue;
	unsigned threads, idle;
	bool crowded; /* somebody may wait for room */
	bool closing;
};

static struct pool *pool_of(struct weft_executor *ex)
{
	return (struct pool *)ex;
}

/* The threads. */

/* Locked. Returns whether it was idle for long; *io_at: until when, 0 at first. */
static bool wait_for_work(struct pool *p, uint64_t *io_at)
{
	*io_at = *io_at ? *io_at : wf_clock_ns() + p->idle_ns;
	const struct timespec until = {.tv_sec = (time_t)(*io_at / 1000000000u),
				       .tv_nsec = (long)(*io_at % 1000000000u)};

	p->idle++;
	bool late = pthread_cond_timedwait(&p->work, &p->lock, &until) == ETIMEDOUT;
	p->idle--;
	return late;
}

/* Locked. There is room again: one of those who wait for it, to be woken. */
static struct wf_waiter *who_may_try(struct pool *p)
{
	if (!p->crowded)
		return NULL;
	wf_spin_lock(&p->for_room.lock);
	struct wf_waiter *next = wf_waitq_take(&p->for_room);
	p->crowded = p->for_room.first;
	wf_spin_unlock(&p->for_room.lock);
	return next;
}

/* The next task, or NULL: the thread is to end, and does not count any more. */
static struct weft_future *next_task(struct pool *p)
{
	struct weft_future *f;
	uint64_t at = 0;
	bool late = false;

	pthread_mutex_lock(&p->lock);
	while (!(f = weft__lanes_pop(&p->queue)) && !p->closing && !late)
		late = wait_for_work(p, &at);
	struct wf_waiter *next = f ? who_may_try(p) : NULL;
	bool last = !f && --p->threads == 0 && p->closing;
	pthread_mutex_unlock(&p->lock);
	wf_waiters_wake(next);
	if (last)
		weft_event_set(&p->empty); /* p may be gone now */
	return f;
}

static void *thread_main(void *arg)
{
	struct pool *p = arg;
	struct weft_future *f;
	unsigned home = ~0u;

	pthread_setname_np(pthread_self(), p->name);
	while ((f = next_task(p))) {
		if (f->home != home) {
			home = f->home;
			wf_pin_near(home);
		}
		weft__future_run(f);
	}
	return NULL;
}

/* Signals of the process are for threads that know of them. */
static int start_thread(struct pool *p)
{
	static const int own[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
				  SIGTRAP, SIGABRT, SIGSYS};
	pthread_attr_t attr;
	sigset_t most, mask;
	pthread_t thread;

	sigfillset(&most);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		sigdelset(&most, own[i]);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &most, &mask);
	int rc = wf_thread_create(&thread, &attr, thread_main, p);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

/* The executor. */

/* Locked. Whether another thread is wanted; then it counts already. */
static bool wants_thread(struct pool *p)
{
	bool more = p->queue.n > p->idle && p->threads < p->max_threads;

	p->threads += more;
	return more;
}

/* There is no thread, and none can be had. Whether f is still ours. */
static bool take_back(struct pool *p, struct weft_future *f)
{
	pthread_mutex_lock(&p->lock);
	bool mine = --p->threads == 0 && weft__lanes_remove(&p->queue, f);
	struct wf_waiter *next = mine ? who_may_try(p) : NULL;
	pthread_mutex_unlock(&p->lock);
	wf_waiters_wake(next);
	return mine;
}

static const struct wf_awaited awaited = {.text = "room in a pool", .outside = true};

/* [waits] Locked if 0. */
static int lock_with_room(struct pool *p, bool wait)
{
	struct wf_waiter me = {.what = &awaited};
	uintptr_t who;
	int rc = wait ? wf_may_wait(&who) : 0;

	while (rc >= 0) {
		pthread_mutex_lock(&p->lock);
		rc = p->closing ? -ESHUTDOWN : p->queue.n < p->most ? 0 : -EAGAIN;
		if (!rc)
			return 0;
		if (rc == -ESHUTDOWN || !wait) {
			pthread_mutex_unlock(&p->lock);
			return rc;
		}
		p->crowded = true;
		wf_spin_lock(&p->for_room.lock);
		pthread_mutex_unlock(&p->lock);
		rc = wf_waitq_wait(&p->for_room, &me, false);
		me.passed = me.passed || rc == 0; /* others may be faster */
	}
	return rc;
}

static int begin(struct weft_executor *ex, struct weft_future *f, bool wait)
{
	struct pool *p = pool_of(ex);
	int rc = lock_with_room(p, wait);

	if (rc)
		return rc;
	weft__lanes_push(&p->queue, f);
	bool another = wants_thread(p);
	if (!another && p->idle)
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	rc = another ? start_thread(p) : 0;
	return rc && take_back(p, f) ? rc : 0;
}

static bool withdraw(struct weft_executor *ex, struct weft_future *f)
{
	struct pool *p = pool_of(ex);

	pthread_mutex_lock(&p->lock);
	bool mine = weft__lanes_remove(&p->queue, f);
	struct wf_waiter *next = mine ? who_may_try(p) : NULL;
	pthread_mutex_unlock(&p->lock);
	wf_waiters_wake(next);
	return mine;
}

static void cancel_queued(struct pool *p)
{
	struct weft_future *f;

	do {
		pthread_mutex_lock(&p->lock);
		f = weft__lanes_pop(&p->queue);
		pthread_mutex_unlock(&p->lock);
		if (f)
			weft__future_end(f, -ECANCELED);
	} while (f);
}

static void pool_close(struct weft_executor *ex, bool cancel)
{
	struct pool *p = pool_of(ex);

	pthread_mutex_lock(&p->lock);
	p->closing = true;
	bool empty = !p->threads;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	if (cancel)
		cancel_queued(p);
	if (!empty)
		weft__event_await(&p->empty);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const struct weft__executor_ops ops = {
	.begin = begin, .withdraw = withdraw, .close = pool_close};

static void init_locks(struct pool *p)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, &attr);
	pthread_condattr_destroy(&attr);
}

static unsigned default_threads(void)
{
	int n = 4 * wf_n_workers();

	return n <= 0 ? 4 : n > 32 ? 32 : (unsigned)n;
}

int weft_pool_open(const struct weft_pool_options *opt, struct weft_executor **ret_ex)
{
	struct weft_pool_options o;
	int rc = weft__options_copy(&o, sizeof(o), opt);

	if (rc)
		return rc;
	struct pool *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->ex.ops = &ops;
	p->max_threads = o.threads ? o.threads : default_threads();
	p->idle_ns = o.idle_ns ? o.idle_ns : 10 * WEFT_SEC;
	snprintf(p->name, sizeof(p->name), "%s", o.name ? o.name : "weft/pool");
	init_locks(p);
	p->most = o.queue ? o.queue : 1024;
	weft_event_outside(&p->empty);
	*ret_ex = &p->ex;
	return 0;
}

void weft_executor_close(struct weft_executor *ex, bool cancel)
{
	if (ex)
		ex->ops->close(ex, cancel);
}

/* The runtime's. */

static struct {
	pthread_mutex_t lock;
	struct weft_executor *ex; /* lock */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void open_shared(void)
{
	const struct wf_conf *conf = wf_settings();
	const struct weft_pool_options o = {.size = sizeof(o),
					    .threads = (unsigned)conf->blocking_threads,
					    .queue = (unsigned)conf->blocking_queue};

	if (weft_pool_open(&o, &shared.ex))
		shared.ex = NULL;
}

struct weft_executor *weft__default_pool(void)
{
	if (wf_n_workers() < 0)
		return NULL;
	pthread_mutex_lock(&shared.lock);
	if (!shared.ex)
		open_shared();
	struct weft_executor *ex = shared.ex;
	pthread_mutex_unlock(&shared.lock);
	return ex;
}

void weft__default_pool_close(void)
{
	pthread_mutex_lock(&shared.lock);
	struct weft_executor *ex = shared.ex;
	shared.ex = NULL;
	pthread_mutex_unlock(&shared.lock);
	weft_executor_close(ex, true);
}
