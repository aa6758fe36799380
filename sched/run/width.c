/* SPDX-License-Identifier: MIT */
#include "width.h"

#include <errno.h>

#include "../ring/stream.h"
#include "../sched.h"
#include "recruit.h"

/* Changing it. */

static bool is_wanted(const struct wf_worker *w)
{
	return wf_atomic_load_acquire(&w->running) && /* RU1 */
	       !wf_atomic_load_seq(&w->retired);      /* LW1 */
}

/* Nobody but this thread and a rescuer ends a call op of its ring: one that is parked stays so
 * while it is held. Its worker is that of the wait which the word tells of, since it is looked
 * at after the word. */
static void stop_op(struct wf_co *co, void *arg)
{
	const unsigned wanted = WF_OP_RESTARTABLE | WF_OP_WAITS;
	struct wf_worker *w = arg;
	uint64_t word = wf_co_word(co); /* PK1 */

	if (wf_park_kind(word) != WF_WAIT_OP)
		return;
	if (wf_atomic_load_relaxed(&co->worker) != w) /* WK1 relaxed: after the word */
		return;
	if (!wf_co_hold(co, word)) /* PK3 */
		return;
	struct wf_op *op = co->wait_obj;

	if ((wf_op_rows[op->code].flags & wanted) == wanted)
		w->ring.engine->cancel(&w->ring, op);
	wf_co_release(co, word); /* PK3 */
}

/* One by one: to cancel all of an opcode takes the kernel n * n steps (9,000 receives: 0.6 s). */
static void leave_ring(struct wf_worker *w)
{
	w->ring.leaving = true; /* who waits at a stream that ends goes elsewhere */
	wf_stream_stop_all(&w->ring);
	wf_co_for_each(stop_op, w);
}

/* It hands on what is runnable when it next goes round. */
static void retire(struct wf_worker *w)
{
	w->off_duty = w->special = true;
	wf_idle_end(w); /* it keeps watch no longer */
	wf_timers_give(w);
	leave_ring(w);
	wf_pool_drain(&w->pool);
	wf_count(&w->count.retired, 1u); /* statistics: relaxed */
}

static void on_duty_msg(struct wf_worker *w, struct wf_msg *msg)
{
	(void)msg;
	wf_atomic_store_seq(&w->duty_posted, 0u); /* LW2 */
	if (!wf_atomic_load_seq(&w->retired)) {   /* LW1 LW2 */
		w->off_duty = w->ring.leaving = false;
	} else if (!w->off_duty) {
		retire(w);
	}
}

static void tell(struct wf_worker *w, bool retired)
{
	wf_atomic_store_seq(&w->retired, (uint32_t)retired); /* LW1 */
	wf_atomic_add_seq(&wf_rt.width, retired ? -1u : 1u); /* LW1: a hint, as it is */
	if (wf_atomic_xchg_seq(&w->duty_posted, 1u))         /* LW2 */
		return;
	w->duty_msg.fn = on_duty_msg;
	wf_send(w, &w->duty_msg);
}

/* Whether it takes work from now on. */
static bool want(struct wf_worker *w)
{
	if (is_wanted(w))
		return true;
	if (wf_atomic_load_acquire(&w->running)) { /* RU1 */
		tell(w, false);
		return true;
	}
	bool open = wf_recruit(w);

	wf_atomic_store_seq(&w->retired, (uint32_t)!open); /* LW1 */
	wf_atomic_add_seq(&wf_rt.width, (uint32_t)open);   /* LW1 */
	return open;
}

/* First those that come, so that those who go have heirs. If nobody may, those who are here
 * stay: they run on whatever CPUs the kernel gives them. */
static int apply(unsigned n)
{
	struct wf_worker *w;
	unsigned here = 0;

	for (unsigned i = 0; i < wf_rt.n_workers; i++) {
		w = wf_rt.workers[i];
		bool may = wf_atomic_load_relaxed(&w->allowed); /* LW3 relaxed */

		w->stays = here < n && may && want(w);
		here += w->stays;
	}
	for (unsigned i = 0; here && i < wf_rt.n_workers; i++) {
		w = wf_rt.workers[i];
		if (!w->stays && is_wanted(w))
			tell(w, true);
	}
	return here ? (int)here : -ENOMEM;
}

int wf_width_apply(unsigned n)
{
	uint32_t none = 0;

	if (!wf_atomic_cas_seq(&wf_rt.changing, &none, 1u)) /* LW3 */
		return -EBUSY;
	int rc = apply(n);
	wf_atomic_store_seq(&wf_rt.changing, 0u); /* LW3 */
	return rc;
}

int wf_set_workers(unsigned n)
{
	bool plain = !wf_worker_self();

	if (!n)
		return -EINVAL;
	if (plain && !wf_visit())
		return -ESRCH;
	int rc = n > wf_rt.n_workers ? -EINVAL : wf_width_apply(n);
	if (plain)
		wf_leave();
	return rc;
}

/* Going. */

struct wf_worker *wf_heir(struct wf_worker *w)
{
	struct wf_worker *post = wf_worker_post(w);
	const struct wf_near *near = &post->near;
	unsigned n = near->n_circles ? near->circle[near->n_circles - 1].end : 0;

	if (!wf_is_retired(post))
		return post;
	for (unsigned i = 0; i < n; i++)
		if (near->id[i] < wf_rt.n_workers &&
		    !wf_is_retired(wf_rt.workers[near->id[i]]))
			return wf_rt.workers[near->id[i]];
	return post; /* it was just asked back */
}

/* co is in no queue. One that is bound to a node where nobody is left is bound to another. */
static void send_on(struct wf_worker *w, struct wf_co *co)
{
	struct wf_worker *heir = wf_heir(w);

	if (!wf_may_run(heir, co))
		wf_atomic_store_relaxed(&co->bound, /* BD1 relaxed: in nobody's queue */
					(uint16_t)(wf_worker_home(heir) + 1));
	wf_count(&w->count.moved, 1u); /* statistics: relaxed */
	wf_ready_at(heir, co);
}

void wf_hand_on(struct wf_worker *w)
{
	struct wf_co *co;

	for (unsigned i = 0; i < WF_CLASSES; i++)
		while ((co = wf_runq_pop_owner(&w->lane[i].q)))
			send_on(w, co);
	while ((co = wf_deque_pop(&w->forks)))
		send_on(w, co);
}
