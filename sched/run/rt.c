/* SPDX-License-Identifier: MIT */
/*
 * Starting and stopping the runtime; rt.h states the rules.
 *
 * RT3  n_up, n_good, n_out, rc: add_seq or cas_seq by the workers, then the bell  <->
 *      load_seq by who counts them. Who sees the count sees what was done before it.
 */
#include "rt.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/map.h"
#include "../base/sys.h"
#include "../co/faults.h"
#include "../ring/feat.h"
#include "../ring/stream.h"
#include "../sim/sim.h"
#include "../sched.h"
#include "monitor.h"
#include "recruit.h"
#include "report.h"
#include "steal.h"

struct wf_rt wf_rt;

static struct {
	uint32_t n_up, n_good, n_out; /* RT3 */
	int rc;                       /* RT3: the first worker's failure */
	char error[256];
	pthread_mutex_t lock; /* one start or stop at a time */
} g = {.lock = PTHREAD_MUTEX_INITIALIZER};

void wf_rt_ring_bell(void)
{
	wf_atomic_add_seq(&wf_rt.bell, 1u); /* RT2 RT3 */
	wf_sys.futex_wake(&wf_rt.bell, INT32_MAX);
}

/* Wait for the bell to go beyond `seen`, at most 10 ms. */
static void await_bell(uint32_t seen)
{
	const struct timespec soon = {.tv_nsec = 10000000};

	wf_sys.futex_wait(&wf_rt.bell, seen, &soon);
}

void wf_rt_worker_up(int rc)
{
	int none = 0;

	if (rc)
		wf_atomic_cas_seq(&g.rc, &none, rc); /* RT3 */
	else
		wf_atomic_add_seq(&g.n_good, 1u); /* RT3 */
	wf_atomic_add_seq(&g.n_up, 1u);           /* RT3 */
	wf_rt_ring_bell();
}

static void await_count(uint32_t *count, uint32_t n)
{
	for (;;) {
		uint32_t seen = wf_atomic_load_seq(&wf_rt.bell); /* RT3 */
		if (wf_atomic_load_seq(count) >= n)              /* RT3 */
			return;
		await_bell(seen);
	}
}

void wf_rt_worker_wait_all(void)
{
	wf_atomic_add_seq(&g.n_out, 1u); /* RT3 */
	wf_rt_ring_bell();
	/* and until the stopper has sent its last message */
	await_count(&g.n_out, wf_atomic_load_seq(&g.n_good) + 1); /* RT3: final by now */
}

/* fork: the child has our memory but not our threads, rings or right to them. */

