/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../base/sys.h"
#include "../base/task.h"
#include "../sched.h"
#include "adapt.h"
#include "deadlock.h"
#include "handover.h"
#include "rescue.h"
#include "signal.h"
#include "spare.h"
#include "trace.h"

enum { TRACE_BYTES = 8192 };

/* What the monitor knows of one worker. */
struct watch {
	uint64_t switches;
	uint64_t since;   /* the last look that found it moving */
	bool suspected;   /* and one since that did not: */
	uint64_t cpu;     /* CPU time of its thread then */
	uint64_t counted; /* page faults with a disk, already in the statistics */
	struct wf_task before;
	unsigned told; /* kinds of this stall */
};

struct wf_stall_counters wf_stalls;

static struct {
	pthread_t thread;
	uint64_t period;     /* of looks for stalls; 0: none */
	uint64_t adapts;     /* of looks at the width; 0: none */
	uint64_t next_adapt; /* when */
	bool rescue;
	bool reports;        /* on deadlocks */
	uint64_t next_walk;  /* over all coroutines, for the timers of the stalled */
	struct watch *watch; /* one a slot */
	char trace[TRACE_BYTES];
} m;

static uint64_t cpu_ns(const struct wf_worker *w)
{
	struct timespec ts = {0};
	clockid_t clock;

	if (!pthread_getcpuclockid(w->thread, &clock))
		clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* 0: neither, for now. */
static unsigned judge(const struct wf_worker *w, const struct watch *t,
		      const struct wf_task *task)
{
	if (cpu_ns(w) - t->cpu >= m.period / 2)
		return WF_STALL_HOG;
	return task->state == 'R' ? 0 : WF_STALL_BLOCKED;
}

static void count(unsigned kind, const struct wf_task *task)
{
	if (kind == WF_STALL_HOG)
		wf_count(&wf_stalls.hogs, 1u);
	else
		wf_count(&wf_stalls.blocked, 1u);
	if (task->state == 'D')
		wf_count(&wf_stalls.disk_sleeps, 1u);
}

static void copy_name(char *to, const struct wf_co *co)
{
	size_t i = 0;

	while (i < sizeof(co->name) - 1 &&
	       (to[i] = wf_atomic_load_relaxed(&co->name[i]))) /* CU1 relaxed: a look */
		i++;
	to[i] = '\0';
}

static bool moved(const struct wf_worker *w, const struct watch *t)
{
	return wf_atomic_load_relaxed(&w->count.switches) !=
	       t->switches; /* CU1 relaxed */
}

static void tell(struct wf_worker *w, const struct watch *t, const struct wf_co *co,
		 unsigned kind, const struct wf_task *task)
{
	const struct wf_stall_sink *sink = &wf_rt.conf.on_stall;
	char name[sizeof(co->name)];

	if (!sink->fn)
		return;
	copy_name(name, co);
	m.trace[0] = '\0';
	if (kind == WF_STALL_HOG)
		wf_trace_take(w, co, m.trace, sizeof(m.trace));
	const struct wf_stall s = {
		.kind = (enum wf_stall_kind)kind,
		.worker = (int)wf_spare_post(w)->id,
		.name = name,
		.ns = wf_clock_ns() - t->since,
		.trace = m.trace,
		.state = task->state,
		.syscall = kind == WF_STALL_BLOCKED ? task->syscall : -1,
		.wchan = kind == WF_STALL_BLOCKED ? task->wchan : "",
		.minor_faults = task->minor_faults - t->before.minor_faults,
		.major_faults = task->major_faults - t->before.major_faults};
	sink->fn(&s, sink);
}

static void count_faults(struct watch *t, const struct wf_task *task)
{
	uint64_t n = task->major_faults - t->before.major_faults;

	wf_count(&wf_stalls.faults, n - t->counted);
	t->counted = n;
}

/* The same run of the same coroutine as at the last look. */
static void stands(struct wf_worker *w, struct watch *t, const struct wf_co *co)
{
	struct wf_task task;

	wf_atomic_store_relaxed(&w->checks,
				1); /* CK1 relaxed: its next checkpoint is due */
	wf_task_read("", w->tid, &task);
	if (!t->suspected) {
		t->suspected = true;
		t->before = task;
		t->cpu = cpu_ns(w);
		return;
	}
	unsigned kind = judge(w, t, &task);

	if (task.state == '?') /* not told; or as good as all zero */
		task = (struct wf_task){.state = '?', .syscall = -1};
	else
		count_faults(t, &task);
	if (kind & ~t->told && !moved(w, t)) {
		t->told |= kind;
		count(kind, &task);
		tell(w, t, co, kind, &task);
	}
	if (t->told)
		wf_hand_over(w, m.rescue || kind == WF_STALL_BLOCKED);
}

/* Returns whether w slept all the time since the last look, as far as one can see. */
static bool look(struct wf_worker *w, uint64_t now)
{
	struct watch *t = &m.watch[w->id];
	struct wf_co *co = wf_atomic_load_relaxed(&w->current); /* CU1 relaxed: a look */
	uint64_t switches = wf_atomic_load_relaxed(&w->count.switches); /* CU1 relaxed */
	bool same = switches == t->switches;

	if (same && co) {
		stands(w, t, co);
		return false;
	}
	if (t->told)
		wf_spare_dismiss(w);
	*t = (struct watch){.switches = switches, .since = now};
	return same && wf_atomic_load_seq(&w->sleeping); /* MN1 */
}

static bool look_at_all(void)
{
	uint64_t now = wf_clock_ns();
	struct wf_worker *w;
	bool calm = true;

	for (unsigned i = 0; (w = wf_worker_from(i)); i = w->id + 1)
		calm &= look(w, now);
	return calm;
}

static uint32_t state(void)
{
	return wf_atomic_load_seq(&wf_rt.monitor); /* MN1 */
}

static bool is_stalled(const struct wf_worker *w)
{
	const struct watch *t = &m.watch[w->id];

	return t->told && wf_atomic_load_relaxed(&w->current) && /* CU1 relaxed */
	       !moved(w, t);
}

/* Stalled, or was a moment ago and has messages here. */
static struct wf_worker *patient_from(unsigned i)
{
	struct wf_worker *w;

	while ((w = wf_worker_from(i)) && !is_stalled(w) && !w->wishes.n)
		i = w->id + 1;
	return w;
}

/* A million coroutines take a tenth of a second: walk for a tenth of the time at most. */
static void rescue_timers(void)
{
	uint64_t start = wf_clock_ns();

	if (start < m.next_walk)
		return;
	wf_rescue_timers(is_stalled);
	uint64_t end = wf_clock_ns();

	m.next_walk = end + 9 * (end - start);
}

/* All are asked before any is waited for. Returns whether there is anybody to look at again. */
static bool rescue(void)
{
	uint64_t until = wf_clock_ns() + WF_RESCUE_NS;
	struct wf_worker *w;

	if (!m.rescue || !patient_from(0))
		return false;
	for (unsigned i = 0; (w = patient_from(i)); i = w->id + 1)
		if (is_stalled(w))
			wf_rescue_ask(w);
	rescue_timers();
	for (unsigned i = 0; (w = patient_from(i)); i = w->id + 1) {
		wf_rescue_reap(w, until);
		if (is_stalled(w))
			wf_hand_over(w, true);
	}
	return true;
}

static uint64_t next_look(void)
{
	uint64_t now = wf_clock_ns();
	uint64_t next = m.period ? now + m.period : m.next_adapt;
	uint64_t reports = m.reports ? now + WF_DEADLOCK_NS : WF_NEVER;

	return next < reports ? next : reports;
}

static void nap(void)
{
	uint64_t until = next_look(), now;

	while (state() == WF_MONITOR_TICKING && (now = wf_clock_ns()) < until) {
		uint64_t ns = until - now;

		if (rescue() && ns > WF_RESCUE_NS)
			ns = WF_RESCUE_NS;
		const struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
					    .tv_nsec = (long)(ns % 1000000000u)};
		wf_sys.futex_wait(&wf_rt.monitor, WF_MONITOR_TICKING, &ts);
	}
}

