/* SPDX-License-Identifier: MIT */
/* Classes of coroutines: whose turn it is, and how a worker waits for them. lane.h has the
 * rules. */
#include "class.h"

enum {
	SPINS = 32,                    /* looks between two at the clock */
	URGENT_NS = 100 * 1000 * 1000, /* latency work is expected again for so long */
	URGENT_BUDGET = 16,            /* and the ring is looked at so often */
};

void wf_push_special(struct wf_worker *w, struct wf_co *co)
{
	w->special = true;
	wf_lane_push(&w->lane[wf_co_class(co)], co);
	if (wf_unlikely(wf_atomic_load_seq(&wf_rt.unwatched))) /* WA1 (idle.c) */
		wf_mind_queue(w);
}

/* From now on it is known that co, of another class than normal, ran. */
static struct wf_co *note(struct wf_worker *w, struct wf_co *co)
{
	wf_class_runs(w, co);
	return co;
}

static struct wf_co *pop_latency(struct wf_worker *w)
{
	struct wf_co *co = wf_lane_pop(&w->lane[WF_LATENCY]);

	if (!co)
		return NULL;
	w->turns.latency++;
	return note(w, co);
}

static struct wf_co *pop_normal(struct wf_worker *w)
{
	struct wf_co *co = wf_lane_pop(&w->lane[WF_NORMAL]);

	if (!co)
		co = wf_deque_pop(&w->forks);
	if (!co)
		return NULL;
	w->turns.latency = 0;
	w->turns.normal++;
	return co;
}

static struct wf_co *pop_batch(struct wf_worker *w)
{
	struct wf_co *co = wf_lane_pop(&w->lane[WF_BATCH]);

	if (!co)
		return NULL;
	w->turns.latency = w->turns.normal = 0;
	return note(w, co);
}

static bool only_plain_left(const struct wf_worker *w)
{
	return !w->lane[WF_NORMAL].pinned_first && wf_lane_empty(&w->lane[WF_LATENCY]) &&
	       wf_lane_empty(&w->lane[WF_BATCH]);
}

/* Off duty: what must stay. The rest is handed on. */
static struct wf_co *pop_pinned(struct wf_worker *w)
{
	struct wf_co *co = NULL;

	for (unsigned i = 0; i < WF_CLASSES && !co; i++)
		co = wf_lane_pop_pinned(&w->lane[i]);
	return co;
}

struct wf_co *wf_next_special(struct wf_worker *w)
{
	struct wf_co *co = NULL;

	if (w->off_duty)
		return pop_pinned(w);
	if (w->turns.latency < wf_rt.conf.latency_weight)
		co = pop_latency(w);
	if (!co && w->turns.normal < wf_rt.conf.normal_weight)
		co = pop_normal(w);
	if (!co)
		co = pop_batch(w);
	if (!co)
		co = pop_normal(w);
	if (!co)
		co = pop_latency(w);
	w->special = !only_plain_left(w);
	return co;
}

void wf_class_runs(struct wf_worker *w, const struct wf_co *co)
{
	if (co->traits & WF_CO_CLASS)
		w->mixed = true;
	if (co->traits & WF_CO_LATENCY) {
		w->urgent_until = w->now + URGENT_NS;
		wf_count(&w->count.latency_runs, 1u); /* statistics: relaxed */
	} else if (co->traits & WF_CO_BATCH) {
		w->budget = 1;
		w->glance = true;
		wf_count(&w->count.batch_runs, 1u); /* statistics: relaxed */
	}
}

bool wf_class_glance(struct wf_worker *w)
{
	const struct wf_engine *e = w->ring.engine;
	const uint64_t now = wf_clock_ns();
	const bool urgent = now < w->urgent_until; /* may have prepared a request */

	w->glance = false;
	return !w->ring.ready && !(urgent ? e->busy(&w->ring) : e->came(&w->ring)) &&
	       now - w->now < WF_SLICE_NS && now < wf_timers_next(&w->timers);
}

int wf_class_budget(const struct wf_worker *w, int budget)
{
	return w->now < w->urgent_until && budget > URGENT_BUDGET ? URGENT_BUDGET
								  : budget;
}

/* How to wait: by what ran since the last sleep. */

static bool ran_latency(const struct wf_worker *w)
{
	return w->count.latency_runs != w->waited.latency_runs;
}

static bool ran_only_batch(const struct wf_worker *w)
{
	uint64_t n = w->count.batch_runs - w->waited.batch_runs;

	return n && n == w->count.switches - w->waited.switches;
}

static bool something_came(const struct wf_worker *w)
{
	return !wf_inbox_empty(&w->inbox) || w->ring.engine->came(&w->ring);
}

/* Look for spin_ns, or until the nearest timer; whether something came. */
static bool spin(struct wf_worker *w)
{
	const uint64_t next = wf_timers_next(&w->timers);
	const uint64_t until = wf_clock_ns() + w->spin_ns;
	uint64_t now;

	w->ring.engine->poll(&w->ring, 0); /* hand over what was prepared */
	if (w->ring.ready)
		return true;
	do {
		for (int i = 0; i < SPINS; i++) {
			if (something_came(w))
				return true;
			wf_spin_relax();
		}
		now = wf_clock_ns();
	} while (now < until && now < next);
	return now >= next;
}

/* Half as long after each time in vain, but not for nothing at all. */
static void learn(struct wf_worker *w, bool won)
{
	const uint64_t most = (uint64_t)wf_rt.conf.spin_us * 1000;

	wf_count(&w->count.spins, 1u); /* statistics: relaxed */
	if (won)
		wf_count(&w->count.spins_won, 1u); /* statistics: relaxed */
	w->spin_ns = won ? most : w->spin_ns / 2 > most / 8 ? w->spin_ns / 2 : most / 8;
}

bool wf_class_spin_slow(struct wf_worker *w)
{
	if (!ran_latency(w) || w->place.shared || wf_rt.conf.spin_us <= 0)
		return false;
	bool won = spin(w);

	learn(w, won);
	return won;
}

void wf_class_wait_slow(struct wf_worker *w)
{
	const bool linger = ran_only_batch(w) && wf_rt.conf.linger_us > 0;

	w->ring.linger_us = linger ? (uint32_t)wf_rt.conf.linger_us : 0;
	w->waited.latency_runs = w->count.latency_runs;
	w->waited.batch_runs = w->count.batch_runs;
	w->mixed = false;
}
