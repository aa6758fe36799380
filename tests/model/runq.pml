/* SPDX-License-Identifier: MIT */
/*
 * RQ1, RQ2: the owner of a run queue pushes and pops more than fit in, and a thief takes some
 * into a queue of his own and pops that.
 *
 * Each coroutine is run once, by somebody who sees what was written before it was pushed.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * PUSH         RELEASE  RELAXED  passes fails  the tail is out before the slot
 * STEAL_TAIL   ACQUIRE  RELAXED  passes fails  the slot is read before the tail
 * POP_BY_CAS   1        0        fails  fails  the last one is popped and stolen
 * STEAL_BY_CAS 1        0        fails  fails  the same
 * READS_FIRST  1        0        fails  fails  the slot is read when the head has moved past it
 *
 * READS_FIRST stands for the release in the cas on head: without that a slot may be read late.
 * That the owner's store to a slot comes after its load of head is not modelled: on hardware it
 * depends on the branch, and the acquire tells the compiler.
 */
#define PUSHED  4
#define THREADS 2
#define GIVE    RELEASE
#include "runq.inc"

active proctype owner()
{
	LOCALS;
	byte tail = 255, id = 1;

	began;
	do
	:: id > PUSHED -> break
	:: id <= PUSHED ->
		push(id);
		id++;
		if
		:: pop(Q1)
		:: true
		fi
	od;
	pop_all(Q1);
	finish()
}

active proctype thief()
{
	LOCALS;
	byte tail;

	began;
	steal(Q1, SIZE);
	pop_all(Q2);
	steal(Q1, SIZE);
	pop_all(Q2);
	finish()
}
