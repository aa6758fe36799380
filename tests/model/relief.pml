/* SPDX-License-Identifier: MIT */
/*
 * WA1, looking and leaving: worker 3 sleeps for good, 1 and 2 are idle. Work comes to 1, which
 * queues a coroutine behind it and computes until somebody has run that; work comes to 2 too,
 * or to who steals first, and lasts as long.
 *
 * Whoever is left runs it: it still looks, or is called, even if the one who was called has
 * work of its own by then.
 *
 * NAME            code     mutant   TSO    WEAK   why
 * GIVE_UP         SEQ      RELEASE  fails  passes both of the last two see the other look
 * LOOKERS         SEQ      RELAXED  passes fails  the same
 * PASSES_ON       1        0        fails  fails
 * CALLED_FIRST    1        0        fails  fails  set after the wake-up: not seen
 * CALLED_AFTER    1        0        fails  fails  read before `sleeping` is down: called in between
 * KEEPS_DUTY      1        0        fails  fails  given up after each look: work comes in between
 */
#define WORKERS           3
#define MAY_LOAD_EARLY(c) (LOOKERS == RELAXED && ((c) == SENTINEL || (c) == RELIEF))
#define UNWATCHED_STORE   SEQ
#define AWAKE_LOOK        SEQ
#define LOOKS_AWAKE       1
#define RISE              SEQ
#define PUSH_LOOK         SEQ
#define SETUP                                                                            \
	initially(SLEEPING + 3, 1);                                                      \
	initially(UNWATCHED, 1);                                                         \
	more = true
#include "idle.inc"

active proctype pushing()
{
	LOCALS;

	began;
	store(SLEEPING + 1, 1, SEQ);
	if
	:: take_duty()
	:: store(UNWATCHED, 1, SEQ) /* for good */
	fi;
	work = SOME;
	rise();
	idle_end();
	push();
	stolen
}

active proctype busy()
{
	LOCALS;

	began;
	do
	:: stolen -> break
	:: !stolen ->
		round();
		when(work != NOTHING, stolen)
	od
}

active proctype sleeping()
{
	LOCALS;

	began;
end_asleep:
	wakes[3] > 0 -> wakes[3]--;
	looked = true;
	rise();
	idle_end();
	do
	:: stolen -> break
	:: !stolen ->
		round();
		when(work != NOTHING, stolen)
	od
}
