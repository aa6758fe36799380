/* SPDX-License-Identifier: MIT */
/*
 * The coroutine object, and the word that decides who resumes it.
 *
 * The object sits at the top of its own stack, so that an idle coroutine costs one page.
 * Its memory is type-stable while the runtime lives: a late waker may look at an object
 * that was recycled, and the sequence number in `park` tells it so.
 *
 * A coroutine is either running, runnable (in exactly one queue) or parked. `park` is
 *
 *	sequence << 8 | kind		kind 0: running or runnable, else what it waits
 *for
 *
 * and whoever turns (sequence, kind) into (sequence, 0) by compare-and-swap is the one
 *and only waker: it then owns the coroutine until it makes it runnable.
 *
 * PK1  park: xchg_seq in wf_co_publish (by the incoming side, when the stack is no longer
 *      in use)  <->  cas_seq in wf_co_claim. A claimer sees all that the coroutine wrote,
 *      and its saved stack pointer. model: tests/model/park.pml
 * PK2  StoreLoad: publish park, then read kick (the parker)  <->  set kick, then read
 *park (the canceller or a timer on another worker). One of the two sees the other, so no
 *      cancellation is lost. model: tests/model/park.pml (without PK3)
 * PK3  park: a worker that must keep a parked coroutine from running for a moment turns
 *      (sequence, kind) into (sequence, kind | HELD) by cas_seq, and back by store_release
 *      <->  load_seq in wf_co_claim's slow path. Who would claim it waits meanwhile, so no
 *      wake-up is lost; holding lasts for one madvise(2).
 * CO1  seen: relaxed; each worker looks at those that it ran last. A stale value costs a
 *      trim too much or too little.
 * BD1  bound: store_relaxed by the spawner, before it is known to anybody  <->  load_relaxed
 *      by thieves of other nodes. It changes only between lives, so what a thief read of one
 *      that it then got (RQ2) was true.
 * CN1  gen, dead: written by the recycler before the object is handed out again; a handle
 *      is checked against them under the rule that its owner has not yet given it up.
 *
 * Timers and messages of other workers may still hold an object when it is recycled. That
 * is harmless: their links are theirs, a new life does not touch them, and when they come
 * due they look at what the present life wants (kick, due, park) and act on that alone.
 */
#ifndef WF_CO_CO_H
#define WF_CO_CO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/assert.h"
#include "../base/atomic.h"
#include "../base/clock.h"
#include "../base/spin.h"
#include "fiber.h"

struct wf_co;
struct wf_group;
struct wf_cleanup;
struct wf_context;
struct wf_worker;

enum wf_wait {
	WF_RUNNING = 0,
	WF_WAIT_SLEEP, /* only its timer or a cancel wakes it */
	WF_WAIT_OP, /* a call op is in flight on ring `wait_ring`; its completion wakes */
	WF_WAIT_STREAM,     /* for bytes or connections of the descriptor at `wait_obj` */
	WF_WAIT_JOIN,       /* for the end of the coroutine at `wait_obj` */
	WF_WAIT_QUEUE,      /* in a wait queue, by the waiter at `wait_obj` */
	WF_WAIT_HARD,       /* cannot be cancelled: the release half of something */
	WF_WAIT_HARD_QUEUE, /* both */
};

static inline bool wf_wait_is_hard(enum wf_wait kind)
{
	return kind >= WF_WAIT_HARD;
}

enum wf_kick {
	WF_KICK_CANCEL = 1, /* sticky: every parking call says -ECANCELED from now on */
	WF_KICK_TIMER =
		2, /* a timer of another worker fired while this one was running */
	WF_KICK_SCOPE = 4,       /* a scope is cancelled that no shield is inside of */
	WF_KICK_LEVEL = 1 << 16, /* times the number of open shields */
};

/* Whether it means that the coroutine is to stop. */
static inline bool wf_kick_stops(uint32_t kick)
{
	return kick & WF_KICK_SCOPE || (kick & WF_KICK_CANCEL && kick < WF_KICK_LEVEL);
}

