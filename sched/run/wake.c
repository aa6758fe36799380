/* SPDX-License-Identifier: MIT */
/* Making coroutines runnable, and ending waits before their time. */
#include <errno.h>

#include "waitq.h"
#include "width.h"
#include "worker.h"

/*
 * AM1  *_posted: xchg_seq to 1 by who wants the message sent; only who found 0 sends it
 *      <->  store_seq of 0 by the receiver, before it looks at the coroutine's state. A
 *      wish that came too late for this look finds 0 and is sent anew.
 *      model: tests/model/posted.pml
 */

static void push_local(struct wf_worker *w, struct wf_co *co)
{
	if (wf_likely(!(co->traits & ~(uint32_t)WF_CO_BOUND)))
		wf_push(w, co);
	else
		wf_push_special(w, co);
}

static void on_ready(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_co *co = wf_container_of(msg, struct wf_co, ready_msg);

	if (wf_likely(wf_may_run(w, co)))
		push_local(w, co);
	else
		wf_ready(NULL, co); /* a spare that has moved to another node */
}

/* Where to send one that must not run on w: where it ran last. But that may have been a spare
 * which has moved to another node. */
static struct wf_worker *home_of(const struct wf_co *co)
{
	struct wf_worker *home = wf_atomic_load_relaxed(&co->worker); /* WK1 relaxed */

	if (wf_unlikely(wf_is_retired(home)) && !wf_co_is_pinned(co))
		return wf_heir(home);
	if (wf_likely(wf_may_run(home, co)))
		return home;
	return wf_rt.workers[wf_rt.plan.by_home[wf_rt.plan.first[co->bound - 1]]];
}

void wf_ready(struct wf_worker *w, struct wf_co *co)
{
	if (wf_likely(w && !co->traits)) {
		wf_push(w, co);
		return;
	}
	struct wf_worker *home =
		w && !wf_co_is_pinned(co) && wf_may_run(w, co) ? w : home_of(co);

	if (w && w == home) {
		push_local(w, co);
		return;
	}
	wf_ready_at(home, co);
}

void wf_ready_at(struct wf_worker *to, struct wf_co *co)
{
	co->ready_msg.fn = on_ready;
	wf_send(to, &co->ready_msg);
}

struct wf_co *wf_msg_carries(struct wf_msg *msg)
{
	struct wf_co *co = wf_container_of(msg, struct wf_co, ready_msg);

	return msg->fn == on_ready && !wf_co_is_pinned(co) ? co : NULL;
}

static bool wants_stop(const struct wf_co *co)
{
	return wf_kick_stops(wf_atomic_load_seq(&co->kick)) || /* PK2 */
	       wf_atomic_load_seq(&co->due) <= wf_clock_ns();  /* TM1 */
}

int wf_verdict(const struct wf_co *me)
{
	if (wf_kick_stops(wf_atomic_load_seq(&me->kick))) /* PK2 */
		return -ECANCELED;
	return me->due != WF_NEVER && me->due <= wf_clock_ns() ? -ETIMEDOUT : 0;
}

static void on_abort(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_co *co = wf_container_of(msg, struct wf_co, abort_msg);

	wf_atomic_store_seq(&co->abort_posted, 0u); /* AM1 */
	wf_abort(w, co);
}

struct wf_co *wf_msg_aborts(struct wf_msg *msg)
{
	return msg->fn == on_abort ? wf_container_of(msg, struct wf_co, abort_msg) : NULL;
}

bool wf_abort_wish(struct wf_worker *w, struct wf_co *co, struct wf_wish *ret_wish)
{
	uint64_t word = wf_co_word(co); /* PK1 */

	if (wf_park_kind(word) != WF_WAIT_OP || !wants_stop(co) ||
	    wf_atomic_load_relaxed(&co->worker) != w || /* WK1 relaxed: after the word */
	    !wf_co_hold(co, word))                      /* PK3 */
		return false;
	*ret_wish = (struct wf_wish){.op = co->wait_obj, .co = co, .word = word};
	wf_co_release(co, word); /* PK3 */
	return true;
}

void wf_abort_again(struct wf_co *co)
{
	wf_atomic_store_seq(&co->abort_posted, 0u); /* AM1 */
	wf_abort(NULL, co);
}

/* A call op can only be cancelled on its own ring, and ends by its completion. */
static void abort_op(struct wf_worker *w, struct wf_co *co, uint64_t word)
{
	struct wf_worker *home =
		wf_atomic_load_relaxed(&co->worker); /* WK1 relaxed: checked */

	if (w && home == w) {
		/* only this thread and a rescuer could end the op: held as `word` says,
		 * it is there */
		if (wf_co_hold(co, word)) { /* PK3 */
			w->ring.engine->cancel(&w->ring, co->wait_obj);
			wf_co_release(co, word); /* PK3 */
		}
	} else if (!wf_atomic_xchg_seq(&co->abort_posted, 1u)) { /* AM1 */
		co->abort_msg.fn = on_abort;
		wf_send(home, &co->abort_msg);
	}
}

/* co is claimed: take it out of what it waited for. */
static void unlink_wait(struct wf_co *co, enum wf_wait kind)
{
	if (kind == WF_WAIT_STREAM) {
		struct wf_fd *f = co->wait_obj;
		wf_spin_lock(&f->lock);
		if (f->waiter == co)
			wf_fd_take_waiter(f);
		wf_spin_unlock(&f->lock);
	} else if (kind == WF_WAIT_JOIN) {
		wf_joiner_remove(co->wait_obj, co);
	} else if (kind == WF_WAIT_QUEUE) {
		wf_waiters_leave(co->wait_obj);
	}
}

void wf_abort(struct wf_worker *w, struct wf_co *co)
{
	for (;;) {
		uint64_t word = wf_co_word(co); /* PK1 PK2 */
		enum wf_wait kind = wf_park_kind(word);

		if (kind == WF_RUNNING || wf_wait_is_hard(kind) || !wants_stop(co))
			return;
		if (kind == WF_WAIT_OP) {
			abort_op(w, co, word);
			return;
		}
		if (!wf_co_claim(co, word)) /* PK1 */
			continue;
		unlink_wait(co, kind);
		co->result = WF_ABORTED;
		wf_ready(w, co);
		return;
	}
}
