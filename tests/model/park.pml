/* SPDX-License-Identifier: MIT */
/*
 * PK1, PK2: a coroutine parks twice. A waker holds the word of the first wait, and a canceller
 * comes at any time; the second wait is ended by the cancel alone. Whoever ends a wait runs the
 * coroutine on, so parking again is done by any of the three.
 *
 * Each wait is ended by one of them; who ends it finds the stack as it was left; the waker's
 * wake is not lost, but to the canceller; nor is the cancel (`ended` would never come true).
 *
 * NAME          code     mutant   TSO    WEAK   why
 * PUBLISH       SEQ      RELAXED  passes fails  the word is out before the stack pointer
 * XCHG_WORD     1        0        fails  passes a release store: `kick` is read before it
 * PARKER_LOOKS  SEQ      RELAXED  passes fails
 * LOOKS_AT_KICK 1        0        fails  fails  a cancel that came before the word
 * CANCEL        SEQ      ACQUIRE  passes fails  `park` is read before `kick` is out
 * OR_KICK       1        0        fails  passes a release store: the same
 * CANCEL_LOOKS  SEQ      RELAXED  passes fails
 * CLAIM         SEQ      RELAXED  passes passes who claims got the word by a SEQ load or under the lock
 * CLAIM_BY_CAS  1        0        fails  fails  two claim
 * SEQUENCE      1        0        fails  fails  the waker ends the second wait
 * KEEPS_LOCK    1        0        fails  fails  unlocked too early: the waker finds no word
 */
#define THREADS 3
#define CELLS   5
#include "memory.inc"

#define PARK  1 /* twice the sequence, and 1 while it is parked */
#define KICK  2
#define SP    3 /* the saved stack pointer: which wait it belongs to */
#define LOCK  4 /* of what it waits for in the first wait */

#define word_of(wait) (SEQUENCE -> 2 * wait + 1 : 1)

byte waits; /* begun */
bool running = true, locked_out = true, ended;

inline resumed()
{
	d_step {
		assert(!running);
		running = true
	}
	load(sp, SP, RELAXED);
	assert(sp == waits)
}

/* wf_co_claim() */
inline claim()
{
	if
	:: CLAIM_BY_CAS -> cas(claimed, PARK, word, word - 1, CLAIM)
	:: !CLAIM_BY_CAS ->
		load(now, PARK, SEQ);
		claimed = now == word;
		if
		:: claimed -> store(PARK, word - 1, SEQ)
		:: else
		fi
	fi
}

/* wf_abort() */
inline abort()
{
	do
	:: load(word, PARK, CANCEL_LOOKS);
		if
		:: word % 2 == 0 -> break
		:: else
		fi;
		load(kick, KICK, SEQ);
		if
		:: !kick -> break
		:: else
		fi;
		claim();
		if
		:: claimed -> break
		:: else
		fi
	od
}

/* The outgoing side, and wf_publish_park() of the incoming one. */
inline park()
{
	d_step {
		waits++;
		word = word_of(waits);
		kick = 0
	}
	store(SP, waits, RELAXED);
	running = false;
	if
	:: waits == 1 && !KEEPS_LOCK -> unlock(LOCK)
	:: else
	fi;
	if
	:: XCHG_WORD -> rmw(now, PARK, word, PUBLISH)
	:: !XCHG_WORD -> store(PARK, word, RELEASE)
	fi;
	if
	:: LOOKS_AT_KICK -> load(kick, KICK, PARKER_LOOKS)
	:: !LOOKS_AT_KICK
	fi
}

inline abort_if_kicked()
{
	if
	:: kick -> abort()
	:: !kick
	fi
}

/* This thread has claimed the coroutine, or not. */
inline go_on()
{
	do
	:: !claimed -> break
	:: claimed ->
		resumed();
		claimed = false;
		if
		:: waits == 2 ->
			ended = true;
			break
		:: else
		fi;
		park();
		abort_if_kicked()
	od
}

active proctype parker()
{
	byte sp, word, now, kick;
	bool claimed;

	lock(LOCK);
	locked_out = false;
	park();
	if
	:: KEEPS_LOCK -> unlock(LOCK)
	:: !KEEPS_LOCK
	fi;
	abort_if_kicked();
	go_on()
}

active proctype waker()
{
	byte sp, word, now, kick;
	bool claimed;

	!locked_out;
	lock(LOCK);
	word = word_of(1);
	claim();
	assert(claimed -> waits == 1 : sb[3].n > 0 || mem[KICK]);
	unlock(LOCK);
	go_on()
}

active proctype canceller()
{
	byte sp, word, now, kick;
	bool claimed;

	if
	:: OR_KICK -> rmw(kick, KICK, 1, CANCEL)
	:: !OR_KICK -> store(KICK, 1, RELEASE)
	fi;
	abort();
	go_on();
	ended
}
