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

static void unlock_all(struct wf_waiter *first)
{
	/* after the last lock the party may be gone */
	for (struct wf_waiter *w = first, *next; w; w = next) {
		next = w->sibling;
		if (!next || next->q != w->q)
			wf_spin_unlock(&w->q->lock);
	}
}

/* The same as wf_publish_park() under several locks. */
static void publish_in_queues(struct wf_worker *w, struct wf_co *co)
{
	struct wf_waiter *first = co->wait_obj;
	bool kicked = wf_co_publish(co, w->leave_word); /* PK1 PK2 */

	unlock_all(first);
	if (wf_unlikely(kicked))
		wf_abort(w, co);
}

/* Its time is over: 0 if it was taken out before that, and only has to be woken. */
static int give_up(struct wf_waiter *first)
{
	if (wf_atomic_xchg_seq(&first->taken, 1u)) /* WQ2 */
		return 0;
	wf_waiters_leave(first);
	return -ETIMEDOUT;
}

/* The clock's time may be over a little before futex(2) says so. */
static bool overdue(const struct wf_waiter *first, struct timespec *ret_left)
{
	const uint64_t now = wf_clock_ns();
	const uint64_t left = first->until > now ? first->until - now : 0;

	*ret_left = (struct timespec){.tv_sec = (time_t)(left / 1000000000u),
				      .tv_nsec = (long)(left % 1000000000u)};
	return !left;
}

static int wait_in_thread(struct wf_waiter *first)
{
	const bool bounded = first->until && first->until != WF_NEVER;
	struct timespec left;

	unlock_all(first);
	while (!wf_atomic_load_acquire(&first->woken)) { /* WQ1 */
		if (bounded && overdue(first, &left) && give_up(first))
			return -ETIMEDOUT;
		wf_sys.futex_wait(&first->woken, 0,
				  bounded && (left.tv_sec || left.tv_nsec) ? &left
									   : NULL);
	}
	return 0;
}

/* Locks held, released. Wait as the party of `first`, all of which are linked. */
static int wait(struct wf_waiter *first, bool hard)
{
	const enum wf_wait kind = hard ? WF_WAIT_HARD_QUEUE : WF_WAIT_QUEUE;
	struct wf_worker *w = wf_worker_self();
	struct wf_co *co = w ? w->current : NULL;

	wf_assert(first != NULL);
	first->co = co;
	first->winner = NULL;
	wf_atomic_store_relaxed(&first->woken, 0u); /* WQ1 relaxed: under the lock */
	wf_atomic_store_relaxed(&first->taken, 0u); /* WQ2 relaxed: under the lock */
	if (!co)
		return wait_in_thread(first);
	first->word = wf_co_next_word(co, kind);
	co->wait_obj = first;
	if (wf_park_as(w, co, kind, publish_in_queues) != WF_ABORTED)
		return 0;
	int rc = wf_verdict(co);
	return rc ? rc : WF_WAIT_AGAIN;
}

int wf_waitq_wait(struct wf_waitq *q, struct wf_waiter *me, bool hard)
{
	me->head = me;
	me->sibling = NULL;
	me->granted = false;
	link_in(q, me);
	return wait(me, hard);
}

int wf_waitq_wait_any(struct wf_waiter *first)
{
	for (struct wf_waiter *w = first; w; w = w->sibling) {
		w->head = first;
		w->granted = false;
		link_in(w->q, w);
	}
	int rc = wait(first, false);
	if (rc == 0)
		wf_waiters_leave(first);
	return rc;
}

bool wf_waiter_take(struct wf_waiter *waiter)
{
	struct wf_waiter *head = waiter->head;
	bool mine = head->co ? wf_co_claim(head->co, head->word)      /* PK1 */
			     : !wf_atomic_xchg_seq(&head->taken, 1u); /* WQ2 */

	link_out(waiter);
	if (mine)
		head->winner = waiter;
	return mine;
}

struct wf_waiter *wf_waitq_take(struct wf_waitq *q)
{
	struct wf_waiter *first;

	while ((first = q->first))
		if (wf_waiter_take(first))
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

static void wake(struct wf_waiter *head)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *co = head->co;

	if (co) {
		/* once it is ready it may end, and the runtime with it: be seen inside */
		bool guest = !w && wf_visit();

		co->result = 0;
		wf_ready(w, co);
		if (guest)
			wf_leave();
		return;
	}
	wf_atomic_store_release(&head->woken, 1u); /* WQ1 */
	wf_sys.futex_wake(&head->woken, 1);
}

void wf_waiters_wake(struct wf_waiter *list)
{
	while (list) {
		struct wf_waiter *next = list->next;
		wake(list->head);
		list = next;
	}
}

void wf_waiters_leave(struct wf_waiter *head)
{
	for (struct wf_waiter *w = head; w; w = w->sibling) {
		wf_spin_lock(&w->q->lock);
		if (w->linked)
			link_out(w);
		wf_spin_unlock(&w->q->lock);
	}
}

/* An address that no other thread and no coroutine has. noinline: nobody may keep it. */
static __attribute__((noinline)) uintptr_t this_thread(void)
{
	static __thread char here;

	__asm__ volatile("" ::: "memory");
	return (uintptr_t)&here;
}

uintptr_t wf_who(void)
{
	struct wf_worker *w = wf_worker_self();

	return wf_likely(w && w->current) ? (uintptr_t)w->current : this_thread();
}

uintptr_t wf_who_may_wait(void)
{
	struct wf_worker *w = wf_worker_self();

	if (wf_unlikely(!w || !w->current))
		return this_thread();
	return wf_likely(!wf_may_begin(w, w->current)) ? (uintptr_t)w->current : 0;
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
