/* SPDX-License-Identifier: MIT */
/*
 * The width: how many workers, and which, take work. There is a slot for each CPU that there
 * may ever be a worker on; a thread and a ring come when one is first wanted, and stay.
 *
 * A worker that is not wanted retires: it hands on what is runnable, its timers go to
 * others, and what it waits for in its ring is cancelled where that does nothing: streams, and
 * call ops whose row says RESTARTABLE. Results that won the race are delivered; who was
 * cancelled runs elsewhere, and there issues its op anew. What cannot be cancelled (running
 * disk I/O, a connect) ends where it is, and its coroutine goes on elsewhere. Then the
 * thread sleeps for good. It goes on to run what is pinned to it, if the user pinned
 * something, and nothing else.
 *
 * LW1  retired: store_seq by who changes the width, before a message to the worker  <->
 *      load_acquire by who chooses a worker for something: the ring of one that was opened
 *      late is there before. A stale look costs a hop: a retired worker hands on whatever
 *      comes.
 * LW2  duty_posted: xchg_seq to 1 after `retired` was stored, who finds 0 sends duty_msg  <->
 *      store_seq of 0 by the worker, before it reads `retired`.
 * LW3  changing: cas_seq by who changes the width, store_seq of 0 after it: one at a time.
 *      allowed: relaxed, by the monitor; who changes the width may see it a look late.
 */
#ifndef WF_RUN_WIDTH_H
#define WF_RUN_WIDTH_H

#include "worker.h"

/* n workers are wanted: the first slots whose CPU is allowed; n > 0. Returns how many there are
 * now, fewer than n if no more may be or could be opened; -EBUSY: somebody else is at it;
 * -ENOMEM: nobody could be opened. Any thread that keeps the runtime from stopping
 * meanwhile. */
int wf_width_apply(unsigned n);

/* For what must not stay on w: a worker that takes work, the nearest. */
struct wf_worker *wf_heir(struct wf_worker *w);

/* w is off duty: send away what is runnable there. */
void wf_hand_on(struct wf_worker *w);

#endif
