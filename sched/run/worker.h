/* SPDX-License-Identifier: MIT */
/*
 * A worker: one pinned thread, one ring, one run queue, one timer heap.
 *
 *	loop:	take messages, poll the ring, fire timers, run a coroutine, and when there
 *		is none: steal, or sleep: in the ring, or where nothing can come from there,
 *		on a word.
 *
 * Coroutines switch directly to the next runnable one; the loop's own stack runs only
 * when there is none, or when `budget` switches have gone by without a look at the ring.
 * The incoming side publishes the outgoing coroutine as its first act (`publish`), when
 * its stack is no longer in use.
 *
 * ID1  StoreLoad: push to the inbox, then read `sleeping` (a sender)  <->  store
 *      `sleeping`, then look at the inbox (the worker). One of the two sees the other: no
 *      message waits for a worker that sleeps without knowing. Runnable coroutines in a
 *      run queue need no such care: the queue's owner is awake and will run them.
 *      `sleeping` is also the word of a worker that sleeps on it (a futex, which compares it
 *      once more): what was taken down says how to wake.
 *      model: tests/model/inbox.pml
 * CK1  checks: counted down by the owner  <->  store_relaxed of 1 by the monitor, for a
 *      coroutine that has run for long. A store that meets a countdown may be lost; the
 *      next one is a period away.
 * CU1  current: store_relaxed by the owner  <->  load_relaxed by the monitor, together with
 *      the number of switches: the same number twice and a coroutine each time is one run
 *      of one coroutine. Its object is there as long as the runtime is.
 * RU1  running: store_release when the thread is there, a spare's when its ring is open  <->
 *      load_acquire by who goes through the slots. Who sees it may send there; it is never
 *      taken back.
 * ID2  busy_since: relaxed hints for thieves; a stale one costs time, never
 *      work.
 */
#ifndef WF_RUN_WORKER_H
#define WF_RUN_WORKER_H

#include <pthread.h>

#include "../arch/arch.h"
#include "../base/conf.h"
#include "../co/stack.h"
#include "../place/near.h"
#include "../ring/ring.h"
#include "deque.h"
#include "inbox.h"
#include "lane.h"
#include "timer.h"

enum {
	WF_BUDGET_MIN = 64, /* switches between two looks at the ring */
	WF_BUDGET_MAX = 256,
	WF_AGE_NS = 5 * 1000 * 1000, /* how often the oldest fork is preferred */
	WF_SLICE_NS = 100 * 1000, /* a checkpoint yields that long after the last look */
	WF_CHECKS_MAX = 64,       /* checkpoints between two looks at the clock */
	WF_FIRE_MAX = 256,        /* timers fired at one look at them */
	WF_STALE_NS =
		50 * 1000, /* a queue not emptied for so long is worth stealing from */
	WF_STALE_ANY_NS = 2 * 1000 * 1000, /* and from any distance, whatever is in it */
	WF_SENTINEL_NS = 1000000,          /* how often the idle worker on watch looks */
	WF_RELIEF_NS = 20 * 1000 * 1000,   /* and the others, whether one is on watch */
};

/* Whether and where a worker sleeps. */
enum wf_sleep { WF_AWAKE, WF_IN_RING, WF_ON_WORD };

/* What an idle worker does besides sleeping (idle.c). */
enum wf_duty {
	WF_OFF,    /* nothing until something comes */
	WF_RELIEF, /* look now and then whether anybody keeps watch */
	WF_WATCH,  /* look often whether there is something to steal */
};

/* Statistics: one writer, relaxed, read by anybody. */
struct wf_counters {
	uint64_t spawned, ended, switches, steals[WF_FARS], wakes, remote_msgs,
		timers_fired, trimmed, runs_remote, latency_runs, batch_runs, spins,
		spins_won, retired, moved;
};

/* The walk over cold stacks; see trim.c. */
struct wf_trim {
	uint64_t period, due; /* ns; period 0: off; due WF_NEVER: at rest */
	uint64_t switches;    /* ours, at the end of the last walk */
	uint64_t seen, freed; /* in this walk: objects; free stacks trimmed */
	struct wf_stack_cursor at;
};

