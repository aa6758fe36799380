/* SPDX-License-Identifier: MIT */
/*
 * Atomic operations with the memory order in the name.
 *
 * Every use carries the tag of its pairing (two letters and a digit), and each tag is
 * explained once, at the top of the file that owns the data. There are no bare fences: a
 * StoreLoad order is got from a read-modify-write or a seq store followed by a seq load,
 * which the C model, x86 and ThreadSanitizer all understand.
 */
#ifndef WF_BASE_ATOMIC_H
#define WF_BASE_ATOMIC_H

#include <stdbool.h>

#define wf_atomic_load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define wf_atomic_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define wf_atomic_load_seq(p)         __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define wf_atomic_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define wf_atomic_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define wf_atomic_xchg_acquire(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define wf_atomic_xchg_seq(p, v)      __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define wf_atomic_add_relaxed(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define wf_atomic_add_seq(p, v)       __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define wf_atomic_sub_seq(p, v)       __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST)
#define wf_atomic_or_seq(p, v)        __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define wf_atomic_and_seq(p, v)       __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)

/*
 * WF_SEQ_STORE_XCHG: for emulators that let a later seq load overtake a seq store (STLR, LDAR),
 * which no processor may. tests/vm/README.md has the figures.
 */
#ifdef WF_SEQ_STORE_XCHG
#define wf_atomic_store_seq(p, v) ((void)wf_atomic_xchg_seq((p), (v)))
#else
#define wf_atomic_store_seq(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#endif

/* Compare and swap; on failure *expected holds what was found. */
#define wf_atomic_cas_seq(p, expected, v)                                                \
	__atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST,       \
				    __ATOMIC_SEQ_CST)
#define wf_atomic_cas_release(p, expected, v)                                            \
	__atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELEASE,       \
				    __ATOMIC_RELAXED)

/* A counter with one writer: no locked instruction, readers see some recent value. */
#define wf_count(p, n) wf_atomic_store_relaxed((p), wf_atomic_load_relaxed(p) + (n))

#endif
