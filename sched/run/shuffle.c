/* SPDX-License-Identifier: MIT */
/*
 * Under simulation: what is runnable changes its order. With several workers a program cannot
 * rely on it, and the order in which things were queued is only one of those that may be.
 */
#include "../sim/dice.h"
#include "worker.h"

enum { MOST = 64 };

void wf_shuffle(struct wf_worker *w)
{
	struct wf_runq *q = &w->lane[WF_NORMAL].q;
	struct wf_co *co[MOST];
	unsigned n = 0;

	if (wf_rt.n_workers == 1 || !wf_odds(WF_ODDS_SHUFFLE))
		return;
	while (n < MOST && (co[n] = wf_runq_pop_owner(q)))
		n++;
	while (n > 0) {
		unsigned i = (unsigned)wf_dice(n);

		wf_runq_push_owner(q, co[i]);
		co[i] = co[--n];
	}
}
