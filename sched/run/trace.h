/* SPDX-License-Identifier: MIT */
/*
 * Where a coroutine is that does not stop: a signal makes its thread note its own return
 * addresses, and the thread that asked gives them names. Only with the `faults` option.
 *
 * The signal is SIGURG, which nobody is hurt by that does not wait for it. One that was not
 * sent by us goes to the handler that was there before. Calls into the kernel are made again
 * (SA_RESTART) where the kernel can do that; a thread is only asked when it computes.
 */
#ifndef WF_RUN_TRACE_H
#define WF_RUN_TRACE_H

#include <stddef.h>

#include "worker.h"

int wf_trace_open(void);
void wf_trace_close(void);

/* By each worker: who starts a runtime may have blocked all signals. */
void wf_trace_thread_open(void);

/* By one thread, not a worker: the frames of co, which w runs, a line each and the innermost
 * first; "" when the signal is not installed, or co stopped meanwhile. */
void wf_trace_take(struct wf_worker *w, const struct wf_co *co, char *buf, size_t size);

#endif
