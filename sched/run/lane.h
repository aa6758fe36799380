/* SPDX-License-Identifier: MIT */
/*
 * What is runnable on a worker, by class. Each class has a lane: a run queue that thieves may
 * take from, and a list of what is pinned. Whose turn it is:
 *
 *	latency   first, but after latency_weight of them one of another class
 *	normal    and forks after them; after normal_weight of these, with or without latency
 *	          between them, one of batch
 *	batch     and after each one a look at the ring, so that what completed meanwhile
 *	          does not wait for the next
 *
 * So nothing starves, and what is runnable waits for its class's others before it, and
 *
 *	latency   for one of another class, and one more for each latency_weight before it
 *	normal    for latency_weight latency each, and one batch for each normal_weight
 *	batch     for normal_weight normal each, with theirs
 *
 * The two weights are settings (conf.def).
 *
 * Lanes other than the normal one, and pinned lists, are looked at only while `special` says
 * that there may be something: who uses neither does not pay for them.
 */
#ifndef WF_RUN_LANE_H
#define WF_RUN_LANE_H

#include "runq.h"

enum wf_class { WF_NORMAL, WF_LATENCY, WF_BATCH, WF_CLASSES };

struct wf_lane {
	struct wf_runq q;
	struct wf_co *pinned_first, **pinned_last; /* owner only */
	unsigned tick;                             /* owner only: the two take turns */
};

static inline enum wf_class wf_co_class(const struct wf_co *co)
{
	return co->traits & WF_CO_LATENCY ? WF_LATENCY
	       : co->traits & WF_CO_BATCH ? WF_BATCH
					  : WF_NORMAL;
}

/* It must stay on its worker. */
static inline bool wf_co_is_pinned(const struct wf_co *co)
{
	return co->traits & ~(uint32_t)(WF_CO_BOUND | WF_CO_CLASS);
}

void wf_lane_init(struct wf_lane *l, bool shared);

/* Owner only. */
void wf_lane_push(struct wf_lane *l, struct wf_co *co);
struct wf_co *wf_lane_pop(struct wf_lane *l);
struct wf_co *wf_lane_pop_pinned(struct wf_lane *l);

static inline bool wf_lane_empty(const struct wf_lane *l)
{
	return !l->pinned_first && !wf_runq_len(&l->q);
}

#endif
