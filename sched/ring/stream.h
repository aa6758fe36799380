/* SPDX-License-Identifier: MIT */
/*
 * Stream ops: multishot receive and accept, with bounded readahead.
 *
 * A stream is armed by the first caller who has to wait, on that caller's ring, which is
 * then its home. It stays armed while nobody waits, until readahead reaches the bound: then
 * it is cancelled, and armed again by the next caller who must wait.
 *
 *	idle --wf_stream_want--> ARMED --last completion--> idle | EOF | error
 *
 * When the kernel finds no buffer, or few are left, the caller does without: it receives
 * once, into its own memory (-ENOBUFS to the waiter, who then uses a call op). So a crowd
 * of connections that nobody reads can take every buffer and still stops nobody.
 *
 * A completion hands its bytes to the waiter directly (copied on home's thread, while
 *they are hot) and keeps what is left over. A deadline or cancel removes only the waiter.
 *
 * Who reaps for a home that is stalled (loan.h) does all this too, but that it can neither arm
 * nor cancel: `here` is then a ring of its own that is always `leaving`, so who has to wait
 * again does so elsewhere, and whose engine asks home to cancel.
 */
#ifndef WF_RING_STREAM_H
#define WF_RING_STREAM_H

#include "ring.h"

/* f locked. What is there already: a count, 0 at the end, -errno; -EAGAIN: must wait. */
ssize_t wf_stream_take(struct wf_ring *here, struct wf_fd *f,
		       const struct wf_want_what *w);

/* f locked, nothing there. See that the stream is armed, now or by its home; an idle one
 * gets `here` as its home. false: buffers are low, receive without. */
bool wf_stream_want(struct wf_ring *here, struct wf_fd *f);

/* f locked, on home's thread or its rescuer's. Ask an armed stream to end. */
void wf_stream_stop(struct wf_ring *here, struct wf_fd *f);

/* On home's thread: all of its streams. */
void wf_stream_stop_all(struct wf_ring *home);

/* f locked, idle. Drop readahead and queued connections. */
void wf_stream_drop(struct wf_ring *here, struct wf_fd *f);

/* f locked. Wake the waiter, if there is one and nobody else has, with `res`. */
void wf_stream_wake(struct wf_ring *here, struct wf_fd *f, ssize_t res);
/* f locked. Wake who closes or releases it, to look again. */
void wf_fd_wake_closer(struct wf_ring *here, struct wf_fd *f);

/* The engine's completion, at here->of: `res` and `bid` as the kernel gave them (bid WF_BUF_NONE: no
 * buffer); more: the stream goes on. */
void wf_stream_complete(struct wf_ring *here, struct wf_fd *f, uint16_t gen, int res,
			uint16_t bid, bool more);

#endif
