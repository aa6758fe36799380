/* SPDX-License-Identifier: MIT */
/* The inside of a channel, for its calls and for select. */
#ifndef WEFT_CHAN_CHAN_H
#define WEFT_CHAN_CHAN_H

#include "../../sched/sched.h"
#include "weft/chan.h"

/*
 * Senders and receivers wait in one queue, for they hardly ever do at the same time: where
 * one waits the other does not have to. (A select that would send to and receive from the
 * same channel is the exception: it may not serve itself.)
 */
struct weft_chan {
	struct wf_waitq q;
	size_t elem_size;
	uint32_t capacity;
	uint32_t first, n; /* q.lock: of the ring; len reads n without it */
	bool closed;       /* q.lock */
	char ring[] __attribute__((aligned(16)));
};

/* By operation. */
extern const struct wf_awaited weft__awaited_chan[];

/* One who waits to send or to receive. */
struct chan_waiter {
	struct wf_waiter waiter; /* first */
	enum weft_select_op op;
	void *elem;
	int rc;         /* by who served it */
	unsigned index; /* of the case, in a select */
};

/*
 * Lock held. Do it if it can be done now: 0 or -EPIPE; -EAGAIN if not. *ret_woken: whom to
 * wake when the lock has been released, or NULL.
 */
int weft__chan_do(struct weft_chan *c, enum weft_select_op op, void *elem,
		  struct wf_waiter **ret_woken);

#endif
