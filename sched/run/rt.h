/* SPDX-License-Identifier: MIT */
/*
 * Starting and stopping.
 *
 * RT1  phase, forked: store_seq by the thread that starts or stops  <->  load_acquire by
 *      everybody. Who sees WF_UP sees the whole runtime. gate: a plain thread that spawns
 *      bumps it, then looks at phase  <->  the stopper sets phase, then waits for gate to
 *      be zero: no spawn comes after it counted the living. model: tests/model/stop.pml
 *
 * RT4  guests: a plain thread that uses a handle bumps it, then looks at phase  <->  the
 *      stopper sets phase to WF_LOCKED, then waits for guests to be zero. Whoever got in
 *      finds coroutines and workers, and rings that can be woken, until it leaves.
 *      model: tests/model/stop.pml
 */
#ifndef WF_RUN_RT_H
#define WF_RUN_RT_H

#include "worker.h"

/* By each worker: opened (0) or not (-errno). */
void wf_rt_worker_up(int rc);

/* By each worker, after its loop and before it closes: until all have left their loops,
 * so that nobody sends to a closed ring. */
void wf_rt_worker_wait_all(void);

/* Something happened that the stopping thread waits for. */
void wf_rt_ring_bell(void);

void wf_cancel_co(struct wf_worker *w, struct wf_co *co);
/* This thread is w's from now on; NULL: nobody's. */
void wf_worker_become(struct wf_worker *w);

#endif
