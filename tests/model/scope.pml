/* SPDX-License-Identifier: MIT */
/*
 * SC1: somebody cancels a coroutine's outer scope while it leaves something inside of it: a
 * shield, or a scope that was cancelled before. Afterwards `kick` says so; within the shield not.
 *
 * NAME          code     mutant   TSO    WEAK   why
 * MARK          SEQ      RELEASE  fails  passes the level is read before `cancelled` is out
 * LEVEL         SEQ      RELAXED  passes fails  the same
 * SET_BIT       SEQ      RELAXED  passes passes nothing follows it
 * BIT_BY_CAS    1        0        fails  fails  a store takes the shield away
 * ENTER         SEQ      ACQUIRE  passes fails  `cancelled` is read before the level is out
 * LOOK          SEQ      RELAXED  passes fails
 * LOOKS_AGAIN   1        0        fails  fails  cancelled behind the shield
 * ENTERS_FIRST  1        0        fails  fails  cancelled between the look and the level
 */
#define THREADS 2
#define CELLS   3
#include "memory.inc"

#define CANCELLED 1 /* the outer scope, at level 0 */
#define KICK      2 /* twice the level, and the bit */

#define level_of(kick) ((kick) / 2)

bool told;

active proctype canceller()
{
	byte kick;
	bool done;

	store(CANCELLED, 1, MARK);
	load(kick, KICK, LEVEL);
	do
	:: level_of(kick) > 0 || done -> break
	:: else ->
		if
		:: BIT_BY_CAS -> cas(done, KICK, kick, 2 * level_of(kick) + 1, SET_BIT)
		:: !BIT_BY_CAS ->
			store(KICK, 2 * level_of(kick) + 1, SEQ);
			done = true
		fi
	od;
	me.n == 0; /* seen by all */
	told = true
}

inline look_again()
{
	load(cancelled, CANCELLED, LOOK)
}

inline set_bit()
{
	done = false;
	load(kick, KICK, RELAXED);
	do
	:: done -> break
	:: else -> cas(done, KICK, kick, 2 * level_of(kick) + 1, SEQ)
	od
}

/* To another level, and back: what an open and a close of a shield do. */
inline enter(level)
{
	done = false;
	load(kick, KICK, RELAXED);
	do
	:: done -> break
	:: else -> cas(done, KICK, kick, 2 * level, ENTER)
	od
}

active proctype owner()
{
	byte kick, cancelled;
	bool done;

	if
	:: enter(1);
		load(kick, KICK, SEQ);
		assert(kick == 2) /* shielded */
	:: skip /* no shield, but a cancelled scope: the bit is taken down */
	fi;
	when(!ENTERS_FIRST && LOOKS_AGAIN, look_again());
	enter(0);
	when(ENTERS_FIRST && LOOKS_AGAIN, look_again());
	when(cancelled, set_bit());
	told; /* both have ended */
	load(kick, KICK, SEQ);
	assert(kick == 1)
}
