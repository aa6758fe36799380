/* SPDX-License-Identifier: MIT */
/*
 * A worker's forks: coroutines that have not begun, spawned to be joined by their parent
 * (WEFT_CO_FORK). The owner takes the youngest, so that a tree of them is walked depth first
 * and few stacks are in use at a time; thieves take the oldest, the root of the largest
 * subtree. (Chase and Lev, "Dynamic circular work-stealing deque", 2005.) The ring is of
 * fixed size; what does not fit goes on a list, youngest first, which needs no memory.
 *
 * DQ1  bottom: store_release in wf_deque_push  <->  load_seq in wf_deque_steal. A thief that
 *      sees the new bottom sees the slot and all that the coroutine's maker wrote.
 *      model: tests/model/deque.pml
 * DQ2  StoreLoad: lower bottom, then read top (the owner pops)  <->  read top, then bottom,
 *      then raise top (a thief). They cannot both believe that the last one is theirs without
 *      meeting at the cas of top. A slot is written again only when top has passed it, so a
 *      thief whose cas succeeds has read what it takes. model: tests/model/deque.pml
 * DQ3  n_more: written under more_lock; read without it as a hint.
 */
#ifndef WF_RUN_DEQUE_H
#define WF_RUN_DEQUE_H

#include "../base/atomic.h"
#include "../base/spin.h"
#include "../co/co.h"

enum { WF_DEQUE_SIZE = 256 };

struct wf_deque {
	uint32_t top __attribute__((aligned(64)));    /* DQ2: the oldest */
	uint32_t bottom __attribute__((aligned(64))); /* DQ1 DQ2: past the youngest */
	uint64_t aged_at;                             /* owner only */
	struct wf_spin more_lock;
	struct wf_co *more;                /* more_lock */
	uint32_t n_more;                   /* DQ3 */
	struct wf_co *slot[WF_DEQUE_SIZE]; /* DQ1 DQ2 */
};

/* Any thread: how many there are; a hint unless it is the owner's and 0. */
static inline uint32_t wf_deque_len(const struct wf_deque *d)
{
	int32_t n =
		(int32_t)(wf_atomic_load_relaxed(&d->bottom) - /* DQ1 relaxed: a hint */
			  wf_atomic_load_relaxed(&d->top));    /* DQ2 relaxed: a hint */

	return (n > 0 ? (uint32_t)n : 0) +
	       wf_atomic_load_relaxed(&d->n_more); /* DQ3 relaxed: a hint */
}

/* Owner only. */
void wf_deque_push_slow(struct wf_deque *d, struct wf_co *co);

/* Any thread. */
struct wf_co *wf_deque_take_more(struct wf_deque *d);

/* Owner only. */
static inline void wf_deque_push(struct wf_deque *d, struct wf_co *co)
{
	uint32_t bottom = wf_atomic_load_relaxed(&d->bottom); /* DQ1 relaxed: own */

	if (wf_unlikely(bottom - wf_atomic_load_acquire(&d->top) >=
			WF_DEQUE_SIZE)) { /* DQ2 */
		wf_deque_push_slow(d, co);
		return;
	}
	wf_atomic_store_relaxed(&d->slot[bottom % WF_DEQUE_SIZE],
				co);                     /* DQ1 relaxed: bottom, below */
	wf_atomic_store_release(&d->bottom, bottom + 1); /* DQ1 */
}

/* Owner only: the youngest, or NULL. */
static inline struct wf_co *wf_deque_pop(struct wf_deque *d)
{
	uint32_t bottom = wf_atomic_load_relaxed(&d->bottom); /* DQ1 relaxed: own */

	if (wf_unlikely(
		    wf_atomic_load_relaxed(&d->n_more))) { /* DQ3 relaxed: own pushes */
		struct wf_co *co = wf_deque_take_more(d);
		if (co)
			return co;
	}
	/* top only grows and nobody else pushes: equal is empty, for sure */
	if (bottom == wf_atomic_load_relaxed(&d->top)) /* DQ2 relaxed: see above */
		return NULL;
	wf_atomic_store_seq(&d->bottom, --bottom);  /* DQ2 */
	uint32_t top = wf_atomic_load_seq(&d->top); /* DQ2 */
	struct wf_co *co = wf_atomic_load_relaxed(
		&d->slot[bottom % WF_DEQUE_SIZE]); /* DQ1 relaxed: own */

	if (wf_likely((int32_t)(bottom - top) > 0))
		return co;
	if (bottom != top || !wf_atomic_cas_seq(&d->top, &top, top + 1)) /* DQ2 */
		co = NULL;                               /* a thief has it */
	wf_atomic_store_release(&d->bottom, bottom + 1); /* DQ1: empty, bottom == top */
	return co;
}

/* Any thread: the oldest of the ring, or one of the others; NULL: there is none, or another
 * thief was faster. */
static inline struct wf_co *wf_deque_steal(struct wf_deque *d)
{
	uint32_t top = wf_atomic_load_seq(&d->top);       /* DQ2 */
	uint32_t bottom = wf_atomic_load_seq(&d->bottom); /* DQ1 DQ2 */

	if ((int32_t)(bottom - top) <= 0)
		return wf_atomic_load_relaxed(&d->n_more) /* DQ3 relaxed: re-checked */
			       ? wf_deque_take_more(d)
			       : NULL;
	struct wf_co *co = wf_atomic_load_relaxed(
		&d->slot[top % WF_DEQUE_SIZE]); /* DQ1 relaxed: after bottom */
	return wf_atomic_cas_seq(&d->top, &top, top + 1) ? co : NULL; /* DQ2 */
}

#endif
