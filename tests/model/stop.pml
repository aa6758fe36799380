/* SPDX-License-Identifier: MIT */
/*
 * RT1, RT2: a plain thread spawns a coroutine, which spawns another one on its worker and ends
 * after it, while the runtime is being stopped. RT4 is RT1 with guests for the gate.
 *
 * When the stopper has counted that none is alive, none is, and none will be.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * ENTER        SEQ      ACQUIRE  passes fails  the phase is read before the gate is up
 * PHASE_LOOK   SEQ      RELAXED  passes fails  the same
 * PHASE_STORE  SEQ      RELEASE  fails  passes the gate is read before the phase is out
 * GATED        1        0        fails  fails
 * GATE_WAIT    1        0        fails  fails
 * ENDED        RELEASE  RELAXED  passes fails  an end is seen before the birth
 * ENDED_FIRST  1        0        fails  fails  births and ends in between are seen as ends only
 * TIME_OUT     1        0        fails  fails  the worker reads the phase before its end is out
 *
 * TIME_OUT: the bell alone would not do. The stopper looks again every 10 ms.
 */
#define THREADS   3
#define CELLS     7
#define PHASE     1 /* 0: up */
#define GATE      2
#define SPAWNED_1 3 /* by plain threads */
#define SPAWNED_2 4 /* by the worker */
#define END       5
#define BELL      6
#include "memory.inc"

byte alive, messages;
bool stopped, was_there;

inline born()
{
	d_step {
		assert(!stopped);
		alive++
	}
}

/* wf_spawn() in a plain thread */
active proctype spawner()
{
	byte x, phase;

	when(GATED, rmw(x, GATE, 1, ENTER));
	load(phase, PHASE, PHASE_LOOK);
	if
	:: phase == 0 ->
		born();
		rmw(x, SPAWNED_1, 1, SEQ);
		messages++
	:: else
	fi;
	when(GATED, rmw(x, GATE, 0, SEQ));
	was_there = true
}

/* publish_exit() */
inline end(n)
{
	alive--;
	store(END, n, ENDED);
	load(phase, PHASE, RELAXED);
	when(phase == 1, rmw(x, BELL, x + 1, SEQ))
}

active proctype worker()
{
	byte x, phase;

	if
	:: messages > 0 ->
		born();
		store(SPAWNED_2, 1, RELAXED);
		end(1);
		end(2)
	:: was_there && messages == 0
	fi
}

inline count()
{
	if
	:: ENDED_FIRST ->
		load(ended, END, SEQ);
		load(spawned, SPAWNED_1, SEQ);
		load(x, SPAWNED_2, SEQ)
	:: !ENDED_FIRST ->
		load(spawned, SPAWNED_1, SEQ);
		load(x, SPAWNED_2, SEQ);
		load(ended, END, SEQ)
	fi;
	spawned = spawned + x
}

/* end_coroutines() */
active proctype stopper()
{
	byte seen, ended, spawned, x;

	store(PHASE, 1, PHASE_STORE);
	if
	:: GATE_WAIT ->
		load(x, GATE, SEQ);
		do
		:: x == 0 -> break
		:: x != 0 ->
			mem[GATE] == 0;
			load(x, GATE, SEQ)
		od
	:: !GATE_WAIT
	fi;
	do
	:: load(seen, BELL, SEQ);
		count();
		if
		:: spawned == ended -> break
		:: else
		fi;
		if
		:: mem[BELL] != seen
		:: TIME_OUT && mem[END] != ended
		fi
	od;
	atomic {
		assert(alive == 0);
		stopped = true
	}
}
