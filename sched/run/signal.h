/* SPDX-License-Identifier: MIT */
/*
 * The one signal that is sent to workers, and only to those that stand still: it makes a
 * thread note where it is (trace.h) or lend its completions (rescue.h). Only with the
 * `faults` option.
 *
 * It is SIGURG, which nobody is hurt by that does not wait for it. One that was not sent by us
 * goes to the handler that was there before. Calls into the kernel are made again (SA_RESTART)
 * where the kernel can do that; signal(7) lists those that it cannot: sleeps, and waits in
 * poll, select and epoll, which say EINTR.
 */
#ifndef WF_RUN_SIGNAL_H
#define WF_RUN_SIGNAL_H

#include "worker.h"

int wf_signal_open(void);
void wf_signal_close(void);

/* By each worker: who starts a runtime may have blocked all signals. */
void wf_signal_thread_open(void);

/* By another thread, while w's exists. False: it is not installed. */
bool wf_signal_send(const struct wf_worker *w);

#endif
