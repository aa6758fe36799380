/* SPDX-License-Identifier: MIT */
/*
 * What completes at the ring of a stalled worker is reaped by the monitor (`rescue`; off by
 * default). A signal makes the worker's thread submit and complete what there is and lend the
 * completions (loan.h); the coroutines that they wake are sent where they ran last, and go on
 * from there with all else that is runnable behind a stall (handover.h).
 *
 * Timers need no signal: their heap is the worker's, but a wait whose time has come may be ended by
 * anybody. The timer stays in the heap, and finds out when it fires.
 *
 * Nothing is sent while nothing waits at the ring, so a call that the signal would interrupt
 * is interrupted only if it must.
 */
#ifndef WF_RUN_RESCUE_H
#define WF_RUN_RESCUE_H

#include "worker.h"

/* How often to look at a stalled worker, and how long to wait for its thread. */
enum { WF_RESCUE_NS = 500 * 1000 };

/* In the signal handler, by w. */
void wf_rescue_lend(struct wf_worker *w);

/* By the monitor: tell w's thread if there is anything to lend; then, until the time `until`,
 * wait for it and reap. */
void wf_rescue_ask(struct wf_worker *w);
void wf_rescue_reap(struct wf_worker *w, uint64_t until);

/* For a message from w's inbox: false if it is not one to cancel something, which is then done by
 * w's signal handler. Until it is, or is given back to w, wf_rescue_reap must be called. */
bool wf_rescue_take(struct wf_worker *w, struct wf_msg *msg);

/* At the end of the monitor: give back what is left. */
void wf_rescue_close(void);

/* For the timers of the stalled: end the waits that were to end by now. Looks at every coroutine.
 */
void wf_rescue_timers(bool (*is_stalled)(const struct wf_worker *w));

#endif