static bool all_sleep(void)
{
	struct wf_worker *w;

	for (unsigned i = 0; (w = wf_worker_from(i)); i = w->id + 1)
		if (!wf_atomic_load_seq(&w->sleeping)) /* MN1 */
			return false;
	return true;
}

static bool turn(uint32_t from, uint32_t to)
{
	return wf_atomic_cas_seq(&wf_rt.monitor, &from, to); /* MN1 */
}

/* Nothing to watch: until a worker wakes up. */
static void sleep_too(void)
{
	if (!turn(WF_MONITOR_TICKING, WF_MONITOR_ASLEEP))
		return;
	if (!all_sleep()) {
		turn(WF_MONITOR_ASLEEP, WF_MONITOR_TICKING);
		return;
	}
	while (state() == WF_MONITOR_ASLEEP)
		wf_sys.futex_wait(&wf_rt.monitor, WF_MONITOR_ASLEEP, NULL);
}

void wf_monitor_wake(void)
{
	if (turn(WF_MONITOR_ASLEEP, WF_MONITOR_TICKING))
		wf_sys.futex_wake(&wf_rt.monitor, 1);
}

/* Returns whether there was nothing to watch. */
static bool look_for_stalls(void)
{
	return m.period ? look_at_all() : all_sleep();
}

