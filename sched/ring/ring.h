/* SPDX-License-Identifier: MIT */
/*
 * One worker's ring, and the seam behind which an engine waits for the kernel.
 *
 * Only the owning thread calls the functions here, except wf_engine.wake and what serves to
 * rescue. What completes makes coroutines runnable: they are collected in `ready`, which the
 * worker takes.
 *
 * LO2  filled: store_release by the owner when a request is written in full  <->  load_relaxed
 *      by its own signal handler, which submits so far and no farther; and by others, to guess
 *      whether there is anything to submit.
 */
#ifndef WF_RING_RING_H
#define WF_RING_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/conf.h"
#include "bufs.h"
#include "fd.h"
#include "loan.h"
#include "op.h"

/* Statistics: one writer, relaxed, read by anybody. */
struct wf_ring_counters {
	uint64_t enters, sqes, cqes, starved, overflows, cancels;
};

struct wf_engine;
struct wf_sim_ring;

/* What somebody wants cancelled at a ring whose owner is stalled. Exact, even if the request
 * ended meanwhile: an op counts while co is parked as `word` says, a stream in its generation. */
struct wf_wish {
	struct wf_op *op; /* or NULL: */
	struct wf_fd *f;
	struct wf_co *co;
	uint64_t word;
	uint16_t gen;
	struct wf_msg *msg; /* that came for it */
};

enum { WF_WARM_LINES = 6 }; /* of a stack: the frames of a parked receive */

struct wf_ring {
	struct io_uring ur;
	const struct wf_engine *engine;
	struct wf_sim_ring *sim; /* the simulated engine's */
	unsigned id;
	int enter_fd; /* the registered index, or the descriptor */
	unsigned enter_flags;
	uint32_t in_flight; /* requests whose last completion is outstanding, wakes apart
			     */
	uint32_t filled;    /* LO2 */
	struct wf_loan loan;
	struct wf_ring *of; /* whose completions it reaps: its own, but for a rescuer */
	struct wf_co *ready, **ready_tail;
	uint32_t readahead_bytes;
	struct wf_bufs bufs;
	int wake_fd; /* eventfd, or -1 */
	bool wake_armed;
	bool cancels_now;   /* cancel_now() will do */
	bool accepts_ahead; /* listeners may have streams; receives may if bufs are there */
	uint32_t
		linger_us; /* wait so long for many completions, then for one; 0: for one */
	bool leaving;      /* its worker retires: streams that end are not armed again */
	bool polite; /* under valgrind: wait in poll(2), since it stops all threads else */
	struct wf_ring_counters count;
};

/* Implementers: io_uring (uring.c) and the simulator (sim/engine.c); epoll comes later. */
struct wf_engine {
	const char *name;
	/* 0 or -errno; on its worker's thread. close: nothing may be in flight. */
	int (*open)(struct wf_ring *r, const struct wf_conf *conf);
	void (*close)(struct wf_ring *r);
	/* Begin op; its end makes op->co ready with op->res set. Cannot fail. */
	void (*start)(struct wf_ring *r, struct wf_op *op);
	/* Ask for its end; it still ends by its completion. */
	void (*cancel)(struct wf_ring *r, struct wf_op *op);
	void (*cancel_fd)(struct wf_ring *r, int fd);
	/* Arm f's stream here, or ask for its end. f locked. */
	void (*stream_start)(struct wf_ring *r, struct wf_fd *f);
	void (*stream_cancel)(struct wf_ring *r, struct wf_fd *f);
	/* Whether nothing can come and nothing is to be submitted: a poll would wait in vain. */
	bool (*at_rest)(const struct wf_ring *r);
	/* Submit what was prepared, wait up to wait_ns for a completion (0: do not),
	 * reap. */
	void (*poll)(struct wf_ring *r, uint64_t wait_ns);
	/* Whether completions wait. Cheap. */
	bool (*came)(const struct wf_ring *r);
	/* Whether a poll without waiting would do anything. Cheap. */
	bool (*busy)(const struct wf_ring *r);
	/* In a signal handler of the owner, who is not in poll: submit and complete what there
	 * is, and note in r->loan what may be taken. */
	void (*lend)(struct wf_ring *r);
	/* The same: cancel at once. */
	void (*cancel_now)(struct wf_ring *r, const struct wf_wish *wish);
	/* Who took r's completions, here->of: reap them; returns how many. */
	unsigned (*rescue)(struct wf_ring *here);
	/* Any thread: whether lending would bring anything. */
	bool (*stuck)(const struct wf_ring *r);
	/* Any thread: end `target`'s wait. from: the caller's own ring, or NULL. */
	void (*wake)(struct wf_ring *target, struct wf_ring *from);
};

extern const struct wf_engine wf_engine_uring;

/*
 * Lower sq_entries and recv_buffers until `rings` rings and their lists of buffers can share
 * three quarters of RLIMIT_MEMLOCK; no buffers where there is room for none. All rings get
 * the same: the first must not take what the last needs.
 */
void wf_ring_fit(struct wf_conf *conf, unsigned rings);

static inline void wf_ring_ready(struct wf_ring *r, struct wf_co *co)
{
	/* It will run soon, and its stack is as cold as it is. */
	for (unsigned i = 0; i < WF_WARM_LINES; i++)
		__builtin_prefetch((char *)co->sp + (size_t)64 * i, 1);
	co->next = NULL;
	*r->ready_tail = co;
	r->ready_tail = &co->next;
}

#endif
