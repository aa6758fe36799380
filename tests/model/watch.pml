/* SPDX-License-Identifier: MIT */
/*
 * WA1, going to sleep: a worker that was asleep gets work, queues a coroutine behind it, and
 * computes until somebody has run that. The other is about to sleep, perhaps for good.
 *
 * The other runs it: it looks again, or is called.
 *
 * NAME            code     mutant   TSO    WEAK   why
 * UNWATCHED_STORE SEQ      RELEASE  fails  passes `sleeping` of the others is read before it
 * AWAKE_LOOK      SEQ      RELAXED  passes fails  the same
 * LOOKS_AWAKE     1        0        fails  fails  some may be awake and past their last push
 * RISE            SEQ      RELEASE  fails  passes `unwatched` is read before `sleeping` is down
 * PUSH_LOOK       SEQ      RELAXED  passes passes `called` is read in between, by a SEQ load
 */
#define WORKERS           2
#define MAY_LOAD_EARLY(c) (AWAKE_LOOK == RELAXED || PUSH_LOOK == RELAXED)
#define GIVE_UP           SEQ
#define LOOKERS           SEQ
#define PASSES_ON         1
#define CALLED_FIRST      1
#define CALLED_AFTER      1
#define KEEPS_DUTY        1
#include "idle.inc"

active proctype busy()
{
	LOCALS;

	store(SLEEPING + 1, 1, SEQ);
	work = SOME;
	rise();
	idle_end();
	push();
	stolen
}

active proctype thief()
{
	LOCALS;

	do
	:: stolen -> break
	:: !stolen -> round()
	od
}
