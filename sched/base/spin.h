/* SPDX-License-Identifier: MIT */
/*
 * A spin lock for sections of a few dozen instructions, never held across a park or a
 * system call. One exception by design: a coroutine that waits under a lock leaves it
 * held while it switches out, and the incoming side releases it as its first act.
 *
 * SP1  word: xchg_acquire in wf_spin_lock  <->  store_release in wf_spin_unlock
 *      The next holder sees all that the last one wrote. model: tests/model/spin.pml
 */
#ifndef WF_BASE_SPIN_H
#define WF_BASE_SPIN_H

#include <stdint.h>

#include "atomic.h"

struct wf_spin {
	uint32_t word; /* SP1 */
};

static inline void wf_spin_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static inline void wf_spin_lock(struct wf_spin *s)
{
	while (wf_atomic_xchg_acquire(&s->word, 1u)) /* SP1 */
		while (wf_atomic_load_relaxed(
			&s->word)) /* SP1 relaxed: the xchg orders */
			wf_spin_relax();
}

static inline void wf_spin_unlock(struct wf_spin *s)
{
	wf_atomic_store_release(&s->word, 0u); /* SP1 */
}

#endif
