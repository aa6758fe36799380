/* SPDX-License-Identifier: MIT */
/*
 * Having nothing to do: stealing, sleeping, being woken.
 *
 * A worker whose queue runs empty sleeps in its ring at once: the completions that will
 * make work for it come from there. Work is stolen only from a queue that its owner has not
 * emptied for WF_STALE_NS, since a coroutine whose bytes arrive on another ring costs both
 * workers. So that such a queue is noticed, one idle worker is the sentinel and looks every
 * millisecond while others are awake; when all sleep it sleeps too, without a timeout.
 *
 * WA1  StoreLoad: set `unwatched`, then look whether others are awake (who goes to sleep
 *      without a sentinel on duty)  <->  clear one's own `sleeping`, and at each push look
 *      at `unwatched` (who is awake). Either the sleeper stays on watch, or the first push
 *      calls somebody: no queue is left behind a hog with nobody looking.
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

/* Wake one sleeping worker: it will look for work, and then keep watch. */
static void call_thief(struct wf_worker *w)
{
	wf_atomic_store_relaxed(&wf_rt.unwatched, 0u); /* WA1 relaxed: we act on it */
	for (unsigned i = 1; i < wf_rt.n_workers; i++) {
		struct wf_worker *t = wf_rt.workers[(w->id + i) % wf_rt.n_workers];

		if (!wf_atomic_load_seq(&t->sleeping) ||   /* ID1 */
		    !wf_atomic_xchg_seq(&t->sleeping, 0u)) /* ID1: one sender wakes */
			continue;
		wf_count(&w->count.wakes, 1u); /* statistics: relaxed */
		t->ring.engine->wake(&t->ring, &w->ring);
		return;
	}
}

/* Something was queued and nobody is on watch: call somebody, unless it is all there is
 * and runs next. */
void wf_mind_queue(struct wf_worker *w)
{
	if (w->q.shared && (w->current || wf_runq_len(&w->q) > 1))
		call_thief(w);
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
		if (i != w->id &&
		    !wf_atomic_load_seq(&wf_rt.workers[i]->sleeping)) /* WA1 */
			return true;
	return false;
}

/* Whether this worker, about to sleep, is the one to keep watch. */
static bool become_sentinel(struct wf_worker *w)
{
	uint32_t none = 0;

	wf_atomic_store_seq(&wf_rt.unwatched, 1u);                              /* WA1 */
	if (!others_awake(w) || !wf_atomic_cas_seq(&wf_rt.sentinel, &none, 1u)) /* WA1 */
		return false;
	wf_atomic_store_seq(&wf_rt.unwatched, 0u); /* WA1 */
	return true;
}

static void leave_watch(void)
{
	wf_atomic_store_seq(&wf_rt.sentinel, 0u);  /* WA1 */
	wf_atomic_store_seq(&wf_rt.unwatched, 1u); /* WA1 */
}

static uint64_t sleep_ns(struct wf_worker *w, bool sentinel)
{
	uint64_t next = wf_timers_next(&w->timers), ns = WF_NEVER;

	if (next != WF_NEVER)
		ns = next > w->now ? next - w->now : 0;
	if (sentinel && ns > WF_SENTINEL_NS)
		ns = WF_SENTINEL_NS;
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
			leave_watch();
	} else {
		w->ring.engine->poll(&w->ring, 0);
	}
	wf_atomic_store_seq(&w->sleeping, 0u); /* ID1 */
	return NULL;
}
