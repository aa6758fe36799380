/* SPDX-License-Identifier: MIT */
/*
 * A worker's run queue: a bounded ring that thieves may take from, and an unbounded
 * overflow list behind it (intrusive: it needs no memory). First in, first out: while the
 * overflow list holds anything, pushes go there.
 *
 * The owner pushes at tail with a plain release store; owner and thieves pop at head by
 * compare-and-swap, so a pop costs one locked instruction. With a single worker there are
 * no thieves and not even that.
 *
 * RQ1  tail: store_release in wf_runq_push_owner  <->  load_acquire in wf_runq_steal.
 *      A thief that sees the new tail sees the slot and all that the coroutine wrote.
 *      model: tests/model/runq.pml, tests/model/steal.pml
 * RQ2  head: cas_seq by whoever pops  <->  cas_seq by the others, load_acquire by the
 *      owner before it reuses a slot. A slot is read before the head moves past it and
 *      written only after, so no pop returns what another one did.
 *      model: tests/model/runq.pml, tests/model/steal.pml
 * RQ3  n_over: written under the list's lock; read without it as a hint.
 */
#ifndef WF_RUN_RUNQ_H
#define WF_RUN_RUNQ_H

#include "../base/spin.h"
#include "../co/co.h"

enum { WF_RUNQ_SIZE = 512 };

struct wf_runq {
	uint32_t head __attribute__((aligned(64))); /* RQ2 */
	uint32_t tail __attribute__((aligned(64))); /* RQ1, owner writes */
	bool shared;     /* there are thieves; fixed before the start */
	uint32_t n_over; /* RQ3 */
	struct wf_spin over_lock;
	struct wf_co *over_first, **over_last; /* over_lock */
	struct wf_co *slot[WF_RUNQ_SIZE];      /* RQ1 RQ2 */
};

void wf_runq_init(struct wf_runq *q, bool shared);

/* Owner only. */
void wf_runq_push_slow(struct wf_runq *q, struct wf_co *co);
struct wf_co *wf_runq_pop_slow(struct wf_runq *q);

static inline uint32_t wf_runq_len(const struct wf_runq *q)
{
	return wf_atomic_load_relaxed(&q->tail) - wf_atomic_load_relaxed(&q->head) +
	       wf_atomic_load_relaxed(&q->n_over); /* RQ1 RQ2 RQ3 relaxed: a hint */
}

static inline void wf_runq_push_owner(struct wf_runq *q, struct wf_co *co)
{
	uint32_t tail = q->tail;
	uint32_t head = wf_atomic_load_acquire(&q->head); /* RQ2 */

	if (wf_unlikely(
		    tail - head == WF_RUNQ_SIZE ||
		    wf_atomic_load_relaxed(&q->n_over))) { /* RQ3 relaxed: own writes */
		wf_runq_push_slow(q, co);
		return;
	}
	wf_atomic_store_relaxed(&q->slot[tail % WF_RUNQ_SIZE],
				co);                 /* RQ1 relaxed: tail */
	wf_atomic_store_release(&q->tail, tail + 1); /* RQ1 */
}

static inline struct wf_co *wf_runq_pop_owner(struct wf_runq *q)
{
	uint32_t head =
		wf_atomic_load_relaxed(&q->head); /* RQ2 relaxed: the cas checks */

	for (;;) {
		if (head == q->tail)
			return wf_atomic_load_relaxed(
				       &q->n_over) /* RQ3 relaxed: re-checked */
				       ? wf_runq_pop_slow(q)
				       : NULL;
		struct wf_co *co = q->slot[head % WF_RUNQ_SIZE];
		if (!q->shared) {
			wf_atomic_store_relaxed(&q->head,
						head + 1); /* RQ2 relaxed: alone */
			return co;
		}
		if (wf_atomic_cas_seq(&q->head, &head, head + 1)) /* RQ2 */
			return co;
	}
}

/* Move up to half of the victim's coroutines, at most `max`, to the thief's queue;
 * returns one more to run now, or NULL. *ret_n counts all. The thief's ring must be
 * empty. home: the thief's, it takes only what comes before the first that is bound to
 * another (BD1); -1: all. */
struct wf_co *wf_runq_steal(struct wf_runq *thief, struct wf_runq *victim, uint32_t max,
			    int home, uint32_t *ret_n);

#endif