enum {
	WF_CO_PINNED = 1,  /* by attribute: for life */
	WF_CO_BOUND = 2,   /* to a node, see `bound`: for life */
	WF_CO_LATENCY = 4, /* its class; neither: normal */
	WF_CO_BATCH = 8,
	WF_CO_CLASS = WF_CO_LATENCY | WF_CO_BATCH,
	WF_CO_PIN_ONE = 16,
};

/* What a coroutine was told when it was resumed without a result of its own. */
#define WF_ABORTED INT32_MIN

/* A bit of the kind in `park`: do not claim it just now. */
#define WF_PARK_HELD 0x80u

/* Owned by the worker whose heap holds it; see run/timer.h. */
struct wf_timer {
	uint64_t at;   /* TM1: written by the heap's worker */
	int32_t owner; /* TM1: worker id, or -1 in no heap */
	uint32_t slot; /* its place in the heap */
};

/* A request that travels to another worker's inbox; see run/inbox.h. */
struct wf_msg {
	struct wf_msg *next;
	void (*fn)(struct wf_worker *w, struct wf_msg *msg); /* on the receiving worker */
};

struct wf_scope {
	uint64_t at, due;      /* its own time; the earliest of it and those that count */
	struct wf_scope *prev; /* innermost first */
	uint16_t level;        /* how many shields are open in it, itself included */
	bool shield;           /* what is outside does not count inside */
	uint32_t cancelled;    /* SC1 (run/scope.h) */
};

struct wf_co {
	/* One cache line: all that who wakes it touches, on whichever worker. */
	void *sp; /* while not running: the saved stack pointer */
	union {
		struct wf_co *next; /* the link of the one list or queue that holds it */
		struct wf_msg ready_msg; /* or makes it runnable on another worker */
	};
	uint64_t park;  /* PK1 PK2 */
	uint64_t due;   /* PK2 TM1: earliest open deadline, or the end of a sleep */
	uint32_t kick;  /* PK2 SC1: enum wf_kick */
	int32_t result; /* set by the waker before it makes the coroutine runnable */
	struct wf_worker *worker; /* WK1: runs it, or ran it last */
	int saved_errno;
	uint32_t traits; /* owner only; 0: the plain one. WF_CO_*, and WF_CO_PIN_ONE for
			    each weft_pin */

	void *wait_obj;         /* what it waits for, by kind; valid while parked */
	struct wf_scope *scope; /* owner only */

	int (*fn)(void *arg); /* CN1 */
	void *arg;
	const void *from;         /* the code that asked for it */
	int status;               /* fn's result; join_lock */
	struct wf_spin join_lock; /* guards the next four */
	bool done, detached;
	void *joiner; /* a coroutine, or a thread's waiter with bit 0 set */
	uint64_t joiner_word;

	struct wf_cleanup *cleanups; /* owner only, as the next two: the newest first */
	void *locals;                /* the library's */
	struct wf_context *context;  /* what its children inherit, or NULL */

	struct wf_group *open;  /* owner only: the innermost one that it has open */
	struct wf_group *group; /* GR1 (run/group.h): the one it is in, or NULL */
	struct wf_co *members_next, *members_prev; /* its lock */
	unsigned member;                           /* its number there */

	/* Not reset between lives: other workers may hold them. */
	struct wf_timer timer;
	uint64_t seen; /* CO1: the park that run/trim.c saw last */
	uint64_t told; /* by the monitor: the park that run/deadlock.c reported */
	struct wf_msg abort_msg; /* asks the ring's worker to look at kick and due */
	struct wf_msg timer_msg; /* asks the heap's worker to move the timer */
	uint32_t abort_posted;   /* AM1: abort_msg is on its way */
	uint32_t timer_posted;   /* AM1: timer_msg is on its way */

