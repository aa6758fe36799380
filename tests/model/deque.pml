/* SPDX-License-Identifier: MIT */
/*
 * DQ1, DQ2: the owner of a deque of forks pushes and pops at the bottom; two thieves take from the
 * top. The ring has two places and the counters wrap around; what does not fit the owner runs at
 * once (the list of the others has a lock, and that is in spin.pml).
 *
 * Each coroutine is run once, by somebody who sees what was written before it was pushed.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * PUSH         RELEASE  RELAXED  passes fails  the bottom is out before the slot
 * LOWER        SEQ      RELEASE  fails  passes top is read before the lower bottom is out
 * POP_LOOK     SEQ      RELAXED  passes fails  the same
 * STEAL_LOOK   SEQ      RELAXED  passes fails  the slot is read before the bottom
 * STEAL_TOP    SEQ      RELAXED  passes passes one too old fails at the cas
 * POP_BY_CAS   1        0        fails  fails  the last one is popped and stolen
 * STEAL_BY_CAS 1        0        fails  fails  the same
 * READS_FIRST  1        0        fails  fails  the slot is read when top has passed it
 * RAISES       1        0        fails  fails  a pop that found nothing leaves bottom below top
 *
 * READS_FIRST stands for the release in the cas on top: without that a slot may be read late.
 */
#define PUSHED  3
#define SIZE    2
#define THREADS 3
#define CELLS   (4 + PUSHED + 1)
#define TOP     0
#define BOTTOM  1
#define SLOT    2 /* 2, 3 */
#define BYTES   4 /* of coroutine 1.. */
#define MAY_LOAD_EARLY(c) (c < BYTES) /* not before the slot that leads there */
#define SETUP                                                                            \
	initially(TOP, 255);                                                             \
	initially(BOTTOM, 255)
#include "memory.inc"

bool ran[PUSHED + 1];
byte n_ran, n_done;

/* How many there are, if the sign is right. */
#define count(bottom, top) (bottom - top & 255)

inline run_one(id)
{
	load(x, BYTES + id, RELAXED);
	d_step {
		assert(x == 1);
		assert(!ran[id]);
		ran[id] = true;
		n_ran++;
		x = 0
	}
}

/* wf_deque_push() */
inline push(id)
{
	store(BYTES + id, 1, RELAXED);
	load(top, TOP, ACQUIRE);
	if
	:: count(bottom, top) == SIZE -> run_one(id)
	:: else ->
		store(SLOT + bottom % SIZE, id, RELAXED);
		bottom = bottom + 1 & 255;
		store(BOTTOM, bottom, PUSH)
	fi;
	top = 0
}

/* Raise top from what it was to one more. */
inline take_top(by_cas)
{
	if
	:: by_cas -> cas(ok, TOP, top, top + 1 & 255, SEQ)
	:: !by_cas ->
		load(x, TOP, SEQ);
		ok = x == top;
		when(ok, store(TOP, top + 1 & 255, SEQ))
	fi
}

/* wf_deque_pop() */
inline pop()
{
	load(top, TOP, RELAXED);
	none = bottom == top;
	if
	:: !none ->
		bottom = bottom - 1 & 255;
		store(BOTTOM, bottom, LOWER);
		load(top, TOP, POP_LOOK);
		load(co, SLOT + bottom % SIZE, RELAXED);
		if
		:: count(bottom, top) > 0 && count(bottom, top) < 128
		:: else ->
			ok = false;
			when(bottom == top, take_top(POP_BY_CAS));
			when(!ok, co = 0);
			if
			:: RAISES ->
				bottom = bottom + 1 & 255;
				store(BOTTOM, bottom, RELEASE)
			:: else
			fi;
			none = true
		fi;
		when(co, run_one(co))
	:: none
	fi;
	atomic {
		co = 0;
		top = 0;
		x = 0;
		ok = false
	}
}

/* wf_deque_steal() */
inline steal()
{
	load(top, TOP, STEAL_TOP);
	load(x, BOTTOM, STEAL_LOOK);
	if
	:: count(x, top) > 0 && count(x, top) < 128 ->
		when(READS_FIRST, load(co, SLOT + top % SIZE, RELAXED));
		take_top(STEAL_BY_CAS);
		when(ok && !READS_FIRST, load(co, SLOT + top % SIZE, RELAXED));
		when(ok, run_one(co))
	:: else
	fi;
	atomic {
		co = 0;
		top = 0;
		x = 0;
		ok = false
	}
}

inline finish()
{
	d_step {
		n_done++;
		assert(n_done < THREADS || n_ran == PUSHED)
	}
}

active proctype owner()
{
	byte top, bottom = 255, co, x, id = 1;
	bool ok, none;

	began;
	do
	:: id > PUSHED -> break
	:: id <= PUSHED ->
		push(id);
		id++;
		if
		:: pop()
		:: true
		fi
	od;
	do
	:: pop();
		if
		:: none -> break
		:: else
		fi
	od;
	finish()
}

active [2] proctype thief()
{
	byte top, co, x;
	bool ok;

	began;
	steal();
#ifdef TSO /* on the other machine one each fails all mutants, with half the states */
	if
	:: _pid == 2 -> steal()
	:: else
	fi;
#endif
	finish()
}
