/* SPDX-License-Identifier: MIT */
/*
 * Groups of coroutines. A member is in one of the group's two lists: `live` until it ends, and
 * then, unless it is detached and nobody wants to be told, `ended` until somebody has joined it or
 * the group closes. Its link to the group (co->group) is changed under its join_lock; the
 * lists and all else under the group's lock, which is that of its wait queue and is taken second.
 * While a member is linked the group's memory is there: close waits until it is not.
 *
 * Cancelling looks at members one after the other without any lock of theirs. Whoever does it has
 * the group pinned, so it does not close meanwhile; a member that ends and is born again as another is
 * only looked at, as late timers do (co.h).
 *
 * GR1  group: store_relaxed under join_lock by the spawner, by who takes a member out  <->
 *      load_relaxed by the spawner's own children and the joiner, who only want to know whether to
 *      take join_lock and look.
 * GR2  n_live: store_relaxed under the lock  <->  load_relaxed by who wants a hint.
 */
#ifndef WF_RUN_GROUP_H
#define WF_RUN_GROUP_H

#include "waitq.h"
#include "worker.h"

/* What is left to do for the end of a member, when its join_lock is free. */
struct wf_parting {
	struct wf_waiter *woken;
	struct wf_group *cancel; /* pinned */
	bool kept;               /* the object is not to be given back */
};

/* Make co, which runs nowhere yet, a member. -ECANCELED, -ESHUTDOWN, -EAGAIN: full */
int wf_group_add(struct wf_group *g, struct wf_co *co);

/* co is a member, done, and its join_lock held. */
struct wf_parting wf_group_ended(struct wf_co *co);
void wf_group_part(struct wf_worker *w, const struct wf_parting *p);

/* join_lock held: co is no member any more; returns whom to wake when it is free. */
struct wf_waiter *wf_group_take_out(struct wf_co *co);

/* Whether co may be one. */
static inline bool wf_group_has(const struct wf_co *co)
{
	return wf_unlikely(wf_atomic_load_relaxed(&co->group) != NULL); /* GR1 relaxed */
}

#endif
