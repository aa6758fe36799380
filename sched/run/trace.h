/* SPDX-License-Identifier: MIT */
/*
 * Where a coroutine is that does not stop: a signal (signal.h) makes its thread note its own
 * return addresses, and the thread that asked gives them names. It is only asked when it
 * computes.
 */
#ifndef WF_RUN_TRACE_H
#define WF_RUN_TRACE_H

#include <stddef.h>

#include "worker.h"

/* Before the first signal. */
void wf_trace_prepare(void);

/* In the handler, by w. */
void wf_trace_note(struct wf_worker *w, const void *context);

/* By one thread, not a worker: the frames of co, which w runs, a line each and the innermost
 * first; "" when the signal is not installed, or co stopped meanwhile. */
void wf_trace_take(struct wf_worker *w, const struct wf_co *co, char *buf, size_t size);

#endif
