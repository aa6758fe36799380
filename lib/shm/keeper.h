/* SPDX-License-Identifier: MIT */
/*
 * The thread whose number stands in the mutexes that this process holds.
 *
 * A mutex may be held over waits, by a coroutine that changes threads; so its owner is the process,
 * and a thread that lives exactly as long stands for it. When a thread ends, the kernel walks over
 * the list that it has registered, of words in which it may stand, and where its number is
 * found leaves FUTEX_OWNER_DIED and wakes a sleeper. The list has to have its links at one
 * distance from all the words: they are in the private memory before the region (region.h), so
 * nobody else can break them, and a mutex is in the list from the time that it was looked up, held or
 * not. Taking and leaving one is a compare-and-swap, without a moment in which a death would be missed.
 *
 * KE1  next: store_release of a link when what is behind is linked  <->  the kernel, which walks when
 *      the thread has ended, and so sees every link or none.
 * KE2  tid: store_release by the keeper when its list is registered  <->  load_acquire by who locks. A
 *      forked child has none until it asks.
 */
#ifndef WEFT_SHM_KEEPER_H
#define WEFT_SHM_KEEPER_H

#include "../../sched/sched.h"

/* The private words of a mutex. */
struct keeper_entry {
	struct robust_list list; /* first. KE1 */
	bool linked;
	uintptr_t who; /* MU2 (mutex.c) */
};

/* The number, or -EAGAIN, -ENOMEM: there could be no thread. */
int weft__keeper_tid(void);

/* Watch over the word that e is the entry of. -ENOSPC: there are as many as the kernel looks at */
int weft__keeper_watch(struct keeper_entry *e);

/* No longer those whose words are in [base, base + len). */
void weft__keeper_forget(char *base, size_t len);

#endif
