/* SPDX-License-Identifier: MIT */
/*
 * BR1: two workers give buffers back to a third one's ring, and one of them is taken anew and
 * given back again. The kernel writes into a buffer as soon as it has it.
 *
 * Each is collected as often as it was given, by its link; the kernel does not write into one
 * that is still being read.
 *
 * NAME        code     mutant   TSO    WEAK   why
 * GIVE        RELEASE  RELAXED  passes fails  the list is out before the link
 * GIVE_BY_CAS 1        0        fails  fails  the other's buffer is lost
 * READS_FIRST 1        0        fails  fails  given back while it is read
 * COLLECT     ACQUIRE  RELAXED  passes passes the link's address depends on the list's head
 *
 * READS_FIRST stands for the other half of the release: reads are over when the list is out.
 */
#define THREADS 3
#define CELLS   4
#define REMOTE  3
#define NEXT    0 /* of buffer 1, 2 */
#include "memory.inc"

bool reading[3], in_list[3]; /* buffer 1, 2 */
byte held[3];                /* by thread 1, 2: a buffer with bytes in it */
byte collected;

inline give(b)
{
	when(READS_FIRST, reading[b] = false);
	in_list[b] = true;
	load(head, REMOTE, RELAXED);
	do
	:: store(NEXT + b, head, RELAXED);
		if
		:: GIVE_BY_CAS -> cas(ok, REMOTE, head, b, GIVE)
		:: !GIVE_BY_CAS ->
			store(REMOTE, b, GIVE);
			ok = true
		fi;
		if
		:: ok -> break
		:: !ok
		fi
	od;
	reading[b] = false
}

active [2] proctype reader()
{
	byte head, b;
	bool ok;

	reading[_pid] = true;
	give(_pid);
	if
	:: _pid == 1 ->
		held[1] > 0;
		d_step {
			b = held[1];
			held[1] = 0
		}
		give(b)
	:: else
	fi
}

/* To the kernel; the first one comes back with new bytes. */
inline to_kernel(b)
{
	d_step {
		assert(!reading[b]);
		assert(in_list[b]);
		in_list[b] = false;
		collected++;
		if
		:: collected == 1 ->
			held[1] = b;
			reading[b] = true
		:: else
		fi
	}
}

active proctype owner()
{
	byte b, x;

	do
	:: collected == 3 -> break
	:: else ->
		mem[REMOTE] != 0; /* the glance, again and again */
		rmw(b, REMOTE, 0, COLLECT);
		do
		:: b == 0 -> break
		:: else ->
			load(x, NEXT + b, ADDRESS);
			to_kernel(b);
			b = x
		od
	od
}
