/* SPDX-License-Identifier: MIT */
#include "steal.h"

/* The tables lie behind w, in the same mapping. */
void wf_steal_open(struct wf_worker *w)
{
	const struct wf_plan *plan = &wf_rt.plan;

	w->near.id = (uint16_t *)(void *)(w + 1);
	w->dice = (w->id + 1) * 2654435761u;
	if (w->id < plan->n_workers)
		wf_near_make(plan, w->id, wf_rt.n_slots - plan->n_workers, &w->near);
}

uint64_t wf_steal_patience_ns(const struct wf_circle *c)
{
	switch (c->far) {
	case WF_FAR_NODE:
		return 2 * WF_STALE_NS;
	case WF_FAR_REMOTE: /* 4 times where the kernel says 20, one hop */
		return (uint64_t)c->distance * WF_STALE_NS / 5;
	default:
		return WF_STALE_NS;
	}
}

uint32_t wf_steal_least(const struct wf_circle *c)
{
	return c->far == WF_FAR_REMOTE && c->distance >= 20 ? c->distance / 10 : 1;
}

static bool worth_stealing(const struct wf_worker *victim, const struct wf_circle *c,
			   uint64_t now)
{
	uint64_t since =
		wf_atomic_load_relaxed(&victim->busy_since); /* ID2 relaxed: a hint */
	uint64_t busy = now > since ? now - since : 0;
	uint32_t n = wf_queued(victim);

	return n && busy > wf_steal_patience_ns(c) &&
	       (n >= wf_steal_least(c) || busy > WF_STALE_ANY_NS);
}

static bool wake(struct wf_worker *w, struct wf_worker *t)
{
	if (wf_is_retired(t) || !wf_atomic_load_seq(&t->sleeping)) /* ID1 */
		return false;
	wf_atomic_store_seq(&t->called, 1u); /* WA1 (idle.c) */
	if (!wf_rouse(t, &w->ring))
		return false;
	wf_count(&w->count.wakes, 1u); /* statistics: relaxed */
	return true;
}

bool wf_call_sleeper(struct wf_worker *w, struct wf_worker *around, enum wf_far farthest)
{
	struct wf_worker *post = wf_worker_post(around);
	const struct wf_near *near = &post->near;
	unsigned i = 0;

	if (post != w && wake(w, post)) /* itself: awake, unless it stands in for it */
		return true;
	for (unsigned k = 0; k < near->n_circles && near->circle[k].far <= farthest; k++)
		for (; i < near->circle[k].end; i++)
			if (near->id[i] < wf_rt.n_workers &&
			    wake(w, wf_rt.workers[near->id[i]]))
				return true;
	return false;
}

/* From the first lane that has something, or else the oldest fork. Of another node's what
 * is bound there stays. */
static struct wf_co *take(struct wf_worker *w, struct wf_worker *v, enum wf_far far)
{
	bool foreign = far == WF_FAR_REMOTE || v->id >= wf_rt.n_workers;
	const enum wf_class order[] = {WF_LATENCY, WF_NORMAL, WF_BATCH};
	struct wf_co *co = NULL;
	uint32_t n = 0;

	for (unsigned i = 0; i < WF_CLASSES && !co; i++)
		co = wf_runq_steal(&w->lane[order[i]].q, &v->lane[order[i]].q,
				   WF_RUNQ_SIZE / 2, foreign ? (int)w->place.home : -1,
				   &n);
	if (!co && (co = wf_deque_steal(&v->forks)))
		n = 1;
	w->special |= co && co->traits & WF_CO_CLASS;
	wf_count(&w->count.steals[far], n); /* statistics: relaxed */
	return co;
}

/* xorshift: where to begin in a circle, so that not all go to the same one. */
static unsigned dice(struct wf_worker *w)
{
	w->dice ^= w->dice << 13;
	w->dice ^= w->dice >> 17;
	w->dice ^= w->dice << 5;
	return w->dice;
}

/*
 * There is more where this came from: the next thief comes at once, and calls the next but one.
 * Only for forks, of which each may be a tree, and for what has waited for long: of a busy
 * server's queue half has just been taken, and its owner gets through the rest sooner than a
 * sleeper wakes up. Other nodes have their own looks.
 */
static void call_more(struct wf_worker *w, struct wf_worker *v)
{
	uint64_t since = wf_atomic_load_relaxed(&v->busy_since); /* ID2 relaxed: a hint */

	if (wf_deque_len(&v->forks) || (wf_queued(v) && w->now > since + WF_SENTINEL_NS))
		wf_call_sleeper(w, v, WF_FAR_NODE);
}

/* Returns whether to look no further: *ret_co was taken, or somebody nearer was called. */
static bool steal_circle(struct wf_worker *w, const struct wf_circle *c, unsigned begin,
			 struct wf_co **ret_co)
{
	unsigned n = c->end - begin, start = dice(w) % n;

	for (unsigned i = 0; i < n; i++) {
		unsigned id = w->near.id[begin + (start + i) % n];
		struct wf_worker *v = wf_rt.workers[id];

		if (!worth_stealing(v, c, w->now))
			continue;
		if (c->far == WF_FAR_REMOTE && wf_call_sleeper(w, v, WF_FAR_NODE))
			return true;
		*ret_co = take(w, v, c->far);
		if (*ret_co) {
			call_more(w, v);
			return true;
		}
	}
	return false;
}

struct wf_co *wf_steal(struct wf_worker *w)
{
	struct wf_co *co = NULL;
	unsigned begin = 0;

	for (unsigned k = 0; k < w->near.n_circles; k++) {
		if (steal_circle(w, &w->near.circle[k], begin, &co))
			return co;
		begin = w->near.circle[k].end;
	}
	return NULL;
}