static void in_child(void)
{
	if (wf_rt.phase == WF_STOPPED)
		return;
	wf_worker_become(NULL);
	wf_atomic_store_seq(&wf_rt.forked, 1u);                  /* RT1 */
	wf_atomic_store_seq(&wf_rt.phase, (uint32_t)WF_STOPPED); /* RT1 */
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

/* Plain threads that use handles. */

bool wf_visit(void)
{
	wf_atomic_add_seq(&wf_rt.guests, 1u);              /* RT4 */
	uint32_t phase = wf_atomic_load_seq(&wf_rt.phase); /* RT1 RT4 */
	if (phase == WF_UP || phase == WF_STOPPING)
		return true;
	wf_leave();
	return false;
}

void wf_leave(void)
{
	wf_atomic_sub_seq(&wf_rt.guests, 1u); /* RT4 */
}

/* No coroutine is left to wait for: they are on their way out. */
static void see_guests_out(void)
{
	wf_atomic_store_seq(&wf_rt.phase, (uint32_t)WF_LOCKED); /* RT1 RT4 */
	while (wf_atomic_load_seq(&wf_rt.guests))               /* RT4 */
		sched_yield();
}

/* Memory. */

/* Each worker may be blocked. Only slots: their threads and rings come when they are needed. */
static unsigned spares_wanted(void)
{
	return wf_rt.conf.stall_ms > 0 ? wf_rt.plan.n_workers : 0;
}

/* Those that share the locked memory: who says how many workers there may be wants room for
 * them; otherwise later ones, and more spares than one, make do with what is left. */
static unsigned rings_planned(void)
{
	const struct wf_plan *p = &wf_rt.plan;

	return (wf_rt.conf.max_workers ? p->n_workers : p->n_start) + !!spares_wanted();
}

/* A worker, and behind it the numbers of all others (steal.c). */
static size_t worker_bytes(void)
{
	return wf_pages(sizeof(struct wf_worker) + wf_rt.n_slots * sizeof(uint16_t));
}

static void worker_free(struct wf_worker *w)
{
	wf_timers_close(&w->timers);
	wf_sys.munmap(w, worker_bytes());
}

/* On its node, though it is this thread that touches it first. Its ring, buffers and timers
 * need no such care: its own thread does. */
static struct wf_worker *worker_new(unsigned id)
{
	const struct wf_place *place = &wf_rt.plan.place[id % wf_rt.plan.n_workers];
	struct wf_worker *w = wf_sys.mmap(worker_bytes(), PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS);

	if (wf_sys_ptr_err(w))
		return NULL;
	wf_mem_prefer(w, worker_bytes(), wf_plan_mem(&wf_rt.plan, place->home));
	if (wf_timers_open(&w->timers, (unsigned long)wf_rt.conf.max_coroutines)) {
		worker_free(w);
		return NULL;
	}
	w->id = id;
	wf_map_name(w, worker_bytes(), "worker", (int)id);
	wf_map_name(w->timers.mem, w->timers.bytes, "timers", (int)id);
	w->place = *place;
	w->sleeping = id >= wf_rt.plan.n_start; /* MN1: until it is called */
	w->retired = id >= wf_rt.plan.n_start;  /* LW1: the same */
	w->allowed = !place->later;             /* LW3 */
	for (unsigned i = 0; i < WF_CLASSES; i++)
		wf_lane_init(&w->lane[i], wf_rt.n_slots > 1);
	wf_steal_open(w);
	return w;
}

static void workers_free(void)
{
	for (unsigned i = 0; i < wf_rt.n_slots; i++)
		if (wf_rt.workers[i])
			worker_free(wf_rt.workers[i]);
	free(wf_rt.workers);
	wf_rt.workers = NULL;
	wf_rt.n_workers = wf_rt.n_slots = 0;
}

static int workers_new(void)
{
	unsigned n = wf_rt.plan.n_workers + spares_wanted();

	wf_rt.workers = wf_sys.calloc(n, sizeof(*wf_rt.workers));
	if (!wf_rt.workers)
		return -ENOMEM;
	wf_rt.n_workers = wf_rt.plan.n_workers;
	wf_rt.width = wf_rt.plan.n_start;
	wf_rt.n_slots = n;
	for (unsigned i = 0; i < n; i++) {
		wf_rt.workers[i] = worker_new(i);
		if (!wf_rt.workers[i])
			return -ENOMEM;
	}
	return 0;
}

static int start_threads(void)
{
	unsigned n = 0;
	int rc = 0;

	g.n_up = g.n_good = g.n_out = 0;
	g.rc = 0;
	while (n < wf_rt.plan.n_start && !rc) {
		struct wf_worker *w = wf_rt.workers[n];
		rc = wf_sys.thread_create(&w->thread, NULL, wf_worker_main, w);
		wf_atomic_store_release(&w->running, (uint32_t)!rc); /* RU1 */
		n += !rc;
	}
	await_count(&g.n_up, n);
	return rc ? rc : wf_atomic_load_seq(&g.rc); /* RT3 */
}

static void on_exit_msg(struct wf_worker *w, struct wf_msg *msg)
{
	(void)msg;
	w->ended = true;
}

/* Let every worker out of its loop and wait for the threads. */
static void end_threads(void)
{
	struct wf_worker *w;

	wf_atomic_store_seq(&wf_rt.phase, (uint32_t)WF_EXITING); /* RT1 */
	for (unsigned i = 0; (w = wf_worker_from(i)); i = w->id + 1) {
		w->exit_msg.fn = on_exit_msg;
		wf_send(w, &w->exit_msg);
	}
	wf_atomic_add_seq(&g.n_out, 1u); /* RT3 */
	wf_rt_ring_bell();
	for (unsigned i = 0; (w = wf_worker_from(i)); i = w->id + 1)
		wf_sys.thread_join(w->thread);
}

static void release_all(void)
{
	wf_map_names_end();
	workers_free();
	wf_stacks_fini();
	wf_plan_fini(&wf_rt.plan);
	wf_faults_close();
	wf_sim_close();
	wf_atomic_store_seq(&wf_rt.phase, (uint32_t)WF_STOPPED); /* RT1 */
}

static void *sim_self(void)
{
	return wf_worker_self();
}

static void sim_become(void *worker)
{
	wf_worker_become(worker);
}

static uint64_t sim_progress(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < wf_rt.n_slots; i++)
		if (wf_rt.workers[i])
			n += wf_rt.workers[i]->count.switches;
	return n;
}

static void sim_standstill(const char *title)
{
	wf_report_all(title, &wf_rt.conf.on_report);
}

/* The engine, and what the kernel has for it. */
static int choose_engine(struct wf_conf *conf)
{
	static const struct wf_sim_hooks hooks = {.self = sim_self,
						  .become = sim_become,
						  .progress = sim_progress,
						  .standstill = sim_standstill};

	wf_rt.engine = &wf_engine_uring;
	if (!conf->sim || !conf->sim[0])
		return wf_feat_probe(conf->disable, g.error, sizeof(g.error));
	wf_rt.engine = &wf_engine_sim;
	int rc = wf_feat_assume(conf->disable, g.error, sizeof(g.error));
	return rc ? rc : wf_sim_open(conf->sim, conf, &hooks, g.error, sizeof(g.error));
}

