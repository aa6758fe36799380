/* SPDX-License-Identifier: MIT */
/*
 * What the stress programs share: --seed and --seconds, random choices, gaps of random
 * length, and a watchdog. Each actor of a program counts what it has finished; the
 * watchdog ends the process, with a report, when one of them has not moved for LIMIT
 * seconds. Only the choices follow from the seed, not the course of the threads: a failure
 * may take several runs with its seed to come again.
 */
#ifndef WF_TESTS_STRESS_H
#define WF_TESTS_STRESS_H

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sched/co/stack.h"
#include "sched/run/worker.h"
#include "weft.h"

enum { ACTORS = 64, LIMIT = 15 };

struct actor {
	const char *what; /* NULL: nobody */
	uint64_t random;
	_Atomic uint64_t rounds;
	_Atomic bool live;
};

static struct {
	uint64_t seed, random;
	double seconds;
	struct actor actor[ACTORS];
	_Atomic weft_time slice_end; /* actors finish their round and leave */
	_Atomic bool stalls;
	_Atomic bool stopping; /* weft_stop() was called on them: errors are no news */
} stress = {.seconds = 3};

/* xorshift64*, good enough to choose with. */
static inline uint64_t stress_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1du;
}

static inline unsigned stress_below(uint64_t *state, unsigned n)
{
	return (unsigned)(stress_random(state) >> 33) % n;
}

static inline void stress_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"seed", 1, NULL, 's'}, {"seconds", 1, NULL, 't'}, {NULL, 0, NULL, 0}};
	int o;

	stress.seed = (uint64_t)getpid() << 32 ^ weft_now();
	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (o == 's')
			stress.seed = strtoull(optarg, NULL, 0);
		else if (o == 't')
			stress.seconds = atof(optarg);
		else
			exit(2);
	}
	stress.random = stress.seed * 2 + 1; /* never zero */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%s --seed %llu --seconds %g\n", argv[0], (unsigned long long)stress.seed,
	       stress.seconds);
}

static inline bool stress_over(void)
{
	return atomic_load(&stress.stopping) ||
	       weft_now() >= atomic_load(&stress.slice_end);
}

/* What the runtime looks like from outside; racy, which a hang can bear. */

static inline void stress_show_worker(const struct wf_worker *w)
{
	uint64_t next = wf_timers_next(&w->timers);

	fprintf(stderr,
		"worker %u: %s, inbox %s, queue %u, in flight %u, ready %s, next timer "
		"%s, "
		"switches %llu\n",
		w->id, w->sleeping ? "asleep" : "awake", w->inbox.head ? "FULL" : "empty",
		wf_runq_len(&w->lane[WF_NORMAL].q), w->ring.in_flight,
		w->ring.ready ? "SOME" : "none",
		next == WF_NEVER     ? "never"
		: next <= weft_now() ? "PAST"
				     : "ahead",
		(unsigned long long)w->count.switches);
}

static inline void stress_show_coroutine(struct wf_co *co, void *arg)
{
	static const char *const kinds[] = {"running", "sleep", "op",
					    "stream",  "join",  "hard"};
	unsigned kind = wf_park_kind(co->park);

	(void)arg;
	fprintf(stderr, "coroutine %s: %s, kick %u, due %s, timer %d, worker %u\n",
		co->name, kind < 6 ? kinds[kind] : "?", co->kick,
		co->due == WF_NEVER     ? "never"
		: co->due <= weft_now() ? "PAST"
					: "ahead",
		co->timer.owner, co->worker ? co->worker->id : 99);
}

static inline void stress_report(void)
{
	for (unsigned i = 0; i < ACTORS; i++)
		if (stress.actor[i].what)
			fprintf(stderr, "actor %u: %s, %s, %llu rounds\n", i,
				stress.actor[i].what,
				atomic_load(&stress.actor[i].live) ? "live" : "left",
				(unsigned long long)atomic_load(&stress.actor[i].rounds));
	for (unsigned i = 0; i < wf_rt.n_workers; i++)
		stress_show_worker(wf_rt.workers[i]);
	wf_co_for_each(stress_show_coroutine, NULL);
	fprintf(stderr, "phase %u; replay with --seed %llu\n", wf_rt.phase,
		(unsigned long long)stress.seed);
}

