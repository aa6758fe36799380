/* SPDX-License-Identifier: MIT */
#include "waitq.h"

#include <errno.h>

#include "../base/sys.h"
#include "switch.h"

/* lock held. */
static void link_in(struct wf_waitq *q, struct wf_waiter *me)
{
	me->q = q;
	me->linked = true;
	me->prev = me->passed ? NULL : q->last;
	me->next = me->passed ? q->first : NULL;
	*(me->prev ? &me->prev->next : &q->first) = me;
	*(me->next ? &me->next->prev : &q->last) = me;
	q->n++;
}

/* lock held. */
static void link_out(struct wf_waiter *me)
{
	struct wf_waitq *q = me->q;

	*(me->prev ? &me->prev->next : &q->first) = me->next;
	*(me->next ? &me->next->prev : &q->last) = me->prev;
	q->n--;
	me->linked = false;
	me->next = NULL;
}

static int wait_in_thread(struct wf_waitq *q, struct wf_waiter *me)
{
	wf_atomic_store_relaxed(&me->woken, 0u); /* WQ1 relaxed: not yet in the queue */
	link_in(q, me);
	wf_spin_unlock(&q->lock);
	while (!wf_atomic_load_acquire(&me->woken)) /* WQ1 */
		wf_sys.futex_wait(&me->woken, 0, NULL);
	return 0;
}

int wf_waitq_wait(struct wf_waitq *q, struct wf_waiter *me, bool hard)
{
	const enum wf_wait kind = hard ? WF_WAIT_HARD : WF_WAIT_QUEUE;
	struct wf_worker *w = wf_worker_self();
	struct wf_co *co = w ? w->current : NULL;

	me->co = co;
	me->granted = false;
	if (!co)
		return wait_in_thread(q, me);
	me->word = wf_co_next_word(co, kind);
	co->wait_obj = me;
	link_in(q, me);
	if (wf_park(w, co, kind, &q->lock) != WF_ABORTED)
		return 0;
	int rc = wf_verdict(co);
	return rc ? rc : WF_WAIT_AGAIN;
}

bool wf_waitq_take_first(struct wf_waitq *q)
{
	struct wf_waiter *first = q->first;
	bool mine = !first->co || wf_co_claim(first->co, first->word); /* PK1 */

	link_out(first);
	return mine;
}

struct wf_waiter *wf_waitq_take(struct wf_waitq *q)
{
	struct wf_waiter *first;

	while ((first = q->first))
		if (wf_waitq_take_first(q))
			return first;
	return NULL;
}

struct wf_waiter *wf_waitq_take_all(struct wf_waitq *q)
{
	struct wf_waiter *list = NULL, **end = &list;

	while ((*end = wf_waitq_take(q)))
		end = &(*end)->next;
	return list;
}

static void wake(struct wf_waiter *waiter)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *co = waiter->co;

	if (co) {
		/* once it is ready it may end, and the runtime with it: be seen inside */
		bool guest = !w && wf_visit();

		co->result = 0;
		wf_ready(w, co);
		if (guest)
			wf_leave();
		return;
	}
	wf_atomic_store_release(&waiter->woken, 1u); /* WQ1 */
	wf_sys.futex_wake(&waiter->woken, 1);
}

void wf_waiters_wake(struct wf_waiter *list)
{
	while (list) {
		struct wf_waiter *next = list->next;
		wake(list);
		list = next;
	}
}

void wf_waitq_leave(struct wf_waiter *waiter)
{
	wf_spin_lock(&waiter->q->lock);
	if (waiter->linked)
		link_out(waiter);
	wf_spin_unlock(&waiter->q->lock);
}

/* An address that no other thread and no coroutine has. noinline: nobody may keep it. */
static __attribute__((noinline)) uintptr_t this_thread(void)
{
	static __thread char here;

	__asm__ volatile("" ::: "memory");
	return (uintptr_t)&here;
}

int wf_may_wait(uintptr_t *ret_who)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current) {
		*ret_who = this_thread();
		return 0;
	}
	*ret_who = (uintptr_t)w->current;
	return wf_may_begin(w, w->current);
}
