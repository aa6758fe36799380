/* SPDX-License-Identifier: MIT */
/*
 * FD2: one thread begins an op on a descriptor that another one closes. When the number goes back
 * to the kernel, a third gets it for something new and begins an op on that at once.
 *
 * Nothing is in flight when the number is given back; the closer hears of the end of the last op;
 * the new owner is not told that his descriptor is closed.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * USE          SEQ      RELAXED  passes passes all is one word, whose changes have one order
 * COUNTS_FIRST 1        0        fails  fails  looks for CLOSING, then counts
 * WAITS        1        0        fails  fails
 * TELLS        1        0        fails  fails  the last one out does not wake the closer
 * UNCOUNTS     1        0        fails  fails  who was turned away stays counted
 * LOCKS        1        0        fails  fails  told before the closer has said that it waits
 * MARKS_GONE   1        0        fails  fails  the new owner meets CLOSING
 */
#define THREADS 3
#define CELLS   3
#define REFS    1 /* below 8: ops */
#define LOCK    2
#define GONE    8
#define CLOSING 16
#include "memory.inc"

byte in_flight;
bool closer_waits, closer_woken, given_back;

/* wf_fd_use(); it may find the descriptor closed. */
inline use()
{
	do
	:: if
	   :: COUNTS_FIRST -> rmw(old, REFS, old + 1, USE)
	   :: !COUNTS_FIRST ->
		load(old, REFS, SEQ);
		if
		:: old < GONE -> rmw(x, REFS, x + 1, USE)
		:: else
		fi
	   fi;
	   if
	   :: old < GONE ->
		in_flight++;
		in_flight--;
		break
	   :: old >= CLOSING && !(old & GONE) ->
		turned_away = true;
		break
	   :: else -> when(COUNTS_FIRST, rmw(old, REFS, old - 1, SEQ))
	   fi
	od
}

/* wf_fd_done() */
inline end_use()
{
	when(!turned_away || (UNCOUNTS && COUNTS_FIRST), rmw(old, REFS, old - 1, SEQ));
	if
	:: old == CLOSING + 1 && TELLS ->
		when(LOCKS, lock(LOCK));
		d_step {
			closer_woken = closer_woken || closer_waits;
			closer_waits = false
		}
		when(LOCKS, unlock(LOCK))
	:: else
	fi
}

active proctype user()
{
	byte old, x;
	bool turned_away;

	use();
	end_use()
}

active proctype new_owner()
{
	byte old, x;
	bool turned_away;

	given_back;
	use();
	assert(!turned_away);
	end_use()
}

/* close_here() */
active proctype closer()
{
	byte x;

	lock(LOCK);
	rmw(x, REFS, x | CLOSING, SEQ);
	unlock(LOCK);
	do
	:: lock(LOCK);
		load(x, REFS, SEQ);
		if
		:: x == CLOSING || !WAITS -> break
		:: else ->
			closer_waits = true;
			unlock(LOCK);
			closer_woken;
			closer_woken = false
		fi
	od;
	when(MARKS_GONE, rmw(x, REFS, x | GONE, SEQ));
	unlock(LOCK);
	d_step {
		assert(in_flight == 0);
		given_back = true
	}
	rmw(x, REFS, x & ~(CLOSING | GONE), SEQ)
}
