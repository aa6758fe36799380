/* SPDX-License-Identifier: MIT */
/*
 * Giving back what cold stacks hold (stack_trim_ms; off by default).
 *
 * Every period each worker walks over all objects, some at a time, between two looks at
 * its ring. One that this worker ran last and that is parked as it was a period ago is
 * cold: the pages below the part of its stack in use are given back, once in that park.
 * While that goes on it must not run: the worker holds its park word (PK3, co.h). Nobody else
 * can end a call op of this worker's ring, so those need no holding, unless there is a rescuer.
 * At the end of the walk the pool goes to the common one, where free stacks are trimmed.
 *
 * A worker that has run nothing since its last walk rests: an idle runtime wakes up for two
 * walks and then no more.
 */
#include "worker.h"

enum {
	LOOKS = 64,        /* objects at a time */
	TRIMS = 8,         /* of which so many are trimmed, at a few hundred ns each */
	PAUSE_NS = 100000, /* in between, where there is other work */
	DONE = 0x40,       /* in co->seen: trimmed in this park */
};

void wf_trim_open(struct wf_worker *w, long period_ms)
{
	w->trim.period = period_ms > 0 ? (uint64_t)period_ms * 1000000 : 0;
	w->trim.due = WF_NEVER;
}

/* co is parked as `word` says, or was a moment ago. */
static void trim(struct wf_worker *w, struct wf_co *co, uint64_t word)
{
	bool own = wf_park_kind(word) == WF_WAIT_OP && wf_rt.conf.rescue <= 0;

	if (!own && !wf_co_hold(co, word)) /* PK3 */
		return;
	wf_stack_trim(co, (char *)co->sp - WF_CTX_BELOW);
	if (!own)
		wf_co_release(co, word); /* PK3 */
	wf_count(&w->count.trimmed, 1u); /* statistics: relaxed */
}

/* Whether it cost a system call. */
static bool look_at(struct wf_worker *w, struct wf_co *co)
{
	uint64_t word = wf_atomic_load_seq(&co->park);     /* PK1 */
	uint64_t seen = wf_atomic_load_relaxed(&co->seen); /* CO1 relaxed */

	/* Ours in this very park: `worker` does not change before its end. */
	if (wf_park_kind(word) == WF_RUNNING || word & WF_PARK_HELD ||
	    seen == (word | DONE) ||
	    wf_atomic_load_acquire(&co->worker) != w || /* WK1 CO1 */
	    wf_atomic_load_seq(&co->park) != word)      /* PK1 */
		return false;
	bool cold = seen == word;
	if (cold)
		trim(w, co, word);
	wf_atomic_store_relaxed(&co->seen, cold ? word | DONE : word); /* CO1 relaxed */
	return cold;
}

static bool walk(struct wf_worker *w)
{
	for (unsigned looks = 0, trims = 0; looks < LOOKS && trims < TRIMS; looks++) {
		struct wf_co *co = wf_stacks_next(&w->trim.at);
		if (!co)
			return false;
		w->trim.seen++;
		trims += look_at(w, co);
	}
	return true;
}

/* All were seen: trim what is free, again some at a time; then wait, or rest. */
static void end_walk(struct wf_worker *w)
{
	bool idle = w->count.switches == w->trim.switches;
	unsigned n = wf_stacks_trim_free(TRIMS);

	w->trim.freed += n;
	if (n && w->trim.freed < w->trim.seen)
		return; /* more of them at the next step */
	w->trim.switches = w->count.switches;
	w->trim.at = (struct wf_stack_cursor){0};
	w->trim.seen = w->trim.freed = 0;
	w->trim.due = idle ? WF_NEVER : w->now + w->trim.period;
}

void wf_trim_step(struct wf_worker *w)
{
	w->trim.due = wf_queued(w) ? w->now + PAUSE_NS : w->now;
	if (w->trim.freed == 0 && walk(w))
		return;
	if (w->trim.freed == 0)
		wf_pool_drain(&w->pool);
	end_walk(w);
}

void wf_trim_wake(struct wf_worker *w)
{
	if (w->count.switches != w->trim.switches)
		w->trim.due = w->now + w->trim.period;
}