/* What a spare is besides (spare.c). */
struct wf_spare {
	struct wf_worker *post; /* SR3. NULL: no spare. For whom it works, or did last */
	/* by the monitor */
	const struct wf_worker *relieves; /* NULL: free */
	struct wf_worker *last_post;
	struct wf_worker *wanted; /* SR1 */
	uint32_t posted;          /* SR1: msg is on its way */
	struct wf_msg msg;
};

enum { WF_WISHES = 16 };

/* What the owner's signal handler is to cancel (rescue.h). By the monitor, and only while the
 * handler is not asked. */
struct wf_wishes {
	unsigned n;
	struct wf_wish wish[WF_WISHES];
};

struct wf_worker {
	/* owner only */
	struct wf_co *current; /* CU1. NULL: the loop */
	struct wf_co *leaving; /* to be published by the incoming side */
	void (*publish)(struct wf_worker *w, struct wf_co *co);
	uint64_t leave_word;        /* for publish: the park word */
	struct wf_spin *leave_lock; /* and the lock to release after it, or NULL */
	int *errno_ptr;             /* this thread's errno */
	int budget;
	bool off_duty; /* retired, or a spare at rest: runs nothing but what is pinned */
	bool ended;    /* was told that the runtime ends: nobody will wake it again */
	bool glance;   /* the present run is one of class batch */
	bool mixed;    /* other classes than normal ran since the last sleep */
	bool special;  /* something pinned, or not of class normal, may be runnable */
	bool idle;     /* has slept since it ran anything */
	enum wf_duty duty;
	int checks; /* CK1: checkpoints until the clock is read */
	int pace;   /* of them, the last time */
	uint64_t checked_at;
	uint64_t now; /* cached clock: the last look at the ring */
	void *loop_sp;
	struct wf_fiber loop_fiber;
	struct {
		long latency, normal; /* since the last one of a lesser class */
	} turns;
	struct {
		uint64_t switches, latency_runs, batch_runs; /* counters */
	} waited;                                            /* at the last sleep */
	uint64_t urgent_until; /* latency work is expected */
	uint64_t spin_ns;      /* how long to spin for it */
	struct wf_timers timers;
	struct wf_pool pool;
	struct wf_trim trim;
	unsigned spread_next, id;
	struct wf_counters count;
	uint64_t sampled; /* switches when count.runs_remote was last added to */
	struct wf_ring ring;
	struct wf_place place;
	struct wf_near near; /* fixed; of a spare: nobody */
	uint32_t dice;
	pthread_t thread;
	pid_t tid;
	struct wf_spare spare;
	struct wf_wishes wishes;

	/* shared */
	struct wf_lane lane[WF_CLASSES];
	struct wf_deque forks;                            /* of class normal */
	uint64_t busy_since __attribute__((aligned(64))); /* ID2 */
	struct wf_inbox inbox __attribute__((aligned(64)));
	struct wf_msg exit_msg; /* by the stopping thread */
	struct wf_msg duty_msg; /* LW2 (width.h) */
	uint32_t duty_posted;   /* LW2 */
	/* read by senders before the inbox, which they write to */
	uint32_t retired __attribute__((aligned(64))); /* LW1 (width.h) */
	uint32_t opening;                              /* SR2 (recruit.h) */
	uint32_t allowed;                              /* LW3: its CPU is */
	bool stays;                                    /* by who changes the width */
	uint32_t sleeping;                             /* ID1 MN1: enum wf_sleep */
	uint32_t running;                              /* RU1 */
	uint32_t called; /* WA1 (idle.c): woken to keep watch */
};

enum wf_phase { WF_STOPPED, WF_STARTING, WF_UP, WF_STOPPING, WF_LOCKED, WF_EXITING };

