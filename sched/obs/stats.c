/* SPDX-License-Identifier: MIT */
/* Counters of all workers, read while they run: relaxed, each some recent value. */
#include <errno.h>
#include <string.h>

#include "../ring/feat.h"
#include "../run/monitor.h"
#include "../run/worker.h"
#include "../sched.h"

static bool up(void)
{
	uint32_t phase = wf_atomic_load_acquire(&wf_rt.phase); /* RT1 (run/rt.h) */

	return phase == WF_UP || phase == WF_STOPPING;
}

int wf_totals(struct wf_totals *t)
{
	bool plain = !wf_worker_self();

	memset(t, 0, sizeof(*t));
	if (plain && !wf_visit())
		return -ESRCH;
	t->spawned =
		wf_atomic_load_relaxed(&wf_rt.foreign_spawned); /* RT2 (run/spawn.c) */
	for (unsigned i = 0; i < wf_rt.n_slots; i++) {
		const struct wf_worker *w = wf_rt.workers[i];
#define SUM(field, from) t->field += wf_atomic_load_relaxed(&from) /* statistics */
		SUM(spawned, w->count.spawned);
		SUM(ended, w->count.ended);
		SUM(switches, w->count.switches);
		SUM(steals_near, w->count.steals[WF_FAR_CORE]);
		SUM(steals_near, w->count.steals[WF_FAR_CACHE]);
		SUM(steals_node, w->count.steals[WF_FAR_NODE]);
		SUM(steals_remote, w->count.steals[WF_FAR_REMOTE]);
		SUM(runs_remote, w->count.runs_remote);
		SUM(wakes, w->count.wakes);
		SUM(remote_msgs, w->count.remote_msgs);
		SUM(timers_fired, w->count.timers_fired);
		SUM(trimmed, w->count.trimmed);
		SUM(latency_runs, w->count.latency_runs);
		SUM(batch_runs, w->count.batch_runs);
		SUM(retired, w->count.retired);
		SUM(moved, w->count.moved);
		SUM(spins, w->count.spins);
		SUM(spins_won, w->count.spins_won);
		SUM(enters, w->ring.count.enters);
		SUM(sqes, w->ring.count.sqes);
		SUM(cqes, w->ring.count.cqes);
		SUM(starved, w->ring.count.starved);
		SUM(overflows, w->ring.count.overflows);
	}
	SUM(hogs, wf_stalls.hogs);
	SUM(blocked, wf_stalls.blocked);
	SUM(disk_sleeps, wf_stalls.disk_sleeps);
	SUM(stall_faults, wf_stalls.faults);
	SUM(handed_over, wf_stalls.handed_over);
	SUM(spares, wf_stalls.spares);
	SUM(rescued, wf_stalls.rescued);
#undef SUM
	if (plain)
		wf_leave();
	return 0;
}

int wf_n_workers(void)
{
	return up() ? (int)wf_atomic_load_relaxed(&wf_rt.width)
		    : -ESRCH; /* LW1 relaxed */
}

int wf_worker_id(void)
{
	struct wf_worker *w = wf_worker_self();

	return w && w->current ? (int)wf_worker_post(w)->id : wf_no_coroutine();
}

int wf_feature(unsigned i, const char **ret_name, bool *ret_on, const char **ret_lost)
{
	if (i >= WF_FEAT_COUNT)
		return -ENOENT;
	if (ret_name)
		*ret_name = wf_feat_rows[i].name;
	if (ret_on)
		*ret_on = wf_has((enum wf_feat)i);
	if (ret_lost)
		*ret_lost = wf_feat_rows[i].lost;
	return 0;
}
