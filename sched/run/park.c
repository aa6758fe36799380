/* SPDX-License-Identifier: MIT */
/* What the incoming side does with an outgoing coroutine that parked or yielded. */
#include <errno.h>

#include "../sched.h"
#include "switch.h"

void wf_publish_park(struct wf_worker *w, struct wf_co *co)
{
	struct wf_spin *lock = w->leave_lock;
	bool kicked = wf_co_publish(co, w->leave_word); /* PK1 PK2 */

	if (lock)
		wf_spin_unlock(lock);
	/* From here co may run elsewhere; wf_abort looks at its word and can bear that. */
	if (wf_unlikely(kicked))
		wf_abort(w, co);
}

static void publish_yield(struct wf_worker *w, struct wf_co *co)
{
	if (wf_likely(!co->stuck))
		wf_push(w, co);
	else
		wf_ready(w, co);
}

int wf_yield(void)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	if (wf_unlikely(!me))
		return wf_no_coroutine();
	int rc = wf_may_begin(w, me);
	if (wf_unlikely(rc))
		return rc;
	w->publish = publish_yield;
	wf_switch_out(w, me, false);
	return 0;
}
