/* SPDX-License-Identifier: MIT */
/* The worker's loop. */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/sys.h"
#include "../co/faults.h"
#include "../ring/stream.h"
#include "../sim/sim.h"
#include "../sched.h"
#include "class.h"
#include "rt.h"
#include "signal.h"
#include "switch.h"
#include "width.h"

static __thread struct wf_worker *self;

/* noinline, with a barrier: callers must not keep the thread-local's address. */
__attribute__((noinline)) struct wf_worker *wf_worker_self(void)
{
	__asm__ volatile("" ::: "memory");
	return self;
}

void wf_worker_become(struct wf_worker *w)
{
	self = w;
}

struct wf_worker *wf_worker_from(unsigned i)
{
	while (i < wf_rt.n_slots &&
	       !wf_atomic_load_acquire(&wf_rt.workers[i]->running)) /* RU1 */
		i++;
	return i < wf_rt.n_slots ? wf_rt.workers[i] : NULL;
}

int wf_no_coroutine(void)
{
	return wf_atomic_load_acquire(&wf_rt.forked) ? -EOWNERDEAD : -EPERM; /* RT1 */
}

/* Here, where `self` can be read in place: 16 instructions with the public call, instead of
 * 26. Users' code runs on a worker only in coroutines: there is a current one. */
int wf_checkpoint(void)
{
	struct wf_worker *w = self;

	if (wf_likely(w != NULL) &&
	    wf_likely(!wf_atomic_load_relaxed(
		    &w->current->kick))) { /* PK2 relaxed: the next one sees it */
		int left = wf_atomic_load_relaxed(&w->checks) - 1; /* CK1 relaxed */

		wf_atomic_store_relaxed(&w->checks, left); /* CK1 relaxed: a hint */
		if (wf_likely(left > 0))
			return 0;
	}
	return wf_checkpoint_slow(w);
}

static void take_messages(struct wf_worker *w)
{
	if (wf_inbox_empty(&w->inbox))
		return;
	struct wf_msg *msg = wf_inbox_take(&w->inbox);

	while (msg) {
		struct wf_msg *next = msg->next; /* fn may send it on */
		msg->fn(w, msg);
		msg = next;
	}
}

static void take_ready(struct wf_worker *w)
{
	struct wf_co *co = w->ring.ready;

	w->ring.ready = NULL;
	w->ring.ready_tail = &w->ring.ready;
	while (co) {
		struct wf_co *next = co->next;
		wf_ready(w, co);
		co = next;
	}
}

/*
 * The youngest fork runs first, so an old one might wait for ever while new ones come: the
 * oldest becomes ready now and then. Only one, for it may be the root of a large tree, and
 * what is begun takes a stack.
 */
static void age_forks(struct wf_worker *w)
{
	struct wf_co *co;

	if (w->now < w->forks.aged_at + WF_AGE_NS)
		return;
	w->forks.aged_at = w->now;
	co = wf_deque_steal(&w->forks);
	if (co)
		wf_push(w, co);
}

/*
 * What was runnable at one look at the ring runs before the next, within bounds: to take in
 * more while much waits would only lengthen the queue, until everything that belongs to a
 * connection has left the cache when its turn comes.
 */
static int budget(const struct wf_worker *w)
{
	uint32_t n = 1 + (wf_unlikely(w->special) ? wf_queued(w)
						  : wf_runq_len(&w->lane[WF_NORMAL].q));

	int most = wf_class_budget(w, n < WF_BUDGET_MIN   ? WF_BUDGET_MIN
				      : n > WF_BUDGET_MAX ? WF_BUDGET_MAX
							  : (int)n);
	return wf_simulated() ? wf_sim_budget(most) : most;
}

static void look_around(struct wf_worker *w)
{
	if (w->ring.engine->busy(&w->ring))
		w->ring.engine->poll(&w->ring, 0);
	take_ready(w);
	w->now = wf_clock_ns();
	wf_timers_fire(w);
	if (wf_simulated())
		wf_shuffle(w);
	age_forks(w);
	wf_trim_tick(w);
}

/* Nothing to run: submit what was prepared and wait, in one call. */
static struct wf_co *wait_for_work(struct wf_worker *w)
{
	if (wf_unlikely(w->ended))
		return NULL; /* the loop looks at the phase */
	struct wf_co *co = wf_idle(w);

	w->now = wf_clock_ns();
	wf_atomic_store_relaxed(&w->busy_since, w->now); /* ID2 relaxed: a hint */
	take_messages(w);
	take_ready(w);
	wf_timers_fire(w);
	w->budget = budget(w);
	if (co)
		wf_class_runs(w, co);
	return co;
}

static struct wf_co *find_work(struct wf_worker *w)
{
	/* What the end of a call or a close made ready, outside of a poll. */
	take_ready(w);
	w->budget = budget(w);
	struct wf_co *co = wf_next(w);

	return co || w->off_duty ? co : wait_for_work(w);
}

