/* SPDX-License-Identifier: MIT */
/*
 * A worker's timers: a pairing heap. Intrusive, so arming allocates nothing; arm is O(1),
 * firing and cancelling O(log n) amortised. Owner only.
 */
#ifndef WF_RUN_TIMER_H
#define WF_RUN_TIMER_H

#include "../co/co.h"

struct wf_timers {
	struct wf_timer *root;
	uint32_t n;
};

/* The nearest time, or WF_NEVER. */
static inline uint64_t wf_timers_next(const struct wf_timers *t)
{
	return t->root ? t->root->at : WF_NEVER;
}

void wf_timers_add(struct wf_timers *t, struct wf_timer *timer, uint64_t at);
void wf_timers_remove(struct wf_timers *t, struct wf_timer *timer);

/* Take out the first one whose time is not after now, or NULL. */
struct wf_timer *wf_timers_expire(struct wf_timers *t, uint64_t now);

#endif