static void adapt(void)
{
	uint64_t now = wf_clock_ns();

	if (!m.adapts || now < m.next_adapt)
		return;
	wf_adapt_look();
	m.next_adapt = now + m.adapts;
}

static void *monitor_main(void *arg)
{
	pthread_setname_np(pthread_self(), "weft/monitor");
	while (state() != WF_MONITOR_STOPPING) {
		bool calm = look_for_stalls();
		if (m.reports && wf_deadlock_look(calm, &wf_rt.conf.on_report))
			calm = false;
		if (calm)
			sleep_too();
		adapt();
		nap();
	}
	return arg;
}

/* It takes no signals: those of the process are for threads that know of them. */
static int start_thread(void)
{
	sigset_t all, mask;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	int rc = wf_sys.thread_create(&m.thread, NULL, monitor_main, NULL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return rc;
}

int wf_monitor_open(void)
{
	wf_atomic_store_seq(&wf_rt.monitor, (uint32_t)WF_MONITOR_OFF); /* MN1 */
	memset(&wf_stalls, 0, sizeof(wf_stalls));
	const long stall_ms = wf_rt.conf.stall_ms;

	m.period = stall_ms > 0 ? (uint64_t)stall_ms * 1000000 / 2 : 0;
	m.adapts = wf_adapt_period_ns();
	m.reports = wf_rt.conf.reports > 0 && !wf_simulated(); /* there it knows itself */
	if (!m.period && !m.adapts && !m.reports)
		return 0;
	m.next_adapt = m.adapts ? wf_clock_ns() + m.adapts : WF_NEVER;
	wf_adapt_open();
	wf_deadlock_open();
	m.watch = wf_sys.calloc(wf_rt.n_slots, sizeof(*m.watch));
	if (!m.watch)
		return -ENOMEM;
	m.rescue = wf_rt.conf.rescue > 0;
	wf_trace_prepare();
	int rc = wf_rt.conf.faults > 0 ? wf_signal_open() : 0;
	wf_atomic_store_seq(&wf_rt.monitor, (uint32_t)WF_MONITOR_TICKING); /* MN1 */
	if (!rc)
		rc = start_thread();
	if (!rc)
		return 0;
	wf_atomic_store_seq(&wf_rt.monitor, (uint32_t)WF_MONITOR_OFF); /* MN1 */
	wf_signal_close();
	free(m.watch);
	return rc;
}

void wf_monitor_close(void)
{
	if (state() == WF_MONITOR_OFF)
		return;
	wf_atomic_xchg_seq(&wf_rt.monitor, (uint32_t)WF_MONITOR_STOPPING); /* MN1 */
	wf_sys.futex_wake(&wf_rt.monitor, 1);
	wf_sys.thread_join(m.thread);
	wf_rescue_close();
	wf_signal_close();
	free(m.watch);
}
