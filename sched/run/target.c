/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <errno.h>

/* Some of the workers: all of them, or those of one home. */
struct crowd {
	const unsigned *id; /* NULL: 0, 1, ... */
	unsigned n;
};

static struct crowd crowd_of(int home)
{
	const struct wf_plan *p = &wf_rt.plan;

	if (home < 0)
		return (struct crowd){.n = wf_rt.n_workers};
	return (struct crowd){.id = p->by_home + p->first[home],
			      .n = p->first[home + 1] - p->first[home]};
}

/* The i-th, or the next one that takes work. */
static struct wf_worker *member(struct crowd c, unsigned i)
{
	struct wf_worker *w = NULL;

	for (unsigned k = 0; k < c.n; k++) {
		w = wf_rt.workers[c.id ? c.id[(i + k) % c.n] : (i + k) % c.n];
		if (!wf_is_retired(w))
			break;
	}
	return w;
}

static unsigned next_turn(struct wf_worker *w)
{
	unsigned *turn = w ? &w->spread_next : &wf_rt.spread;

	return wf_atomic_add_relaxed(turn, 1u); /* RT2 relaxed: any value will do */
}

/* What waits there for a turn, and what runs; a hint. Coroutines on their way there count as
 * one: a burst goes round, and not all to one that still sleeps. */
static uint32_t load(const struct wf_worker *w)
{
	return (wf_atomic_load_relaxed(&w->current) != NULL) + /* CU1 relaxed: a look */
	       !wf_inbox_empty(&w->inbox) + wf_queued(w);
}

static struct wf_worker *least_loaded(struct crowd c, unsigned turn)
{
	struct wf_worker *best = member(c, turn);
	uint32_t least = load(best);

	for (unsigned i = 1; i < c.n && least; i++) {
		struct wf_worker *v = member(c, turn + i);
		uint32_t n = load(v);

		if (n < least) {
			best = v;
			least = n;
		}
	}
	return best;
}

/* Where it started is where one must stay that is pinned, so not at a spare. */
static struct wf_worker *here(struct wf_worker *w, const struct wf_spawn *s)
{
	return s->flags & WF_SPAWN_PINNED ? wf_worker_post(w) : w;
}

static int home_of(struct wf_worker *w, const struct wf_spawn *s)
{
	if (s->node >= 0)
		return wf_plan_home(&wf_rt.plan, s->node);
	return w && s->where == WF_SPAWN_NODE ? (int)wf_worker_home(w) : -1;
}

int wf_target_check(const struct wf_spawn *s)
{
	if (s->worker >= (int)wf_rt.n_workers ||
	    (s->worker >= 0 && wf_is_retired(wf_rt.workers[s->worker])))
		return -EINVAL;
	return s->node < 0 ? 0 : wf_plan_home(&wf_rt.plan, s->node) < 0 ? -EINVAL : 0;
}

struct wf_worker *wf_target(struct wf_worker *w, const struct wf_spawn *s)
{
	int home = home_of(w, s);

	if (s->worker >= 0)
		return wf_rt.workers[s->worker];
	if (w && s->where == WF_SPAWN_HERE &&
	    (home < 0 || home == (int)wf_worker_home(w)))
		return here(w, s);
	struct crowd crowd = crowd_of(home);
	unsigned turn = next_turn(w);

	return s->where == WF_SPAWN_LEAST ? least_loaded(crowd, turn)
					  : member(crowd, turn);
}
