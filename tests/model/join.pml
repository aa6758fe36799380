/* SPDX-License-Identifier: MIT */
/*
 * TW1: a plain thread joins a coroutine that ends. It sleeps in a futex, which compares and
 * sleeps in one step, and whose wake puts out what was stored before.
 *
 * The thread wakes up, sees the result, and frees the coroutine when nobody uses it any more.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * DONE         RELEASE  RELAXED  passes passes the lock is taken once more
 * DONE_LOOK    ACQUIRE  RELAXED  passes passes the same
 * DONE_LAST    1        0        passes passes the same: the thread waits for the unlock
 * LOCKS_AGAIN  1        0        passes passes the release and the acquire of `done` are enough
 * EITHER       1        0        passes fails  neither of the two
 * COMPARES     1        0        fails  fails  asleep after the wake
 * WAKES        1        0        fails  fails
 * LOCKED       1        0        fails  fails  the end and the joiner miss each other
 */
#define THREADS 2
#define CELLS   5
#define LOCK    1 /* join_lock, which guards the next two */
#define STATUS  2
#define JOINER  3
#define DONE_1  4 /* in the waiting thread */
#include "memory.inc"

bool ended, asleep, freed;

inline futex_wake()
{
	d_step {
		me.n == 0;
		asleep = false
	}
}

/* publish_exit() */
active proctype coroutine()
{
	byte joiner;

	store(STATUS, 7, RELAXED);
	when(LOCKED, lock(LOCK));
	load(joiner, JOINER, RELAXED);
	ended = true;
	when(DONE_LAST, assert(!freed); unlock(LOCK));
	if
	:: joiner ->
		store(DONE_1, 1, (EITHER -> DONE : RELAXED));
		when(WAKES, futex_wake())
	:: else
	fi;
	when(!DONE_LAST, assert(!freed); unlock(LOCK))
}

/* join_thread() */
active proctype thread()
{
	byte x;
	bool wait;

	when(LOCKED, lock(LOCK));
	wait = !ended;
	when(wait, store(JOINER, 1, RELAXED));
	unlock(LOCK);
	do
	:: !wait -> break
	:: wait ->
		load(x, DONE_1, DONE_LOOK);
		if
		:: x -> break
		:: !x ->
			if
			:: d_step { mem[DONE_1] == 0 || !COMPARES -> asleep = true }
				!asleep
			:: mem[DONE_1] != 0 && COMPARES
			fi
		fi
	od;
	if
	:: LOCKS_AGAIN && EITHER ->
		lock(LOCK);
		unlock(LOCK)
	:: else
	fi;
	load(x, STATUS, RELAXED);
	assert(x == 7);
	freed = true
}
