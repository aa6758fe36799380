/* SPDX-License-Identifier: MIT */
/*
 * BE1: one changes something and rings, another rings too and may be killed at any step; one
 * waits for the change, and one more has fallen asleep by the same bell at some time.
 *
 * The one that waits sees the change in the end, whoever was killed where (else it sleeps for ever,
 * which is an invalid end state).
 *
 * NAME          code     mutant   TSO    WEAK   why
 * CHANGE        SEQ      RELAXED  fails  fails  ASLEEP is looked for before the change is out
 * LOOK          SEQ      RELAXED  passes fails  the same
 * LISTEN        SEQ      ACQUIRE  passes fails  the change is looked for before ASLEEP is out
 * LOOK_AGAIN    SEQ      RELAXED  passes fails  the same
 * LOOKS_AGAIN   1        0        fails  fails  a change that came before ASLEEP
 * SAYS_RINGING  1        0        fails  fails  ASLEEP is out, the killed one has not woken
 * COUNTS        1        0        fails  fails  another sleeper makes the word what it was
 */
#define THREADS 4
#define CELLS   3
#include "memory.inc"

#define WORD   1
#define CHANGED 2

#define ASLEEP  1
#define RINGING 2
#define COUNT   4

bool sleeps;

/* futex_wait(): what is stored is out, and what is in memory is compared. */
inline fall_asleep(heard)
{
	atomic {
		me.n == 0;
		if
		:: mem[WORD] == heard -> sleeps = true
		:: else
		fi
	}
	!sleeps
}

/* futex_wake() */
inline wake()
{
	d_step {
		me.n == 0;
		sleeps = false
	}
}

#define rung(word)                                                                        \
	(((word) & ~ASLEEP) + (COUNTS -> COUNT : 0) |                                      \
	 (SAYS_RINGING -> RINGING : 0))

/* weft__bell_ring(). What is after `mortal` may not happen. */
inline ring(mortal)
{
	load(word, WORD, LOOK);
	if
	:: word & (ASLEEP | RINGING) ->
		do
		:: next = rung(word);
		   cas(ok, WORD, word, next, SEQ);
		   if
		   :: ok -> break
		   :: else
		   fi
		od;
		if
		:: mortal -> goto killed
		:: true
		fi;
		wake();
		if
		:: mortal -> goto killed
		:: true
		fi;
		if
		:: SAYS_RINGING -> cas(ok, WORD, next, next & ~RINGING, SEQ)
		:: !SAYS_RINGING
		fi
	:: else
	fi
}

/* weft__bell_listen() */
inline listen()
{
	load(word, WORD, SEQ);
	do
	:: word & ASLEEP -> break
	:: !(word & ASLEEP) ->
		cas(ok, WORD, word, word | ASLEEP, LISTEN);
		if
		:: ok -> word = word | ASLEEP
		:: else
		fi
	od
}

active proctype changer()
{
	byte word, next;
	bool ok;

	store(CHANGED, 1, CHANGE);
	ring(false);
killed:
	skip
}

active proctype ringer()
{
	byte word, next;
	bool ok;

	ring(true);
killed:
	skip
}

active proctype other_sleeper()
{
	byte word;
	bool ok;

	listen()
}

active proctype waiter()
{
	byte word, changed;
	bool ok;

	do
	:: load(changed, CHANGED, SEQ);
	   if
	   :: changed -> break
	   :: else
	   fi;
	   listen();
	   if
	   :: LOOKS_AGAIN -> load(changed, CHANGED, LOOK_AGAIN)
	   :: !LOOKS_AGAIN
	   fi;
	   if
	   :: !changed -> fall_asleep(word)
	   :: changed
	   fi
	od
}
