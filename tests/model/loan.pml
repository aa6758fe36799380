/* SPDX-License-Identifier: MIT */
/*
 * LO1: a worker runs coroutines and looks at its completions in turn; a rescuer asks for them
 * twice. The signal handler runs at any point of the worker, and any number of times.
 *
 * Each completion is reaped once, and the worker knows of each in the end; who takes sees what
 * was noted for it.
 *
 * NAME      code    mutant   TSO    WEAK   why
 * IN_LOOP   1       0        fails  fails  lends what it is about to reap
 * LEND      SEQ     RELAXED  passes fails  what is noted is out before it
 * TAKE      SEQ     RELAXED  passes fails  and read after it
 * GIVE_BACK RELEASE RELAXED  passes fails  what was reaped and is owed is out before it
 * SETTLES   1       0        fails  fails  both reap
 * TAKE_BACK SEQ     RELEASE  passes fails  what was reaped is read after it
 * AWAITS    1       0        fails  fails  takes back what somebody has
 */
#define THREADS 2
#define CELLS   4
#define STATE   0
#define TAIL    1
#define HEAD    2
#define OWES    3
#include "memory.inc"

#define NONE  0
#define ASKED 1
#define LENT  2
#define TAKEN 3
#define OWED  4

byte came = 1; /* completions, by the kernel */
byte reaped[2];
byte in_flight = 2;
bool over;

inline reap_one()
{
	d_step {
		reaped[head]++;
		assert(reaped[head] == 1);
		head++
	}
}

/* The worker's. */
inline handler()
{
	load(x, STATE, SEQ);
	if
	:: x == ASKED && (runs || !IN_LOOP) ->
		store(TAIL, came, RELAXED);
		cas(ok, STATE, x, LENT, LEND)
	:: x == ASKED && !runs && IN_LOOP ->
		cas(ok, STATE, x, OWED, SEQ)
	:: x != ASKED
	fi
}

inline signals()
{
	do
	:: !over -> handler()
	:: true -> break
	od
}

inline settle()
{
	load(x, STATE, RELAXED);
	do
	:: x == NONE || !SETTLES -> break
	:: else ->
		load(x, STATE, RELAXED);
		if
		:: x == NONE || (x == TAKEN && AWAITS)
		:: else ->
			cas(ok, STATE, x, NONE, TAKE_BACK);
			when(ok, x = NONE)
		fi
	od;
	load(x, OWES, RELAXED);
	in_flight = in_flight - x;
	store(OWES, 0, RELAXED)
}

inline poll()
{
	settle();
	signals();
	load(head, HEAD, RELAXED);
	do
	:: head < came ->
		signals();
		reap_one();
		in_flight--;
		store(HEAD, head, RELEASE)
	:: head >= came -> break
	od
}

active proctype worker()
{
	byte x, head;
	bool ok, runs = true;

	signals();
	runs = false;
	poll();
	runs = true;
	signals();
	came == 2;
	runs = false;
	poll();
	assert(in_flight == 0);
	over = true
}

active proctype rescuer()
{
	byte x, head, tail, owes, asked;
	bool ok;

	do
	:: asked == 2 -> break
	:: else ->
		asked++;
		x = NONE;
		cas(ok, STATE, x, ASKED, SEQ);
		if
		:: !ok && x == OWED -> cas(ok, STATE, x, ASKED, SEQ)
		:: else
		fi;
		x = LENT;
		cas(ok, STATE, x, TAKEN, TAKE);
		if
		:: ok ->
			load(tail, TAIL, RELAXED);
			assert(tail > 0);
			load(head, HEAD, RELAXED);
			load(owes, OWES, RELAXED);
			do
			:: head < tail ->
				reap_one();
				owes++
			:: head >= tail -> break
			od;
			store(HEAD, head, RELEASE);
			store(OWES, owes, RELAXED);
			store(STATE, OWED, GIVE_BACK)
		:: !ok
		fi
	od
}

active proctype kernel()
{
	came = 2
}
