/* SPDX-License-Identifier: MIT */
/*
 * MN1: the monitor falls asleep when all workers sleep; the workers sleep and wake up.
 *
 * Who has woken up and works on is watched: the monitor is awake, or is about to be.
 *
 * NAME         code     mutant   TSO    WEAK   why
 * ASLEEP_SET   1        0        fails  passes a store: the others' `sleeping` is read before it
 * LOOK_AT      SEQ      RELAXED  passes fails  the same
 * LOOKS        1        0        fails  fails  somebody woke up before it was out
 * RISE         SEQ      RELEASE  fails  passes the monitor is looked at before `sleeping` is down
 * MIND         SEQ      RELAXED  passes fails  the same
 */
#define THREADS  3
#define CELLS    4
#define SLEEPING 0 /* of worker 1, 2 */
#define MONITOR  3 /* 1: asleep */
#include "memory.inc"

bool works[3];

active [2] proctype worker()
{
	byte x, ticking;
	bool ok;

	store(SLEEPING + _pid, 1, SEQ);
	if
	:: store(SLEEPING + _pid, 0, RISE) /* by a completion */
	:: true -> goto sleeps_on
	fi;
	load(x, MONITOR, MIND);
	if
	:: x == 1 ->
		cas(ok, MONITOR, x, ticking, SEQ)
	:: x == 0
	fi;
	works[_pid] = true;
sleeps_on:
	skip
}

inline look_at_all()
{
	load(x, SLEEPING + 1, LOOK_AT);
	all = x;
	load(x, SLEEPING + 2, LOOK_AT);
	all = all && x
}

/* sleep_too(), until it is left asleep */
active proctype monitor()
{
	byte x, asleep = 1;
	bool all, ok;

	do
	:: look_at_all();
		if
		:: all ->
			x = 0;
			if
			:: ASLEEP_SET -> cas(ok, MONITOR, x, 1, SEQ)
			:: !ASLEEP_SET -> store(MONITOR, 1, RELEASE)
			fi;
			when(LOOKS, look_at_all());
			if
			:: all ->
end_asleep:			mem[MONITOR] == 0
			:: !all ->
				asleep = 1;
				cas(ok, MONITOR, asleep, 0, SEQ)
			fi
		:: !all && (works[1] || works[2]) -> break /* it ticks, and sees them */
		:: else
		fi
	od
}

active proctype after()
{
end_not_yet:
	atomic {
		(works[1] || works[2]) && sb[1].n == 0 && sb[2].n == 0 && sb[3].n == 0;
		assert(mem[MONITOR] == 0 || !monitor@end_asleep)
	}
}