/* The runtime. There is one. */
struct wf_rt {
	struct wf_worker **workers; /* fixed while up: n_workers, then slots for spares */
	unsigned n_workers, n_slots;
	uint32_t width;     /* LW1 (width.h): how many of them take work */
	uint32_t changing;  /* LW3 (width.h) */
	uint32_t phase;     /* RT1: enum wf_phase */
	uint32_t sentinel;  /* WA1 (idle.c): an idle worker is on watch */
	uint32_t unwatched; /* WA1 (idle.c): there may be a sleeper, and none is */
	uint32_t relief;    /* WA1 (idle.c): sleepers that look whether one is */
	uint32_t monitor;   /* MN1 (monitor.h): what the monitor does */
	uint32_t forked;    /* RT1: we are a child made by plain fork() */
	uint32_t gate;      /* RT1: plain threads that are spawning */
	uint32_t guests;    /* RT4: plain threads that look at our memory */
	uint32_t bell;      /* RT2: counts events that the stopper waits for */
	uint32_t spread;    /* round robin of plain threads; relaxed, any value will do */
	uint64_t foreign_spawned;       /* RT2 */
	const struct wf_engine *engine; /* of all rings */
	int stack_class;                /* of the default stack */
	struct wf_conf conf;
	struct wf_plan plan;
};

extern struct wf_rt wf_rt;

/* The worker whose thread this is, or NULL. Never cached across a park. */
struct wf_worker *wf_worker_self(void);

/* The error for a call that only coroutines may make: -EPERM, or -EOWNERDEAD after fork.
 */
int wf_no_coroutine(void);

/* Plain threads only: between the two they may look at coroutines and workers. false: those
 * are gone, or about to go. */
bool wf_visit(void);
void wf_leave(void);

/* The worker whose CPU, number and pinned coroutines are meant: a spare's is another's. */
static inline struct wf_worker *wf_worker_post(struct wf_worker *w)
{
	struct wf_worker *post =
		wf_atomic_load_relaxed(&w->spare.post); /* SR3 relaxed (spare.h) */

	return wf_likely(!post) ? w : post;
}

/* The index of the node that it runs on. */
static inline unsigned wf_worker_home(struct wf_worker *w)
{
	return wf_worker_post(w)->place.home;
}

/* Whether co, which is in nobody else's hands, may run on w's node. */
static inline bool wf_may_run(struct wf_worker *w, const struct wf_co *co)
{
	return wf_likely(!(co->traits & WF_CO_BOUND)) ||
	       co->bound == wf_worker_home(w) + 1;
}

/* Whether it takes no new work; a hint. */
static inline bool wf_is_retired(const struct wf_worker *w)
{
	return wf_unlikely(wf_atomic_load_acquire(&w->retired)); /* LW1 */
}

/* The first slot from i on that has a ring, or NULL. */
struct wf_worker *wf_worker_from(unsigned i);

/* Thread body, and its parts for those that are opened later: open (0 or -errno), work until
 * the runtime ends, and last, also after a failed open, leave. */
void *wf_worker_main(void *worker);
int wf_worker_open(struct wf_worker *w);
void wf_worker_serve(struct wf_worker *w);
void wf_worker_leave(void);

/* First code of every coroutine. */
void wf_co_main(void *co);

/* shuffle.c: by w, when it looks around in a simulation. */
void wf_shuffle(struct wf_worker *w);

/* class.c: the same in full. */
struct wf_co *wf_next_special(struct wf_worker *w);

/* The next runnable coroutine. What has not begun comes last. */
static inline struct wf_co *wf_next(struct wf_worker *w)
{
	if (wf_unlikely(w->special))
		return wf_next_special(w);
	struct wf_co *co = wf_runq_pop_owner(&w->lane[WF_NORMAL].q);

	return co ? co : wf_deque_pop(&w->forks);
}

/* How many may be stolen; a hint. */
static inline uint32_t wf_queued(const struct wf_worker *w)
{
	return wf_runq_len(&w->lane[WF_NORMAL].q) + wf_runq_len(&w->lane[WF_LATENCY].q) +
	       wf_runq_len(&w->lane[WF_BATCH].q) + wf_deque_len(&w->forks);
}

/* Owner only: something pinned is runnable. */
static inline bool wf_has_pinned(const struct wf_worker *w)
{
	return w->special &&
	       (w->lane[WF_NORMAL].pinned_first || w->lane[WF_LATENCY].pinned_first ||
		w->lane[WF_BATCH].pinned_first);
}

