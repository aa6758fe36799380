/* SPDX-License-Identifier: MIT */
/*
 * IB1, ID1: two senders push messages into a worker's inbox; the worker sleeps when it finds
 * none: in its ring (1), where a completion may wake it too, so wakes may come late and pile up; or on
 * the word `sleeping` (2), where a wake finds it or is lost. What a sender took down says which.
 *
 * The worker gets both messages, with what the senders wrote before (else it sleeps for ever,
 * which is an invalid end state), and each sleep is ended by one wake at most.
 *
 * NAME          code     mutant   TSO    WEAK   why
 * PUSH          SEQ      ACQUIRE  passes fails  the message is seen before its bytes
 * PUSHED        1        0        fails  fails  store instead of cas: a message is lost
 * TAKE          SEQ      RELEASE  passes fails  its bytes are read before the message
 * SLEEP         SEQ      RELEASE  fails  passes
 * LOOK_AGAIN    SEQ      RELAXED  passes fails  taken before `sleeping` is out
 * LOOKS_AGAIN   1        0        fails  fails  a message that came before `sleeping`
 * SENDER_LOOKS  SEQ      RELAXED  passes fails  taken before the push is out
 * ONE_WAKES     1        0        fails  fails  store instead of xchg: two wakes
 * COMPARES      1        0        fails  fails  a wake on the word that came before the wait
 * HOW           1        0        fails  fails  woken as it slept at the first look, not as it sleeps
 */
#define THREADS 3
#define CELLS   8
#include "memory.inc"

#define HEAD     1
#define SLEEPING 2
#define NEXT     2 /* of messages 1 and 2: 3, 4 */
#define BYTES    4 /* theirs: 5, 6 */

#define IN_RING  1
#define ON_WORD  2

byte wakes;       /* in the ring, not yet seen */
bool on_word;     /* the kernel has it in the word's queue */
byte sleeps, wakes_sent;
bool completion = true;

inline push(id)
{
	load(head, HEAD, RELAXED);
	do
	:: store(NEXT + id, head, RELAXED);
	   if
	   :: PUSHED -> cas(ok, HEAD, head, id, PUSH)
	   :: !PUSHED ->
		store(HEAD, id, PUSH);
		ok = true
	   fi;
	   if
	   :: ok -> break
	   :: else
	   fi
	od
}

/* By who took `sleeping` down. futex(2) has a barrier before it looks whether anybody waits. */
inline wake(how)
{
	if
	:: how == ON_WORD -> me.n == 0
	:: else
	fi;
	d_step {
		if
		:: how == IN_RING -> wakes++
		:: how == ON_WORD -> on_word = false
		fi;
		wakes_sent++;
		assert(wakes_sent <= sleeps)
	}
}

/* wf_send() */
active [2] proctype sender()
{
	byte head, is_sleeping, seen;
	bool ok;

	store(BYTES + _pid, 1, RELAXED);
	push(_pid);
	load(is_sleeping, SLEEPING, SENDER_LOOKS);
	if
	:: !is_sleeping -> goto done
	:: else
	fi;
	seen = is_sleeping;
	if
	:: ONE_WAKES -> rmw(is_sleeping, SLEEPING, 0, SEQ)
	:: !ONE_WAKES -> store(SLEEPING, 0, SEQ)
	fi;
	if
	:: is_sleeping && HOW -> wake(is_sleeping)
	:: is_sleeping && !HOW -> wake(seen)
	:: else
	fi;
done:
	skip
}

/* wf_inbox_take_owner(), and what the messages do. */
inline take()
{
	rmw(msg, HEAD, 0, TAKE);
	do
	:: msg == 0 -> break
	:: else ->
		load(bytes, BYTES + msg, RELAXED);
		assert(bytes == 1);
		got++;
		load(msg, NEXT + msg, ADDRESS)
	od
}

inline wait_in_ring()
{
	if
	:: d_step { wakes > 0 -> wakes-- }
	:: d_step { completion -> completion = false }
	fi
}

/* futex(2): a barrier, then to compare and to queue is one step. */
inline wait_on_word()
{
	me.n == 0;
	d_step { on_word = (!COMPARES || mem[SLEEPING] == ON_WORD) };
	!on_word
}

/* wf_idle() */
inline idle()
{
	d_step {
		sleeps++;
		msg = 0
	}
	if
	:: how = IN_RING
	:: how = ON_WORD
	fi;
	store(SLEEPING, how, SLEEP);
	if
	:: LOOKS_AGAIN -> load(msg, HEAD, LOOK_AGAIN)
	:: !LOOKS_AGAIN
	fi;
	if
	:: msg != 0
	:: msg == 0 && how == IN_RING -> wait_in_ring()
	:: msg == 0 && how == ON_WORD -> wait_on_word()
	fi;
	store(SLEEPING, 0, SEQ)
}

/* take_messages(), and wf_idle() when there are none */
active proctype worker()
{
	byte msg, bytes, got, how;

	do
	:: got == 2 -> break
	:: got < 2 ->
		load(msg, HEAD, SEQ);
		if
		:: msg != 0 -> take()
		:: msg == 0 -> idle()
		fi
	od
}
