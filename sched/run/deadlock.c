/* SPDX-License-Identifier: MIT */
#include "deadlock.h"

#include "frames.h"
#include "report.h"
#include "worker.h"

enum { CYCLE_MAX = 64 };

struct cycle {
	unsigned n;
	struct wf_co *co[CYCLE_MAX];
	uint64_t word[CYCLE_MAX];
};

static struct {
	const struct wf_report_sink *sink;
	uint64_t next_walk; /* over all coroutines */
	uint64_t switches;  /* at the last calm look */
	bool was_calm, told;
	uint64_t n_vain; /* in this walk */
} d;

void wf_deadlock_open(void)
{
	d.next_walk = 0;
	d.was_calm = d.told = false;
	wf_frames_prepare();
}

/* Cycles. */

/* Whom alone co waits for, if it is a coroutine; and as which word co waits. */
static struct wf_co *waits_for(struct wf_co *co, uint64_t *ret_word)
{
	struct wf_waiting it;

	*ret_word = wf_co_word(co); /* PK1 PK2 */
	if (!wf_waiting_look(co, *ret_word, false, &it) ||
	    !wf_waiting_for_others(co, &it))
		return NULL;
	return it.holder ? wf_co_of_address((const void *)it.holder) : NULL;
}

static bool still_waits(const struct cycle *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (wf_co_word(c->co[i]) != c->word[i]) /* PK1 PK2 */
			return false;
	return true;
}

/* Whether first is the lowest of those in a cycle. */
static bool find_cycle(struct wf_co *first, struct cycle *c)
{
	struct wf_co *co = first;

	for (c->n = 0; c->n < CYCLE_MAX;) {
		struct wf_co *next = waits_for(co, &c->word[c->n]);

		c->co[c->n++] = co;
		if (!next || next < first)
			return false;
		if (next == first)
			return still_waits(c);
		co = next;
	}
	return false;
}

static void look_for_cycle(struct wf_co *co, void *arg)
{
	struct wf_report_draft draft;
	struct cycle c;

	(void)arg;
	if (!find_cycle(co, &c) || co->told == c.word[0])
		return;
	co->told = c.word[0];
	wf_report_begin(
		&draft, WF_REPORT_CYCLE,
		"deadlock: each of these waits for the next, and the last for the first");
	for (unsigned i = 0; i < c.n; i++)
		wf_report_add(&draft, c.co[i]);
	wf_report_end(&draft, d.sink);
}

/* A million coroutines take a while: walk for a tenth of the time at most. */
static void look_for_cycles(void)
{
	uint64_t start = wf_clock_ns();

	if (start < d.next_walk)
		return;
	wf_co_for_each(look_for_cycle, NULL);
	uint64_t end = wf_clock_ns();

	d.next_walk = end + 9 * (end - start);
}

/* Standstill. */

static uint64_t switches(void)
{
	struct wf_worker *w;
	uint64_t n = 0;

	for (unsigned i = 0; (w = wf_worker_from(i)); i = w->id + 1)
		n += wf_atomic_load_relaxed(&w->count.switches); /* CU1 relaxed */
	return n;
}

static bool all_at_rest(void)
{
	struct wf_worker *w;

	for (unsigned i = 0; (w = wf_worker_from(i)); i = w->id + 1)
		if (!wf_atomic_load_seq(&w->sleeping) ||
		    !wf_inbox_empty(&w->inbox)) /* ID1 */
			return false;
	return true;
}

static void count_vain(struct wf_co *co, void *arg)
{
	struct wf_waiting it;

	(void)arg;
	if (wf_waiting_look(co, wf_co_word(co), false, &it) && /* PK1 PK2 */
	    wf_waiting_for_others(co, &it))
		d.n_vain++;
}

static bool nobody_can_go_on(void)
{
	uint64_t live = wf_live();

	d.n_vain = 0;
	if (!live || !all_at_rest())
		return false;
	wf_co_for_each(count_vain, NULL);
	return d.n_vain == live && all_at_rest() && switches() == d.switches &&
	       wf_live() == live;
}

static bool stands_still(bool calm)
{
	uint64_t now = switches();
	bool same = calm && d.was_calm && now == d.switches;

	if (now != d.switches)
		d.told = false;
	d.was_calm = calm;
	d.switches = now;
	return same;
}

bool wf_deadlock_look(bool calm, const struct wf_report_sink *sink)
{
	bool still = stands_still(calm);

	d.sink = sink;
	if (still && !d.told && nobody_can_go_on())
		wf_report_all(
			"deadlock: every coroutine waits for another, and nothing is "
			"under "
			"way that could end it (but for threads of the program's own)",
			sink);
	else if (!d.told)
		look_for_cycles();
	if (still)
		d.told = true;
	return calm && !still;
}
