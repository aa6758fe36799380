/* SPDX-License-Identifier: MIT */
/* Where the workers are. The plan is there as long as the runtime is. */
#include <errno.h>

#include "../run/worker.h"
#include "../sched.h"

int wf_place_get(unsigned worker, struct wf_place *ret_place)
{
	bool plain = !wf_worker_self();

	if (plain && !wf_visit())
		return -ESRCH;
	int rc = worker < wf_rt.plan.n_workers ? 0 : -ENOENT;
	if (!rc)
		*ret_place = wf_rt.plan.place[worker];
	if (plain)
		wf_leave();
	return rc;
}

int wf_place_text(char *buf, size_t size)
{
	bool plain = !wf_worker_self();

	if (plain && !wf_visit())
		return -ESRCH;
	int n = wf_plan_text(&wf_rt.plan, buf, size);
	if (plain)
		wf_leave();
	return n;
}
