/* SPDX-License-Identifier: MIT */
/*
 * A queue of those who wait for something of the program's own: coroutines on any worker and
 * plain threads alike. Zeroed memory is an empty queue; a waiter lives on its own stack.
 *
 * Whoever changes what is waited for holds `lock`, takes waiters out with wf_waitq_take()
 * (each is then claimed: nobody else can end its wait), lets go of the lock, and wakes them
 * with wf_waiters_wake(). A coroutine that is cancelled or out of time is claimed by who
 * stops it, and then taken out of the queue under the same lock: whoever meets it there
 * before that sees that it cannot be claimed, and goes on to the next.
 *
 * One party may wait in several queues at a time, by a waiter in each: the first of them, its
 * head, is what is claimed, and stands for the party. It leaves the other queues under their
 * locks before it goes on, so a waiter that is met under a lock is there.
 *
 * WQ1  woken: store_release by who wakes a thread  <->  load_acquire by the thread, which
 *      sleeps in a futex in between.
 * WQ2  taken: xchg_seq by who wants to wake a thread: who found 0 does. (Coroutines: PK1.)
 */
#ifndef WF_RUN_WAITQ_H
#define WF_RUN_WAITQ_H

#include "../base/spin.h"
#include "../co/co.h"

struct wf_waitq {
	struct wf_spin lock;
	uint32_t n;                     /* lock: how many */
	struct wf_waiter *first, *last; /* lock */
};

/* What a queue is for: for reports, and to tell who waits in vain (deadlock.c). */
struct wf_awaited {
	const char *text; /* "a mutex" */
	bool outside;     /* a thread, a process or a device is to end the wait */
	uintptr_t (*holder)(
		const struct wf_waitq *q); /* as wf_who() tells it, who alone can end
							  the wait; or NULL; 0: not known now */
};

/* The first 64 bytes are what the two sides share: aligned to them it is one cache line. */
struct wf_waiter {
	struct wf_waiter *next,
		*prev;            /* lock; next: or in the list of those to be woken */
	struct wf_waitq *q;       /* the one it waits in; outlives the wait */
	struct wf_waiter *head;   /* of its party; itself if alone */
	struct wf_co *co;         /* of the head. NULL: a plain thread */
	uint64_t word;            /* of the head: co's next park word */
	struct wf_waiter *winner; /* of the head: which of the party was taken */
	uint32_t n;               /* for who waits, by kind of object */
	bool linked;              /* lock */
	bool granted;             /* by who took it out: it has what it waited for */
	bool passed;              /* it was woken once and found nothing: it is next */

	struct wf_waiter *sibling; /* the next of its party, in order of q */
	uint32_t woken;            /* WQ1, of the head */
	uint32_t taken;            /* WQ2, of the head */
	uint64_t
		until; /* of the head, if it is a plain thread: how long it waits; 0: for ever */
	const struct wf_awaited *what; /* of the head, by who waits. NULL: not said */
};

/* What wf_waitq_wait() returns when there is no reason to stop: look again. */
enum { WF_WAIT_AGAIN = 1 };

/*
 * [waits] lock held, released on return. Wait in the queue, behind all (or before all, if
 * me->passed). 0: woken. WF_WAIT_AGAIN: neither woken nor stopped. hard: cannot be stopped.
 *   -ECANCELED, -ETIMEDOUT as for all parking calls; of threads -ETIMEDOUT by `until`
 */
int wf_waitq_wait(struct wf_waitq *q, struct wf_waiter *me, bool hard);

/*
 * [waits] The same in several queues. first: the party's waiters by `sibling`, in ascending
 * order of their q, which are set and locked, each once. The locks are released. Not stopped:
 * first->winner says which of them was taken.
 */
int wf_waitq_wait_any(struct wf_waiter *first);

/* lock held. Whether it still waited: then it is claimed. It is out of the queue either way. */
bool wf_waiter_take(struct wf_waiter *waiter);

/* lock held. The first one that still waits, claimed and out of the queue; NULL: none. */
struct wf_waiter *wf_waitq_take(struct wf_waitq *q);

/* lock held. All of them, as a list for wf_waiters_wake(). */
struct wf_waiter *wf_waitq_take_all(struct wf_waitq *q);

/* No lock held. Wake those of the list, in order; their memory is then gone. */
void wf_waiters_wake(struct wf_waiter *list);

/* No lock held. A party whose head is claimed leaves all its queues. */
void wf_waiters_leave(struct wf_waiter *head);

/* 0, or why a waiting call may not begin: plain threads always may. *ret_who: the caller,
 * coroutine or thread, as a number that is not 0. */
int wf_may_wait(uintptr_t *ret_who);

/* The caller as wf_may_wait() tells it, for calls that may always begin. */
uintptr_t wf_who(void);

/* For fast paths: the caller; or 0 if a waiting call may not begin, and wf_may_wait() says why. */
uintptr_t wf_who_may_wait(void);

#endif
