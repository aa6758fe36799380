/* SPDX-License-Identifier: MIT */
/* Classes of coroutines. Owner only, all of it. */
#ifndef WF_RUN_CLASS_H
#define WF_RUN_CLASS_H

#include "worker.h"

/* co, popped or stolen, runs next: for the counters, and what they decide. */
void wf_class_runs(struct wf_worker *w, const struct wf_co *co);

/* After a batch run: whether that is all there is to do, since nothing completed and the last
 * look at the ring was a short time ago. */
bool wf_class_glance(struct wf_worker *w);

/* How many switches until the next look at the ring. */
int wf_class_budget(const struct wf_worker *w, int budget);

/* The two below, where other classes than normal ran since the last sleep. */
bool wf_class_spin_slow(struct wf_worker *w);
void wf_class_wait_slow(struct wf_worker *w);

/* After latency work: look for a while instead of sleeping at once. Whether something came. */
static inline bool wf_class_spin(struct wf_worker *w)
{
	return wf_unlikely(w->mixed) && wf_class_spin_slow(w);
}

/* About to sleep: how, and what ran until here is past. */
static inline void wf_class_wait(struct wf_worker *w)
{
	if (wf_unlikely(w->mixed || w->ring.linger_us))
		wf_class_wait_slow(w);
	w->waited.switches = w->count.switches;
}

#endif