static inline void stress_die(const char *file, int line, const char *what, long long got)
{
	fprintf(stderr, "%s:%d: %s: %lld\n", file, line, what, got);
	stress_report();
	_exit(1);
}

/* The condition holds, or the program ends with a report; a runtime that is being stopped
 * under its actors may say anything, and the actor leaves. */
#define NEED(cond, got)                                                                  \
	do {                                                                             \
		if (!(cond)) {                                                           \
			if (!atomic_load(&stress.stopping))                              \
				stress_die(__FILE__, __LINE__, #cond, (long long)(got)); \
			return -ECANCELED;                                               \
		}                                                                        \
	} while (0)

static inline void *stress_watch(void *arg)
{
	static uint64_t seen[ACTORS];
	static int still[ACTORS];

	(void)arg;
	for (;; usleep(100000)) {
		for (unsigned i = 0; i < ACTORS; i++) {
			uint64_t now = atomic_load(&stress.actor[i].rounds);

			if (now != seen[i] || !atomic_load(&stress.actor[i].live))
				still[i] = 0;
			else if (++still[i] > LIMIT * 10)
				stress_die(__FILE__, __LINE__, "no progress by actor", i);
			seen[i] = now;
		}
	}
	return NULL;
}

static inline void stress_watchdog(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, stress_watch, NULL))
		exit(1);
	pthread_detach(t);
}

static inline struct actor *stress_enter(unsigned i, const char *what, uint64_t random)
{
	struct actor *a = &stress.actor[i];

	a->what = what;
	a->random = random | 1;
	atomic_fetch_add(&a->rounds, 1);
	atomic_store(&a->live, true);
	return a;
}

static inline void stress_spin(weft_time ns)
{
	for (weft_time until = weft_now() + ns; weft_now() < until;)
		wf_spin_relax();
}

/* Every other slice has the most impatient monitor, and coroutines that block their thread
 * for some of its periods: what waits behind them is handed over, to spares too, and mostly
 * what completes at their rings is rescued. */
static inline void stress_stalls(struct weft_options *o)
{
	bool stalls = stress_below(&stress.random, 2);

	o->stall_ms = stalls ? 1 : -1;
	o->faults = stalls ? 1 : -1;
	o->rescue = stalls && stress_below(&stress.random, 4) ? 1 : -1;
	atomic_store(&stress.stalls, stalls);
}

/* In a coroutine: nothing, a yield, some microseconds of computing, or a sleep. What the
 * other side does meanwhile falls somewhere into its way to sleep. */
static inline int stress_gap(uint64_t *random)
{
	switch (stress_below(random, 8)) {
	case 0:
		if (atomic_load(&stress.stalls))
			usleep(stress_below(random, 4000));
		return 0;
	case 1:
		return weft_checkpoint();
	case 2:
		return weft_yield();
	case 3:
	case 4:
	case 5:
		stress_spin(stress_below(random, 20000));
		return 0;
	case 6:
		return weft_sleep_ns(stress_below(random, 100000));
	default:
		return weft_sleep_ns(stress_below(random, 2000000));
	}
}

/* The same in a plain thread. */
static inline void stress_thread_gap(uint64_t *random)
{
	if (stress_below(random, 2))
		usleep(stress_below(random, 500));
	else
		stress_spin(stress_below(random, 20000));
}

/* Some placement for a new coroutine: here, in turn, pinned, or on a certain worker. */
static inline struct weft_co_attr stress_place(uint64_t *random, const char *name)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .name = name};

	attr.flags = stress_below(random, 4); /* PINNED, SPREAD, both, none */
	if (stress_below(random, 3) == 0)
		attr.worker = 1 + (int)stress_below(random, wf_rt.n_workers);
	return attr;
}

static inline unsigned stress_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
