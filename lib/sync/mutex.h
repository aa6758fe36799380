/* SPDX-License-Identifier: MIT */
/* What is behind the opaque words of a mutex; the condition variable needs it too. */
#ifndef WEFT_SYNC_MUTEX_H
#define WEFT_SYNC_MUTEX_H

#include "../../sched/sched.h"
#include "weft/sync.h"

/*
 * MX1  state: cas_seq by who takes it, xchg_seq by who is about to wait  <->  cas_seq or
 *      store_seq by who lets it go. The next holder sees all that the last one wrote. Only
 *      holders of q.lock set BUSY, and only they wait; who finds BUSY when letting go looks
 *      at the queue under the same lock.
 */
enum { FREE, HELD, BUSY /* held, and somebody may wait */ };

struct mutex {
	struct wf_waitq q;
	uint32_t state;  /* MX1 */
	uintptr_t owner; /* MX1: by the holder; others compare it, or report it */
};

_Static_assert(sizeof(struct mutex) <= sizeof(struct weft_mutex), "lib/weft/sync.h");

/* Take m, which may be held; hard: cannot be cancelled. */
int weft__mutex_take(struct mutex *m, uintptr_t who, bool hard);

/* Let go of m, which the caller holds. */
void weft__mutex_leave(struct mutex *m);

#endif
