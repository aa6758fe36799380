/* SPDX-License-Identifier: MIT */
#include "gate.h"

static const struct wf_awaited awaited = {.text = "its turn at shared memory",
					  .outside = true};

int weft__gate_enter(struct gate *g)
{
	struct wf_waiter me = {.what = &awaited};
	int rc = WF_WAIT_AGAIN;

	while (rc == WF_WAIT_AGAIN) {
		wf_spin_lock(&g->q.lock);
		if (!g->held) {
			g->held = true;
			wf_spin_unlock(&g->q.lock);
			return 0;
		}
		rc = wf_waitq_wait(&g->q, &me, false); /* 0: handed to us, held */
	}
	return rc;
}

void weft__gate_leave(struct gate *g)
{
	wf_spin_lock(&g->q.lock);
	struct wf_waiter *next = wf_waitq_take(&g->q);
	g->held = next != NULL;
	wf_spin_unlock(&g->q.lock);
	wf_waiters_wake(next);
}
