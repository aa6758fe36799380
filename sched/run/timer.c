/* SPDX-License-Identifier: MIT */
#include "timer.h"

#include <errno.h>

#include "../base/map.h"
#include "../base/sys.h"

/*
 * The children of i are 4i + 1 to 4i + 4. The array begins three entries into its first
 * cache line, so that each four siblings share one.
 */
enum { WAYS = 4, LEAD = WAYS - 1 };

int wf_timers_open(struct wf_timers *t, unsigned long max)
{
	t->bytes = wf_pages((max + LEAD) * sizeof(*t->heap));
	t->mem = wf_map(t->bytes);
	t->n = 0;
	if (!t->mem)
		return -ENOMEM;
	t->heap = (struct wf_timer_entry *)t->mem + LEAD;
	return 0;
}

void wf_timers_close(struct wf_timers *t)
{
	if (t->mem)
		wf_sys.munmap(t->mem, t->bytes);
	t->mem = NULL;
}

static inline void put(struct wf_timers *t, uint32_t i, struct wf_timer_entry e)
{
	t->heap[i] = e;
	e.timer->slot = i;
}

/* Slot i is free: let e find its place between there and the root. */
static void rise(struct wf_timers *t, uint32_t i, struct wf_timer_entry e)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / WAYS;
		if (t->heap[parent].at <= e.at)
			break;
		put(t, i, t->heap[parent]);
		i = parent;
	}
	put(t, i, e);
}

static uint32_t earliest_child(const struct wf_timers *t, uint32_t first)
{
	uint32_t end = first + WAYS < t->n ? first + WAYS : t->n, best = first;

	for (uint32_t i = first + 1; i < end; i++)
		if (t->heap[i].at < t->heap[best].at)
			best = i;
	return best;
}

/* The same between there and the leaves. */
static void sink(struct wf_timers *t, uint32_t i, struct wf_timer_entry e)
{
	for (uint32_t first; (first = i * WAYS + 1) < t->n;) {
		uint32_t child = earliest_child(t, first);
		if (t->heap[child].at >= e.at)
			break;
		put(t, i, t->heap[child]);
		i = child;
	}
	put(t, i, e);
}

void wf_timers_add(struct wf_timers *t, struct wf_timer *timer, uint64_t at)
{
	wf_atomic_store_seq(&timer->at, at); /* TM1 (deadline.c): others read it */
	rise(t, t->n++, (struct wf_timer_entry){.at = at, .timer = timer});
}

/* The last entry takes the place that becomes free. */
void wf_timers_remove(struct wf_timers *t, struct wf_timer *timer)
{
	uint32_t i = timer->slot;
	struct wf_timer_entry last = t->heap[--t->n];

	if (last.timer == timer)
		return;
	if (i > 0 && last.at < t->heap[(i - 1) / WAYS].at)
		rise(t, i, last);
	else
		sink(t, i, last);
}

struct wf_timer *wf_timers_expire(struct wf_timers *t, uint64_t now)
{
	if (wf_timers_next(t) > now)
		return NULL;
	struct wf_timer *first = t->heap[0].timer;

	wf_timers_remove(t, first);
	return first;
}
