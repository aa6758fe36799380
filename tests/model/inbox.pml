/* SPDX-License-Identifier: MIT */
/*
 * IB1, ID1: two senders push messages into a worker's inbox; the worker sleeps when it finds
 * none. A completion may wake it too, so wakes may come late and pile up.
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
 */
#define THREADS 3
#define CELLS   8
#include "memory.inc"

#define HEAD     1
#define SLEEPING 2
#define NEXT     2 /* of messages 1 and 2: 3, 4 */
#define BYTES    4 /* theirs: 5, 6 */

byte wakes;       /* in the ring, not yet seen */
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

/* By who took `sleeping` down. */
inline wake()
{
	d_step {
		wakes++;
		wakes_sent++;
		assert(wakes_sent <= sleeps)
	}
}

/* wf_send() */
active [2] proctype sender()
{
	byte head, is_sleeping;
	bool ok;

	store(BYTES + _pid, 1, RELAXED);
	push(_pid);
	load(is_sleeping, SLEEPING, SENDER_LOOKS);
	if
	:: !is_sleeping -> goto done
	:: else
	fi;
	if
	:: ONE_WAKES -> rmw(is_sleeping, SLEEPING, 0, SEQ)
	:: !ONE_WAKES -> store(SLEEPING, 0, SEQ)
	fi;
	if
	:: is_sleeping -> wake()
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

/* wf_idle() */
inline idle()
{
	d_step {
		sleeps++;
		msg = 0
	}
	store(SLEEPING, 1, SLEEP);
	if
	:: LOOKS_AGAIN -> load(msg, HEAD, LOOK_AGAIN)
	:: !LOOKS_AGAIN
	fi;
	if
	:: msg != 0
	:: msg == 0 ->
		if
		:: d_step { wakes > 0 -> wakes-- }
		:: d_step { completion -> completion = false }
		fi
	fi;
	store(SLEEPING, 0, SEQ)
}

/* take_messages(), and wf_idle() when there are none */
active proctype worker()
{
	byte msg, bytes, got;

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
