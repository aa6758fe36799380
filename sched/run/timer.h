/* SPDX-License-Identifier: MIT */
/*
 * A worker's timers: a heap of four children a node, in one array. Times lie in the array,
 * so looking for the earliest of four siblings reads one cache line and no coroutine.
 * Arming, firing and cancelling are O(log n), each single one of them. Owner only.
 *
 * The array is address space for as many timers as there can be coroutines, touched as far
 * as it is used: arming allocates nothing and cannot fail.
 */
#ifndef WF_RUN_TIMER_H
#define WF_RUN_TIMER_H

#include "../co/co.h"

struct wf_timer_entry {
	uint64_t at; /* its timer's */
	struct wf_timer *timer;
};

struct wf_timers {
	struct wf_timer_entry *heap; /* no child is earlier than its parent */
	uint32_t n;
	void *mem;
	size_t bytes;
};

/* Room for `max` timers. -ENOMEM */
int wf_timers_open(struct wf_timers *t, unsigned long max);
void wf_timers_close(struct wf_timers *t);

/* The nearest time, or WF_NEVER. */
static inline uint64_t wf_timers_next(const struct wf_timers *t)
{
	return t->n ? t->heap[0].at : WF_NEVER;
}

void wf_timers_add(struct wf_timers *t, struct wf_timer *timer, uint64_t at);
void wf_timers_remove(struct wf_timers *t, struct wf_timer *timer);

/* Take out the first one whose time is not after now (not WF_NEVER), or NULL.
 */
struct wf_timer *wf_timers_expire(struct wf_timers *t, uint64_t now);

#endif
