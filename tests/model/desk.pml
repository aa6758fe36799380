/* SPDX-License-Identifier: MIT */
/*
 * DK1, DK2: a pool puts a job on a desk whose worker is about to sleep. DK3, DK4: the worker finishes it
 * while somebody is about to sleep until it has.
 *
 * ST1 and ST2 are the same handshake as DK1 and DK2: a message is put out before somebody looks whether its
 * taker is eager, or room is made before somebody looks whether the putter found it full.
 *
 * The job is done, and who waits for it goes on. A futex looks at its word once more when it goes to
 * sleep; that alone is not enough, for the word may not have been put out yet.
 *
 * NAME       code  mutant   TSO    WEAK   why
 * PUT        SEQ   RELAXED  fails  fails  the bell is looked at before the job is out
 * LOOK_BELL  SEQ   ACQUIRE  passes fails  the same
 * RING       1     0        fails  fails  nobody wakes the worker
 * ASLEEP     SEQ   RELAXED  fails  fails  the tail is looked at before the bell is out
 * LOOK_TAIL  SEQ   ACQUIRE  passes fails  the same
 * DONE       SEQ   RELAXED  fails  fails  who wants it is looked at before it is out
 * LOOK_WANT  SEQ   ACQUIRE  passes fails  the same
 * WANT       SEQ   RELAXED  passes passes going to sleep has a barrier of its own
 * LOOK_STATE SEQ   ACQUIRE  passes passes the kernel looks again
 */
#define THREADS 2
#define CELLS   4
#define TAIL    0
#define BELL    1
#define STATE   2
#define WANTED  3
#include "memory.inc"

bool worker_sleeps, waiter_sleeps;

/* The kernel's side has full barriers: what was stored before is out. */
inline futex_wait(sleeps, awake)
{
	d_step {
		me.n == 0;
		when(!(awake), sleeps = true)
	};
	!sleeps
}

inline futex_wake(sleeps)
{
	d_step {
		me.n == 0;
		sleeps = false
	}
}

active proctype pool()
{
	byte x;

	store(TAIL, 1, PUT);
	load(x, BELL, LOOK_BELL);
	if
	:: x && RING ->
		rmw(x, BELL, 0, SEQ);
		when(x, futex_wake(worker_sleeps))
	:: else
	fi;
	store(WANTED, 1, WANT);
	load(x, STATE, LOOK_STATE);
	if
	:: !x ->
		futex_wait(waiter_sleeps, mem[STATE])
	:: else
	fi
}

active proctype worker()
{
	byte tail, bell, x;

	store(BELL, 1, ASLEEP);
	load(tail, TAIL, LOOK_TAIL);
	if
	:: !tail ->
		futex_wait(worker_sleeps, !mem[BELL])
	:: else
	fi;
	store(STATE, 1, DONE);
	load(x, WANTED, LOOK_WANT);
	when(x, futex_wake(waiter_sleeps))
}
