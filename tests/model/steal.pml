/* SPDX-License-Identifier: MIT */
/*
 * RQ1, RQ2: what a thief has taken into its own queue may be stolen again.
 *
 * Each coroutine is run once, by somebody who sees what was written before it was pushed.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * GIVE         RELEASE  RELAXED  passes passes the cas on head comes between; in steal_over() nothing does
 * STEAL_TAIL   ACQUIRE  RELAXED  passes fails  the slot is read before the tail
 * POP_BY_CAS   1        0        fails  fails  the last one is popped and stolen
 */
#define PUSHED       2
#define THREADS      3
#define PUSH         RELEASE
#define STEAL_BY_CAS 1
#define READS_FIRST  1
#include "runq.inc"

active proctype owner()
{
	LOCALS;
	byte tail = 255;

	began;
	push(1);
	push(2);
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
	finish()
}

active proctype thief_of_thief()
{
	LOCALS;
	byte tail;

	began;
	steal(Q2, 1);
	finish()
}
