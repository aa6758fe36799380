/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is to copy: a lock in shared memory that is held for a copy, never over a wait, and
 * that dies with its holder's thread.
 *
 * The word is the kernel's "robust futex": the number of the thread that holds it, or 0. For the
 * length of the copy it is what list_op_pending of the thread's robust list points to, the
 * one place where the kernel looks without following pointers in shared memory, which others
 * could bend. When a thread ends there and the word holds its number, the kernel replaces it
 * by FUTEX_OWNER_DIED. Nothing has to be repaired then: what a side has changed is one word,
 * written last (queue.c). So that is as good as free.
 *
 * libc uses the same place for its own robust mutexes, while it takes or leaves one: never at the same
 * time, since nothing is called in between.
 *
 * Who finds it taken looks again, soon at first and then more seldom (wf_relax): nobody is
 * woken, so nobody can be killed between being woken and acting.
 *
 * TU1  word: cas_seq of one's thread number for 0 or OWNER_DIED  <->  store_release of 0 by the
 *      holder, or the kernel's exchange when it is dead. The next one sees all that it wrote.
 */
#ifndef WEFT_SHM_TURN_H
#define WEFT_SHM_TURN_H

#include "../../sched/sched.h"

struct turn {
	uint32_t word; /* TU1 */
};

/*
 * [waits] 0: it is ours until weft__turn_end() by the same thread; no call that parks in between.
 * -ETIMEDOUT, -ECANCELED
 */
int weft__turn_begin(struct turn *t, uint64_t until);
void weft__turn_end(struct turn *t);

#endif