/* idle.c */
void wf_send(struct wf_worker *to, struct wf_msg *msg);

/* End to's sleep, unless it is awake or somebody else does; whether it was this call. Any thread.
 * from: the caller's own ring, or NULL. */
bool wf_rouse(struct wf_worker *to, struct wf_ring *from);
struct wf_co *wf_idle(struct wf_worker *w);

/* By a worker that was idle and is about to run something, perhaps for long. */
void wf_idle_end(struct wf_worker *w);

void wf_mind_queue(struct wf_worker *w);

/* class.c: one that is pinned, or of another class. */
void wf_push_special(struct wf_worker *w, struct wf_co *co);

/* Every push to w's own queue: what waits there must not depend on what runs now. */
static inline void wf_push(struct wf_worker *w, struct wf_co *co)
{
	wf_runq_push_owner(&w->lane[WF_NORMAL].q, co);
	if (wf_unlikely(wf_atomic_load_seq(&wf_rt.unwatched))) /* WA1 */
		wf_mind_queue(w);
}

static inline void wf_push_fork(struct wf_worker *w, struct wf_co *co)
{
	wf_deque_push(&w->forks, co);
	if (wf_unlikely(wf_atomic_load_seq(&wf_rt.unwatched))) /* WA1 */
		wf_mind_queue(w);
}

/* wake.c */

/* co was claimed: make it runnable. w: the calling worker, NULL in plain threads. */
void wf_ready(struct wf_worker *w, struct wf_co *co);

/* The same on a certain worker, for one that is not pinned. */
void wf_ready_at(struct wf_worker *to, struct wf_co *co);

/* The coroutine that a message would make runnable on whichever worker takes it, or NULL:
 * it is for its receiver. */
struct wf_co *wf_msg_carries(struct wf_msg *msg);

/* Look whether co wants to be stopped (cancelled, or its time has come), and if so end
 * its wait. Any thread. */
void wf_abort(struct wf_worker *w, struct wf_co *co);

/* The monitor, in whose hands msg is: the coroutine that it asks to look at, or NULL. Whether
 * that is parked in a call op at w and wants to be stopped; then *ret_wish is to cancel the op.
 * In the end, look at it again. */
struct wf_co *wf_msg_aborts(struct wf_msg *msg);
bool wf_abort_wish(struct wf_worker *w, struct wf_co *co, struct wf_wish *ret_wish);
void wf_abort_again(struct wf_co *co);

/* What a coroutine that was stopped, or may not begin, is told: -ECANCELED, -ETIMEDOUT,
 * 0. */
int wf_verdict(const struct wf_co *me);

/* [entry] 0, or the verdict that forbids a parking call to begin. */
static inline int wf_may_begin(const struct wf_worker *w, const struct wf_co *me)
{
	if (wf_likely(
		    !wf_atomic_load_relaxed(&me->kick) && /* PK2 relaxed: publish looks */
		    wf_atomic_load_relaxed(&me->due) > w->now)) /* TM1 relaxed: own */
		return 0;
	return wf_verdict(me);
}

/* park.c: a checkpoint that has to look at the clock, or at what the coroutine was told. */
int wf_checkpoint_slow(struct wf_worker *w);

/* deadline.c */
void wf_timers_give(struct wf_worker *w); /* all of them, to others */
void wf_timer_arm(struct wf_worker *w, struct wf_co *co);
void wf_timers_fire(struct wf_worker *w);

/* trim.c */
void wf_trim_open(struct wf_worker *w, long period_ms);
void wf_trim_step(struct wf_worker *w);
void wf_trim_wake(struct wf_worker *w);

/* At each look around, and before a sleep: a step of the walk if it is time. */
static inline void wf_trim_tick(struct wf_worker *w)
{
	if (wf_likely(!w->trim.period))
		return;
	if (w->trim.due == WF_NEVER)
		wf_trim_wake(w);
	else if (w->now >= w->trim.due)
		wf_trim_step(w);
}

/* spawn.c */
void wf_joiner_remove(struct wf_co *target, const struct wf_co *joiner);
uint64_t wf_live(void);

#endif
