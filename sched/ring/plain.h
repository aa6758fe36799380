/* SPDX-License-Identifier: MIT */
/*
 * Operations made as plain system calls that do not block, for engines without io_uring. The
 * results are those that io_uring gives. Whether a descriptor is O_NONBLOCK does not matter.
 */
#ifndef WF_RING_PLAIN_H
#define WF_RING_PLAIN_H

#include "op.h"

/* The events of poll(2) to wait for before op is tried; 0: it never waits. */
short wf_plain_events(const struct wf_op *op);

/*
 * Try op, with at most `most` bytes where it moves bytes. Its result, or -EAGAIN: it would
 * have to wait; -EINPROGRESS: a connect was begun, try again when poll says so.
 */
int32_t wf_plain_try(const struct wf_op *op, uint32_t most);

/* A connection of the listener fd, close-on-exec, or -EAGAIN. */
int32_t wf_plain_accept(int fd);

/* Whether bytes may come in smaller portions than they were sent or asked for. */
bool wf_plain_divides(int fd);

#endif
