/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "../../sched/sched.h"
#include "weft/sync.h"

struct barrier {
	struct wf_waitq q;
};

_Static_assert(sizeof(struct barrier) <= sizeof(struct weft_barrier), "lib/weft/sync.h");

static const struct wf_awaited awaited = {.text = "a barrier"};

int weft_barrier_wait(struct weft_barrier *barrier, uint32_t n)
{
	struct wf_waitq *q = &((struct barrier *)barrier)->q;
	struct wf_waiter me = {.what = &awaited};
	uintptr_t who;
	int rc = n ? wf_may_wait(&who) : -EINVAL;

	while (!rc) {
		wf_spin_lock(&q->lock);
		if (q->n + 1 >= n) {
			struct wf_waiter *all = wf_waitq_take_all(q);
			wf_spin_unlock(&q->lock);
			wf_waiters_wake(all);
			return 1;
		}
		rc = wf_waitq_wait(q, &me, false);
		if (rc == 0)
			return 0;
		if (rc == WF_WAIT_AGAIN)
			rc = 0;
	}
	return rc;
}
