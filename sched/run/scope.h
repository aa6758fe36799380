/* SPDX-License-Identifier: MIT */
/*
 * Scopes: deadlines, cancelling a part of what a coroutine does, and shields. They lie on its
 * stack, innermost first, and only it opens and closes them; anybody may cancel one.
 *
 * A shield keeps from the inside what comes from outside: deadlines, cancelled scopes, the
 * cancelling of the coroutine itself. Each scope knows its level, the number of shields around it;
 * the coroutine's present one is in `kick`. A cancelled scope counts while its level is the
 * present one, and then stands in `kick` as well, so that one word tells others whether the
 * coroutine is to stop.
 *
 * SC1  StoreLoad: set a scope's `cancelled`, then read the level in kick (who cancels)  <->  change
 *      the level, or take WF_KICK_SCOPE down, then read `cancelled` of the scopes at that level
 *      (the coroutine, when it closes one). One of the two sees the other, so a
 *      scope that counts is never left without the bit. model: tests/model/scope.pml
 */
#ifndef WF_RUN_SCOPE_H
#define WF_RUN_SCOPE_H

#include "worker.h"

/* Mark s, an open scope of co, as cancelled. Then let co find out: wf_abort(w, co). */
void wf_scope_mark(struct wf_scope *s, struct wf_co *co);

/* Owner only. */
static inline void wf_set_due(struct wf_co *me, uint64_t due)
{
	if (me->due != due)
		wf_atomic_store_seq(&me->due, due); /* TM1 (deadline.c) */
}

#endif
