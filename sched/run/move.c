/* SPDX-License-Identifier: MIT */
/*
 * Moving the running coroutine to another worker: it is published as runnable there, instead
 * of here. What it waited for before has ended, so nothing holds it back.
 */
#include <errno.h>

#include "../sched.h"
#include "switch.h"
#include "target.h"
#include "width.h"

static void publish_move(struct wf_worker *w, struct wf_co *co)
{
	(void)w;
	wf_ready_at(co->wait_obj, co);
}

/* A binding goes along. BD1: it is in no queue. */
static void bind_to(struct wf_co *me, struct wf_worker *to, uint32_t flags)
{
	if (flags & WF_MOVE_BIND)
		me->traits |= WF_CO_BOUND;
	if (me->traits & WF_CO_BOUND)
		wf_atomic_store_relaxed(&me->bound, /* BD1 relaxed: see above */
					(uint16_t)(wf_worker_home(to) + 1));
}

static int move(struct wf_worker *w, struct wf_co *me, struct wf_worker *to,
		uint32_t flags)
{
	int rc = wf_may_begin(w, me);

	if (rc)
		return rc;
	if (me->traits >= WF_CO_PIN_ONE)
		return -EBUSY;
	bind_to(me, to, flags);
	if (to != w) {
		me->wait_obj = to;
		w->publish = publish_move;
		wf_switch_out(w, me, false);
	}
	if (flags & WF_MOVE_STACK)
		wf_stack_move(me, wf_worker_home(to));
	return 0;
}

int wf_move(int worker, int node, uint32_t flags)
{
	const struct wf_spawn s = {.worker = worker, .where = WF_SPAWN_ALL, .node = node};
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	if (wf_target_check(&s))
		return -EINVAL;
	bool there = worker < 0 && !wf_is_retired(wf_worker_post(w)) &&
		     wf_plan_home(&wf_rt.plan, node) == (int)wf_worker_home(w);

	return move(w, w->current, there ? w : wf_target(w, &s), flags);
}

int wf_whereabouts(struct wf_whereabouts *ret)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	*ret = (struct wf_whereabouts){.node = wf_rt.plan.node[w->current->home],
				       .runs_local = w->current->runs_local,
				       .runs_remote = w->current->runs_remote};
	return 0;
}
