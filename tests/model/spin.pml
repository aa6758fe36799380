/* SPDX-License-Identifier: MIT */
/*
 * SP1: two threads count up under the lock. Nobody else is inside, and no count is lost.
 *
 * NAME      code     mutant   TSO    WEAK   why
 * LOCK      ACQUIRE  RELAXED  passes fails  the count is read before the lock is ours
 * XCHG      1        0        fails  fails  load and store
 * UNLOCK    RELEASE  RELAXED  passes fails  the count comes out after the lock
 */
#define THREADS 2
#define CELLS   3
#include "memory.inc"

#define WORD  1
#define COUNT 2

byte inside, ended;

inline take_lock()
{
	do
	:: XCHG -> rmw(taken, WORD, 1, LOCK);
		if
		:: !taken -> break
		:: else
		fi
	:: !XCHG -> load(taken, WORD, LOCK);
		if
		:: !taken ->
			store(WORD, 1, RELAXED);
			break
		:: else
		fi
	od
}

active [2] proctype thread()
{
	byte taken, count;

	take_lock();
	inside++;
	load(count, COUNT, RELAXED);
	store(COUNT, count + 1, RELAXED);
	assert(inside == 1);
	inside--;
	store(WORD, 0, UNLOCK);
	ended++
}

active proctype after()
{
	ended == 2 && sb[1].n == 0 && sb[2].n == 0 -> assert(mem[COUNT] == 2)
}
