/* SPDX-License-Identifier: MIT */
/*
 * TM1: a coroutine's timer is in worker 1's heap and fires now, at time 0; it was for an old
 * deadline, and the coroutine, on worker 2, wants none or one at 5. At this time it opens one
 * at 1 and parks.
 *
 * In the end the timer is in one heap, at 1.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * DUE_STORE    SEQ      RELEASE  fails  passes owner and at are read before it
 * OWNER_LOOK   SEQ      RELAXED  passes fails  the same
 * AT_LOOK      SEQ      RELAXED  passes passes owner is read in between, by a SEQ load
 * OWNER_STORE  SEQ      RELEASE  fails  passes due is read before it
 * AT_STORE     SEQ      RELEASE  fails  passes the same
 * DUE_LOOK     SEQ      RELAXED  passes fails  the same
 * LOOKS_AGAIN  1        0        fails  fails  at due, when the timer is in no heap
 * CHECKS_ADDED 1        0        fails  fails  at due, when the timer was put at another time
 * ADOPT_BY_CAS 1        0        fails  fails  both arm
 * SENDS        1        0        fails  fails  the heap's worker does not hear of it
 */
#define THREADS 2
#define CELLS   5
#define OWNER   1 /* 0: in no heap */
#define AT      2
#define DUE     3
#define POSTED  4
#define NEVER   9
#define SETUP                                                                            \
	initially(OWNER, 1);                                                             \
	initially(DUE, NEVER);                                                           \
	in_heap[1] = true

bool in_heap[3]; /* of worker 1, 2 */
#include "memory.inc"

bool done[3];
byte messages;

inline heap_add(at)
{
	d_step {
		assert(!in_heap[1] && !in_heap[2]);
		in_heap[_pid] = true
	}
	store(AT, at, AT_STORE);
	do
	:: !CHECKS_ADDED -> break
	:: CHECKS_ADDED ->
		load(due, DUE, DUE_LOOK);
		load(x, AT, RELAXED);
		if
		:: due < x -> store(AT, due, AT_STORE)
		:: else -> break
		fi
	od
}

inline adopt()
{
	x = 0;
	if
	:: ADOPT_BY_CAS -> cas(ok, OWNER, x, _pid, SEQ)
	:: !ADOPT_BY_CAS ->
		load(x, OWNER, SEQ);
		ok = x == 0;
		when(ok, store(OWNER, _pid, SEQ))
	fi
}

/* on_move() */
inline move()
{
	store(POSTED, 0, SEQ);
	load(x, OWNER, SEQ);
	if
	:: x == 1 ->
		load(due, DUE, SEQ);
		load(x, AT, RELAXED);
		if
		:: due < x ->
			in_heap[1] = false;
			heap_add(due)
		:: else
		fi
	:: else
	fi
}

inline fire()
{
	in_heap[1] = false;
	load(due, DUE, DUE_LOOK);
	if
	:: due != NEVER -> heap_add(due)
	:: else ->
		store(OWNER, 0, OWNER_STORE);
		when(LOOKS_AGAIN, load(due, DUE, DUE_LOOK));
		if
		:: due != NEVER ->
			adopt();
			when(ok, heap_add(due))
		:: else
		fi
	fi
}

active proctype heap()
{
	byte due, x;
	bool ok;

	began;
	fire();
	do
	:: done[1] = true;
end_idle:
		messages > 0;
		done[1] = false;
		messages--;
		move()
	od
}

/* wf_timer_arm() */
active proctype coroutine()
{
	byte due, x, owner;
	bool ok;

	began;
	if
	:: store(DUE, 5, SEQ)
	:: true
	fi;
	store(DUE, 1, DUE_STORE);
	do
	:: load(owner, OWNER, OWNER_LOOK);
		when(owner == 0, adopt());
		if
		:: ok ->
			heap_add(1);
			break
		:: !ok
		fi;
		load(owner, OWNER, OWNER_LOOK);
		load(x, AT, AT_LOOK);
		if
		:: x <= 1 && owner != 0 -> break
		:: x > 1 && owner == 1 ->
			rmw(x, POSTED, 1, SEQ);
			when(!x && SENDS, messages++);
			break
		:: else
		fi
	od;
	done[2] = true
}

active proctype after()
{
	done[1] && done[2] && messages == 0 && sb[1].n == 0 && sb[2].n == 0;
	assert(mem[OWNER] != 0 && in_heap[mem[OWNER]] && mem[AT] == 1)
}
