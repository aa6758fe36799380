/* SPDX-License-Identifier: MIT */
/*
 * AM1: two threads wish for something (a kick, an earlier deadline), and a message asks the
 * worker to look. There is one message, so only who finds it not posted sends it.
 *
 * The worker sees both wishes, or it would wait for ever; the message is never on its way twice.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * WISH         SEQ      RELAXED  passes passes the xchg puts it out
 * POST         SEQ      ACQUIRE  passes fails  the wish is out after it
 * XCHG_POSTED  1        0        fails  fails  two send
 * CLEAR        SEQ      RELEASE  fails  passes the wish is looked at before it
 * LOOK         SEQ      RELAXED  passes fails  the same
 * CLEARS_FIRST 1        0        fails  fails  a wish in between is not sent
 */
#define THREADS 3
#define CELLS   4
#define POSTED  3
#define WISHED  0 /* of thread 1, 2 */
#include "memory.inc"

byte messages;

active [2] proctype wisher()
{
	byte x;

	rmw(x, WISHED + _pid, 1, WISH);
	if
	:: XCHG_POSTED -> rmw(x, POSTED, 1, POST)
	:: !XCHG_POSTED ->
		load(x, POSTED, SEQ);
		store(POSTED, 1, SEQ)
	fi;
	if
	:: !x ->
		d_step {
			messages++;
			assert(messages == 1)
		}
	:: x
	fi
}

active proctype worker()
{
	byte first, second;

	do
	:: first && second -> break
	:: else ->
		messages > 0;
		messages--;
		when(CLEARS_FIRST, store(POSTED, 0, CLEAR));
		load(first, WISHED + 1, LOOK);
		load(second, WISHED + 2, LOOK);
		when(!CLEARS_FIRST, store(POSTED, 0, CLEAR))
	od
}