/* The loop has nothing to publish: what it left it comes back to. */
static void publish_loop(struct wf_worker *w, struct wf_co *co)
{
	(void)w, (void)co;
}

static void run(struct wf_worker *w, struct wf_co *co)
{
	w->leaving = NULL;
	w->publish = publish_loop;
	wf_switch_enter(w, co);
	wf_fiber_leave(&w->loop_fiber, &co->fiber, false);
	wf_ctx_switch(&w->loop_sp, co->sp);
	wf_fiber_enter(&w->loop_fiber, NULL);
	w->publish(w, w->leaving);
}

/*
 * How many switches were to coroutines whose stack lies on another node: not counted at
 * each, but as the one after a look at the ring is, all since the last look are taken to be.
 */
static void sample(struct wf_worker *w, struct wf_co *co)
{
	uint64_t n = w->count.switches - w->sampled;

	w->sampled += n;
	if (co->home == wf_worker_home(w)) {
		co->runs_local += n;
	} else {
		co->runs_remote += n;
		wf_count(&w->count.runs_remote, n); /* statistics: relaxed */
	}
}

static inline void one_round(struct wf_worker *w)
{
	bool looked = false;

	if (w->budget <= 0) {
		if (!w->glance || !wf_class_glance(w))
			look_around(w);
		w->budget = budget(w);
		looked = true;
	}
	take_messages(w);
	struct wf_co *co = wf_next(w);

	if (!co) {
		co = find_work(w);
		looked = true;
		if (!co)
			co = wf_next(w);
	}
	if (!co)
		return;
	if (w->idle)
		wf_idle_end(w);
	if (looked)
		sample(w, co);
	w->budget--; /* a lone coroutine that yields comes by here each time */
	run(w, co);
}

/* What comes here is sent on. It steals nothing, so the wait brings nothing to run. */
static void round_off_duty(struct wf_worker *w)
{
	take_ready(w);
	wf_hand_on(w);
	if (wf_has_pinned(w))
		one_round(w);
	else
		wait_for_work(w);
}

static void loop(struct wf_worker *w)
{
	while (wf_atomic_load_acquire(&wf_rt.phase) != WF_EXITING) { /* RT1 */
		if (wf_likely(!w->off_duty))
			one_round(w);
		else
			round_off_duty(w);
	}
}

/* Writing to a closed connection is -EPIPE; some calls have no flag to say so. */
static void block_sigpipe(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void name_thread(unsigned id)
{
	char name[16];

	if (wf_simulated())
		return; /* it is the program's */
	snprintf(name, sizeof(name), "weft/%u", id);
	pthread_setname_np(pthread_self(), name);
}

int wf_worker_open(struct wf_worker *w)
{
	int rc = wf_rt.conf.pin < 0 ? 0 : wf_place_pin_self(&w->place);

	name_thread(w->id);
	block_sigpipe();
	self = w;
	w->tid = gettid();
	w->budget = WF_BUDGET_MIN;
	w->errno_ptr = &errno;
	w->pool.max =
		wf_pool_max((unsigned long)wf_rt.conf.max_coroutines, wf_rt.n_slots);
	w->pool.home = w->place.home;
	w->ring.id = w->id;
	w->ring.engine = wf_rt.engine;
	w->ring.ready_tail = &w->ring.ready;
	w->now = wf_clock_ns();
	w->spin_ns = (uint64_t)(wf_rt.conf.spin_us > 0 ? wf_rt.conf.spin_us : 0) * 1000;
	wf_trim_open(w, wf_rt.conf.stack_trim_ms);
	wf_fiber_init_thread(&w->loop_fiber);
	if (!rc)
		rc = wf_faults_thread_open(wf_rt.conf.faults > 0);
	if (wf_rt.conf.faults > 0 && wf_rt.conf.stall_ms > 0)
		wf_signal_thread_open();
	return rc ? rc : w->ring.engine->open(&w->ring, &wf_rt.conf);
}

static void drop_stream(struct wf_fd *f, void *ring)
{
	wf_spin_lock(&f->lock);
	if (f->home == ring) {
		wf_stream_drop(ring, f);
		f->home = NULL;
	}
	wf_spin_unlock(&f->lock);
}

/* All coroutines have ended; descriptors that were left open may still have streams. */
static void close_ring(struct wf_worker *w)
{
	wf_stream_stop_all(&w->ring);
	while (w->ring.in_flight > 0)
		w->ring.engine->poll(&w->ring, 1000000);
	wf_fd_for_each(drop_stream, &w->ring);
	w->ring.engine->close(&w->ring);
}

void wf_worker_leave(void)
{
	wf_faults_thread_close();
	self = NULL;
}

void wf_worker_serve(struct wf_worker *w)
{
	loop(w);
	wf_rt_worker_wait_all();
	close_ring(w);
}

void *wf_worker_main(void *arg)
{
	struct wf_worker *w = arg;
	int rc = wf_worker_open(w);

	wf_rt_worker_up(rc);
	if (!rc)
		wf_worker_serve(w);
	wf_worker_leave();
	return NULL;
}
