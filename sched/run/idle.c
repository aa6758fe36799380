/* SPDX-License-Identifier: MIT */
/*
 * Having nothing to do: stealing, sleeping, being woken.
 *
 * A worker whose queue runs empty sleeps in its ring at once: the completions that will
 * make work for it come from there. Work is stolen only from a queue that its owner has
 * not emptied for WF_STALE_NS, since a coroutine whose bytes arrive on another ring costs
 * both workers. So that such a queue is noticed, one idle worker is the sentinel and
 * looks every millisecond while others are awake; when all sleep it sleeps too, without a
 * timeout. A worker that gets work while no sentinel is on watch wakes one.
 */
#include "worker.h"

void wf_send(struct wf_worker *to, struct wf_msg *msg)
{
	struct wf_worker *w = wf_worker_self();

	wf_inbox_push_any(&to->inbox, msg); /* ID1 */
	if (w)
		wf_count(&w->count.remote_msgs, 1u); /* statistics: relaxed */
	if (!wf_atomic_load_seq(&to->sleeping) ||    /* ID1 */
	    !wf_atomic_xchg_seq(&to->sleeping, 0u))  /* ID1: one sender wakes */
		return;
	if (w)
		wf_count(&w->count.wakes, 1u); /* statistics: relaxed */
	to->ring.engine->wake(&to->ring, w ? &w->ring : NULL);
}

/* Wake one sleeping worker to look for work. */
void wf_call_thief(struct wf_worker *w)
{
	for (unsigned i = 1; i < wf_rt.n_workers; i++) {
		struct wf_worker *t = wf_rt.workers[(w->id + i) % wf_rt.n_workers];

		if (!wf_atomic_load_relaxed(&t->sleeping) || /* ID2 relaxed: a hint */
		    !wf_atomic_xchg_seq(&t->sleeping, 0u))   /* ID1: one sender wakes */
			continue;
		wf_count(&w->count.wakes, 1u); /* statistics: relaxed */
		t->ring.engine->wake(&t->ring, &w->ring);
		return;
	}
}

static bool worth_stealing(const struct wf_worker *victim, uint64_t now)
{
	uint64_t since =
		wf_atomic_load_relaxed(&victim->busy_since); /* ID2 relaxed: a hint */

	return wf_runq_len(&victim->q) > 0 && now > since + WF_STALE_NS;
}

static struct wf_co *steal(struct wf_worker *w)
{
	for (unsigned i = 1; i < wf_rt.n_workers; i++) {
		struct wf_worker *v = wf_rt.workers[(w->id + i) % wf_rt.n_workers];
		uint32_t n = 0;

		if (!worth_stealing(v, w->now))
			continue;
		struct wf_co *co = wf_runq_steal(&w->q, &v->q, WF_RUNQ_SIZE / 2, &n);
		if (co) {
			wf_count(&w->count.steals, n); /* statistics: relaxed */
			return co;
		}
	}
	return NULL;
}

static bool others_awake(const struct wf_worker *w)
{
	for (unsigned i = 0; i < wf_rt.n_workers; i++)
		if (i != w->id && !wf_atomic_load_relaxed(
					  &wf_rt.workers[i]->sleeping)) /* ID2 relaxed */
			return true;
	return false;
}

static bool become_sentinel(struct wf_worker *w)
{
	uint32_t none = 0;

	return others_awake(w) &&
	       !wf_atomic_load_relaxed(&wf_rt.sentinel) &&    /* ID2 relaxed */
	       wf_atomic_cas_seq(&wf_rt.sentinel, &none, 1u); /* ID2 */
}

static uint64_t sleep_ns(struct wf_worker *w, bool sentinel)
{
	uint64_t next = wf_timers_next(&w->timers), ns = WF_NEVER;

	if (next != WF_NEVER)
		ns = next > w->now ? next - w->now : 0;
	if (sentinel && ns > WF_SENTINEL_NS)
		ns = WF_SENTINEL_NS;
	if (w->ring.starved && ns > WF_STARVED_NS)
		ns = WF_STARVED_NS;
	return ns;
}

/* Sleep until a completion, a message or the nearest timer; or return something stolen.
 */
struct wf_co *wf_idle(struct wf_worker *w)
{
	bool alone = wf_rt.n_workers == 1;

	if (w->timers.root || !alone)
		w->now = wf_clock_ns();
	struct wf_co *co = alone ? NULL : steal(w);

	if (co)
		return co;
	wf_atomic_store_seq(&w->sleeping, 1u); /* ID1 */
	if (wf_inbox_empty(&w->inbox)) {       /* ID1 */
		bool sentinel = !alone && become_sentinel(w);
		w->ring.engine->poll(&w->ring, sleep_ns(w, sentinel));
		if (sentinel)
			wf_atomic_store_seq(&wf_rt.sentinel, 0u); /* ID2 */
	} else {
		w->ring.engine->poll(&w->ring, 0);
	}
	wf_atomic_store_seq(&w->sleeping, 0u); /* ID1 */
	return NULL;
}
