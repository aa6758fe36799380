/* SPDX-License-Identifier: MIT */
/*
 * Lending the completions of a ring, so that a worker which is stalled does not keep them. The
 * ring's own thread lends, in a signal handler, and only while a coroutine runs there; another
 * thread then takes them, up to the last one that had come, and gives back the ring. The
 * owner may do meanwhile what it likes, but before it looks at its completions (all that it
 * does between two coroutines) it settles: what nobody has taken is its own again, and for who
 * has it waits.
 *
 *	NONE  --ask (rescuer)-->  ASKED  --answer (owner)-->  LENT, or OWED: it needs no help
 *	LENT  --take (rescuer)-->  TAKEN  --give back-->  OWED
 *	any but TAKEN  --settle (owner)-->  NONE
 *
 * LO1  state: cas_seq to LENT by the owner's handler, after it noted `tail`  <->  cas_seq to
 *      TAKEN by the rescuer, who sees that and all that the owner did before. store_release
 *      of OWED  <->  cas_seq to NONE by the owner, who sees what was taken and what it owes
 *      for it. The owner's looks are relaxed: it alone lends, so one that sees NONE has
 *      not. model: tests/model/loan.pml
 */
#ifndef WF_RING_LOAN_H
#define WF_RING_LOAN_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/atomic.h"

enum wf_loan_state {
	WF_LOAN_NONE,
	WF_LOAN_ASKED,
	WF_LOAN_LENT,
	WF_LOAN_TAKEN,
	WF_LOAN_OWED
};

struct wf_loan {
	uint32_t state; /* LO1 */
	uint32_t tail;  /* LO1: completions before it are lent */
	/* by the rescuer, for the owner to make good */
	uint32_t ended;  /* requests */
	bool wake_ended; /* the request by which others wake it */
};

static inline bool wf_loan_turn(struct wf_loan *l, uint32_t from, uint32_t to)
{
	return wf_atomic_cas_seq(&l->state, &from, to); /* LO1 */
}

/* Rescuer: true if the owner is to be told. */
static inline bool wf_loan_ask(struct wf_loan *l)
{
	return wf_loan_turn(l, WF_LOAN_NONE, WF_LOAN_ASKED) ||
	       wf_loan_turn(l, WF_LOAN_OWED, WF_LOAN_ASKED);
}

static inline bool wf_loan_asked(const struct wf_loan *l)
{
	return wf_atomic_load_seq(&l->state) == WF_LOAN_ASKED; /* LO1 */
}

static inline void wf_loan_answer(struct wf_loan *l, bool lend)
{
	wf_loan_turn(l, WF_LOAN_ASKED, lend ? WF_LOAN_LENT : WF_LOAN_OWED);
}

static inline bool wf_loan_take(struct wf_loan *l)
{
	return wf_loan_turn(l, WF_LOAN_LENT, WF_LOAN_TAKEN);
}

static inline void wf_loan_give_back(struct wf_loan *l)
{
	wf_atomic_store_release(&l->state, (uint32_t)WF_LOAN_OWED); /* LO1 */
}

/* Owner: whether there is anything to settle. */
static inline bool wf_loan_open(const struct wf_loan *l)
{
	return wf_atomic_load_relaxed(&l->state) != WF_LOAN_NONE; /* LO1 relaxed */
}

static inline void wf_loan_settle(struct wf_loan *l)
{
	uint32_t state;

	while ((state = wf_atomic_load_relaxed(&l->state)) !=
	       WF_LOAN_NONE) /* LO1 relaxed */
		if (state == WF_LOAN_TAKEN || !wf_loan_turn(l, state, WF_LOAN_NONE))
			sched_yield();
}

#endif