static int prepare(const struct wf_conf *conf)
{
	wf_rt.conf = *conf;
	int rc = wf_conf_fill(&wf_rt.conf, g.error, sizeof(g.error));

	if (!rc)
		rc = choose_engine(&wf_rt.conf);
	if (!rc)
		rc = wf_plan_make(
			&(struct wf_plan_ask){.place = wf_rt.conf.place,
					      .workers = (unsigned)wf_rt.conf.workers,
					      .most = (unsigned)wf_rt.conf.max_workers,
					      .loose = wf_rt.conf.pin < 0},
			&wf_rt.plan, g.error, sizeof(g.error));
	if (!rc)
		wf_ring_fit(&wf_rt.conf, rings_planned());
	return rc;
}

static int open_threads(void)
{
	wf_recruit_prepare();
	int rc = start_threads();

	if (!rc)
		rc = wf_monitor_open();
	if (rc)
		end_threads();
	return rc;
}

static int open_all(void)
{
	wf_stacks_init(&(struct wf_stack_limits){
		.coroutines = (unsigned long)wf_rt.conf.max_coroutines,
		.bytes = (size_t)wf_rt.conf.stack_memory_mib << 20,
		.guard_install = wf_has(WF_FEAT_GUARD_INSTALL),
		.depths = wf_rt.conf.stack_stats > 0,
		.plan = &wf_rt.plan});
	wf_rt.stack_class = wf_stack_class((size_t)wf_rt.conf.stack_kib * 1024);
	int rc = workers_new();
	if (!rc && wf_rt.conf.faults > 0)
		rc = wf_faults_open();
	return rc ? rc : open_threads();
}

static void explain(int rc)
{
	if (g.error[0])
		return;
	snprintf(
		g.error, sizeof(g.error), "a worker could not start: %s%s", strerror(-rc),
		rc == -ENOMEM ? "; raise RLIMIT_MEMLOCK (ulimit -l) or use fewer workers "
				"(WEFT_WORKERS) or a smaller WEFT_SQ_ENTRIES"
			      : "");
}

static int start(const struct wf_conf *conf)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (wf_rt.phase != WF_STOPPED)
		return -EALREADY;
	pthread_once(&once, watch_forks);
	g.error[0] = '\0';
	int rc = prepare(conf);
	if (rc) {
		wf_sim_close();
		explain(rc);
		return rc;
	}
	wf_rt.foreign_spawned = 0;
	wf_rt.spread = 0;
	wf_rt.sentinel = wf_rt.unwatched = wf_rt.relief = 0;
	wf_atomic_store_seq(&wf_rt.phase, (uint32_t)WF_STARTING); /* RT1 */
	rc = open_all();
	if (rc) {
		explain(rc);
		release_all();
		return rc;
	}
	wf_atomic_store_seq(&wf_rt.phase, (uint32_t)WF_UP); /* RT1 */
	return 0;
}

int wf_start(const struct wf_conf *conf)
{
	if (wf_rt.forked)
		return -EOWNERDEAD;
	if (wf_self())
		return -EDEADLK;
	pthread_mutex_lock(&g.lock);
	int rc = start(conf);
	pthread_mutex_unlock(&g.lock);
	return rc;
}

static void cancel_one(struct wf_co *co, void *arg)
{
	(void)arg;
	wf_cancel_co(NULL, co);
}

/* Ask all, again and again: one that was being born may have been missed. */
static void end_coroutines(void)
{
	wf_atomic_store_seq(&wf_rt.phase, (uint32_t)WF_STOPPING); /* RT1 */
	while (wf_atomic_load_seq(&wf_rt.gate))                   /* RT1 */
		wf_spin_relax();
	if (wf_rt.conf.reports > 0)
		wf_report_left(&wf_rt.conf.on_report);
	for (;;) {
		uint32_t seen = wf_atomic_load_seq(&wf_rt.bell); /* RT2 */
		if (wf_live() == 0)
			return;
		wf_co_for_each(cancel_one, NULL);
		await_bell(seen);
	}
}

int wf_stop(void)
{
	int rc = -ESRCH;

	if (wf_rt.forked)
		return -EOWNERDEAD;
	if (wf_self())
		return -EDEADLK;
	if (wf_simulated() && !wf_sim_inside())
		return -EPERM;
	pthread_mutex_lock(&g.lock);
	if (wf_rt.phase == WF_UP) {
		end_coroutines();
		see_guests_out();
		wf_monitor_close();
		end_threads();
		release_all();
		rc = 0;
	}
	pthread_mutex_unlock(&g.lock);
	return rc;
}

const char *wf_start_error(void)
{
	return g.error;
}
