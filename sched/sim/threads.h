/* SPDX-License-Identifier: MIT */
/* Contexts that take turns on the one thread of a simulation. */
#ifndef WF_SIM_THREADS_H
#define WF_SIM_THREADS_H

#include "sim.h"

/* Virtual time begins here, so that no deadline lies before it. */
#define WF_SIM_EPOCH UINT64_C(1000000000000)

extern uint64_t wf_sim_now; /* CV1 (base/clock.h) */

int wf_threads_open(const struct wf_sim_hooks *hooks);
void wf_threads_close(void);

/* Let others go first, or not, as the dice say. */
void wf_thread_pause(void);

/* Until a call for r, a completion of r, or for wait_ns. */
void wf_thread_wait_ring(struct wf_ring *r, uint64_t wait_ns);

/* End the wait of whoever waits, or will wait, for r. Any thread, and signal handlers. */
void wf_thread_call(struct wf_ring *r);

#endif