	uint16_t gen;  /* CN1 */
	uint8_t class; /* stack size */
	uint8_t dead;  /* CN1: in a pool */
	uint8_t home;  /* index of the node that its stack lies on; it alone changes it */
	uint64_t runs_local, runs_remote; /* by who runs it: see sample() in worker.c */
	uint16_t bound; /* BD1: 1 + index of the node that it must not leave; 0: none */
	unsigned valgrind_id;
	struct wf_fiber fiber;
	char name[32];
};

_Static_assert(offsetof(struct wf_co, wait_obj) <= 64, "who wakes it touches one line");

/*
 * WK1  worker: store_relaxed by the worker that switches it in  <->  load_relaxed by a
 *      waker, to choose an inbox. It orders nothing: every worker's inbox will do, and a
 *      pinned coroutine's never changes. It changes only between parks: run/trim.c reads it
 *      (load_acquire) between two looks at the same park word.
 */

static inline unsigned wf_park_kind(uint64_t word)
{
	return (unsigned)(word & 0xff);
}

/* The word that the next park of kind will have. Owner only. */
static inline uint64_t wf_co_next_word(const struct wf_co *co, enum wf_wait kind)
{
	uint64_t word = wf_atomic_load_relaxed(&co->park); /* PK1 relaxed: our own */

	return ((word >> 8) + 1) << 8 | (uint64_t)kind;
}

/* By the incoming side: from here on others may claim co. Returns whether somebody wants
 * it stopped, which the caller must then look into. */
static inline bool wf_co_publish(struct wf_co *co, uint64_t word)
{
	wf_atomic_xchg_seq(&co->park, word);       /* PK1 PK2 */
	return wf_atomic_load_seq(&co->kick) != 0; /* PK2 */
}

/* Keep co, parked as `word` says, from being claimed. False: it is no more so parked. */
static inline bool wf_co_hold(struct wf_co *co, uint64_t word)
{
	return wf_atomic_cas_seq(&co->park, &word, word | WF_PARK_HELD); /* PK1 PK3 */
}

static inline void wf_co_release(struct wf_co *co, uint64_t word)
{
	wf_atomic_store_release(&co->park, word); /* PK3 */
}

/* The park word, when nobody holds it. */
static inline uint64_t wf_co_word(const struct wf_co *co)
{
	uint64_t word;

	while (wf_unlikely((word = wf_atomic_load_seq(&co->park)) & /* PK1 PK2 PK3 */
			   WF_PARK_HELD))
		wf_spin_relax();
	return word;
}

/* Become co's one waker, if it is still parked as `word` says. */
static inline bool wf_co_claim(struct wf_co *co, uint64_t word)
{
	uint64_t found = word;

	while (wf_unlikely(!wf_atomic_cas_seq(&co->park, &found,
					      word & ~(uint64_t)0xff))) { /* PK1 */
		if (found != (word | WF_PARK_HELD))                       /* PK3 */
			return false;
		found = word;
		wf_spin_relax();
	}
	return true;
}

/* The same where only this thread can wake co: the completion of a call op. */
static inline void wf_co_claim_owned(struct wf_co *co)
{
	uint64_t word = wf_atomic_load_relaxed(&co->park); /* PK1 relaxed: no rival */

	wf_assert(wf_park_kind(word) == WF_WAIT_OP);
	wf_atomic_store_release(&co->park, word & ~(uint64_t)0xff); /* PK1 */
}

/* Handles carry the generation above the address bits. */
static inline void *wf_co_handle(const struct wf_co *co)
{
	return (void *)((uintptr_t)co | (uintptr_t)co->gen << 48);
}

static inline struct wf_co *wf_co_from_handle(const void *handle)
{
	return (struct wf_co *)((uintptr_t)handle & (((uintptr_t)1 << 48) - 1));
}

/* Whether the handle is stale. */
static inline bool wf_co_stale(const void *handle)
{
	const struct wf_co *co = wf_co_from_handle(handle);

	return wf_atomic_load_relaxed(&co->gen) /* CN1 relaxed: the handle's owner asks */
		       != (uint16_t)((uintptr_t)handle >> 48) ||
	       wf_atomic_load_relaxed(&co->dead); /* CN1 relaxed: the same */
}

#endif
