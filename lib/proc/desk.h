/* SPDX-License-Identifier: MIT */
/*
 * A desk: the memory that a pool shares with one worker process, and with nobody else. The
 * pool puts jobs on it, the worker does them in order. What the worker may have written is
 * hostile until proven otherwise: the pool reads each word of it once, checks it, and keeps
 * what it must rely on (which slot holds which job, how long its buffers are) to itself.
 *
 * DK1  tail: store_seq by the pool after slot and ring entry are filled  <->  load_seq by the
 *      worker. StoreLoad on both sides with DK2: the pool stores tail and then looks at bell, the
 *      worker stores bell and then looks at tail, so one of the two sees the other.
 *      model: tests/model/desk.pml
 * DK2  bell: store_seq (asleep) by the worker  <->  load_seq and xchg_seq by the pool: who turns
 *      it off wakes the worker.
 * DK3  state: a slot's turn. cas_seq READY -> RUNNING by the worker  <->  cas_seq READY ->
 *      SKIPPED by the pool, for a job that is cancelled; store_seq DONE by the worker, after the
 *      result  <->  load_seq by the pool. StoreLoad with DK4. model: tests/model/desk.pml
 * DK4  want: store_seq by the pool, who then looks at state  <->  load_seq by the worker after it
 *      stored state. One of the two sees the other: whoever waits is told.
 *      model: tests/model/desk.pml
 * DK5  rss_kib: store_relaxed by the worker  <->  load_relaxed by the pool. Nothing else is read
 *      because of it, so relaxed is enough.
 * DK6  stop, hungry: store_seq by the pool  <->  load_seq by the worker. stop is followed by the
 *      bell as tail is; hungry is a hint.
 * DK7  report.valid: store_release by a dying worker <-> load_acquire by the pool.
 */
#ifndef WEFT_LIB_PROC_DESK_H
#define WEFT_LIB_PROC_DESK_H

#include <stddef.h>
#include <stdint.h>

enum { WF_DESK_SLOTS = 64, WF_DESK_FRAMES = 32 };

/*
 * A slot's state, below the number of its turn: no two jobs of a pool have the same turn, so whoever
 * goes to sleep on a state that has passed does not find it there again.
 */
enum wf_slot_state { WF_SLOT_READY = 1, WF_SLOT_RUNNING, WF_SLOT_SKIPPED, WF_SLOT_DONE };

enum { WF_TURN = 8 }; /* one turn on */

static inline uint32_t wf_slot_state(uint32_t word)
{
	return word % WF_TURN;
}

static inline uint32_t wf_slot_turn(uint32_t word)
{
	return word - word % WF_TURN;
}

/* Whom the worker tells when a job is done. */
enum wf_slot_want { WF_WANT_NOBODY = 0, WF_WANT_WAITER, WF_WANT_KEEPER };

struct wf_slot {
	/* by the pool */
	uint32_t job;  /* index into the table of jobs */
	uint32_t want; /* DK4 */
	uint64_t in_len, out_cap;
	uint32_t mode;  /* ST2: enum wf_stream_mode (stream.h) */
	uint32_t taken; /* ST2 */

	/* by both */
	uint32_t eager; /* ST1 */
	uint32_t full;  /* ST2: a futex */

	/* by the worker */
	uint32_t put;   /* ST1 */
	uint32_t state; /* DK3: turn + enum wf_slot_state; a futex */
	uint32_t fault; /* enum weft_job_fault, of a job that returned */
	int64_t result;
	int32_t code;
} __attribute__((aligned(64)));

/* What a dying worker has to say. */
struct wf_report {
	uint32_t valid; /* DK7 */
	uint32_t fault;
	int32_t signal, code;
	uint64_t address;
	char trace[1024];
};

struct wf_desk {
	/* by the pool */
	uint32_t tail; /* DK1: jobs put here */
	uint32_t stop; /* DK6: end when there is nothing more to do */
	uint32_t
		hungry; /* DK6: jobs wait in the pool: tell the keeper when few are left here */
	uint32_t ring[WF_DESK_SLOTS]; /* DK1: slot of the n-th job */

	/* by the worker */
	uint32_t bell __attribute__((aligned(64))); /* DK2: 1: asleep; a futex */
	uint32_t rss_kib;                           /* DK5 */
	struct wf_report report;

	struct wf_slot slot[WF_DESK_SLOTS];
};

static inline size_t wf_desk_round(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

/* Sizes of a desk: the same numbers on both sides. */
struct wf_desk_shape {
	size_t max_in, max_out; /* multiples of pages */
	uint32_t slots;
};

static inline size_t wf_desk_bytes(const struct wf_desk_shape *s)
{
	return wf_desk_round(sizeof(struct wf_desk)) +
	       s->slots * (s->max_in + s->max_out);
}

static inline void *wf_desk_in(struct wf_desk *d, const struct wf_desk_shape *s,
			       uint32_t slot)
{
	return (char *)d + wf_desk_round(sizeof(*d)) + slot * (s->max_in + s->max_out);
}

static inline void *wf_desk_out(struct wf_desk *d, const struct wf_desk_shape *s,
				uint32_t slot)
{
	return (char *)wf_desk_in(d, s, slot) + s->max_in;
}

#endif
