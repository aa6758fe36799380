/* SPDX-License-Identifier: MIT */
/*
 * The monitor is one more thief. It takes what the run queue holds, as thieves do, at any
 * time, whether the owner is still stalled or not; and the messages, which one xchg gives to
 * the owner or to the monitor. Of those it keeps the ones that carry a coroutine which may
 * run anywhere, and sends the others to `from` again: they were not ordered among each
 * other before, since their senders are not. Each coroutine taken is the monitor's alone, as
 * it was the queue's, until it is sent to its new worker.
 */
#include "handover.h"

#include "monitor.h"
#include "rescue.h"
#include "spare.h"

/* Coroutines on their way, in order. */
struct load {
	struct wf_co *first, **last;
	unsigned n;
};

static void load_add(struct load *l, struct wf_co *co)
{
	co->next = NULL;
	*l->last = co;
	l->last = &co->next;
	l->n++;
}

static void take_queue(struct wf_runq *from, struct load *l)
{
	static struct wf_runq bag; /* the thief's: there is one monitor */
	struct wf_co *co;
	uint32_t n;

	wf_runq_init(&bag, false);
	while ((co = wf_runq_steal(&bag, from, WF_RUNQ_SIZE / 2, -1, &n))) {
		load_add(l, co);
		while ((co = wf_runq_pop_owner(&bag)))
			load_add(l, co);
	}
}

/* One, and only when there is nothing else: it may be the root of a large tree. */
static void take_fork(struct wf_worker *from, struct load *l)
{
	struct wf_co *co = l->n ? NULL : wf_deque_steal(&from->forks);

	if (co)
		load_add(l, co);
}

static void take_messages(struct wf_worker *from, struct load *l)
{
	if (wf_inbox_empty(&from->inbox))
		return;
	struct wf_msg *msg = wf_inbox_take(&from->inbox);

	while (msg) {
		struct wf_msg *next = msg->next;
		struct wf_co *co = wf_msg_carries(msg);

		if (co)
			load_add(l, co);
		else if (!wf_rescue_take(from, msg))
			wf_send(from, msg);
		msg = next;
	}
}

/* It sleeps, or is about to, or only looks around. */
static bool is_free(const struct wf_worker *w)
{
	return wf_atomic_load_seq(&w->sleeping) ||      /* ID1 */
	       (!wf_atomic_load_relaxed(&w->current) && /* CU1 relaxed: a look */
		!wf_queued(w));
}

/* The nearest. */
static struct wf_worker *somebody_free(struct wf_worker *from)
{
	struct wf_worker *post = wf_spare_post(from);
	const struct wf_near *near = &post->near;
	unsigned n = near->n_circles ? near->circle[near->n_circles - 1].end : 0;

	if (post != from && !wf_is_retired(post) && is_free(post))
		return post;
	for (unsigned i = 0; i < n; i++) {
		struct wf_worker *w = wf_rt.workers[near->id[i]];

		if (near->id[i] < wf_rt.n_workers && !wf_is_retired(w) && is_free(w))
			return w;
	}
	return NULL;
}

/* Those that are bound to another node stay. Counted first: who runs may look at once. */
static void deliver(struct load *l, struct wf_worker *to, struct wf_worker *from)
{
	struct wf_co *next;

	for (struct wf_co *co = l->first; co; co = next) {
		bool goes = to != from && wf_may_run(to, co);

		next = co->next;
		if (goes)
			wf_count(&wf_stalls.handed_over, 1u);
		wf_ready_at(goes ? to : from, co);
	}
}

void wf_hand_over(struct wf_worker *from, bool with_spare)
{
	struct wf_worker *to = somebody_free(from);
	struct load l = {.last = &l.first};

	if (!to && !with_spare)
		return;
	for (unsigned i = 0; i < WF_CLASSES; i++)
		take_queue(&from->lane[i].q, &l);
	take_messages(from, &l);
	take_fork(from, &l);
	if (!l.n)
		return;
	if (!to)
		to = wf_spare_call(from);
	deliver(&l, to ? to : from, from);
}
