/* SPDX-License-Identifier: MIT */
/*
 * A bell in shared memory: processes sleep by it until something has changed. Who changes things
 * rings it, which costs a load when nobody sleeps. Anybody may be killed anywhere:
 *
 *   - All sleepers are woken, never one: the one might be dead before it acts upon it.
 *   - Who rings says so in the word (RINGING) before it takes ASLEEP out and until it has
 *     made the system call. If it is killed in between, the next one rings for it.
 *   - A sleeper that is killed leaves ASLEEP behind: one call too many, once.
 *   - Killed after the change and before the ring, the change is seen when the next one
 *     rings; whoever sleeps could as well have been left waiting for the change itself.
 *
 * BE1  StoreLoad: change what is waited for (seq), then load_seq the word  <->  cas_seq of ASLEEP
 *      into it, then look at what is waited for (seq). Either the sleeper sees the change, or the
 *      other one sees ASLEEP. The count in the word is raised with each ring, so a sleeper that
 *      has looked before it does not fall asleep after.  model: tests/model/bell.pml
 */
#ifndef WEFT_SHM_BELL_H
#define WEFT_SHM_BELL_H

#include "../../sched/sched.h"

struct bell {
	uint32_t word; /* BE1 */
};

/* Begin to wait: look at what is waited for after it, then sleep with what it returned. */
uint32_t weft__bell_listen(struct bell *b);

/* [waits] Until the next ring; returns as wf_futex_wait() does. */
int weft__bell_sleep(struct bell *b, uint32_t heard, uint64_t until);

void weft__bell_ring_all(struct bell *b);

enum { WEFT__BELL_ASLEEP = 1, WEFT__BELL_RINGING = 2, WEFT__BELL_COUNT = 4 };

/* After a change. */
static inline void weft__bell_ring(struct bell *b)
{
	if (wf_unlikely(wf_atomic_load_seq(&b->word) & /* BE1 */
			(WEFT__BELL_ASLEEP | WEFT__BELL_RINGING)))
		weft__bell_ring_all(b);
}

#endif
