/* SPDX-License-Identifier: MIT */
/* What waits behind a stalled worker goes to others. By the monitor only. */
#ifndef WF_RUN_HANDOVER_H
#define WF_RUN_HANDOVER_H

#include "worker.h"

/*
 * Give what is runnable at `from`, and what would be if it took its messages, to a worker
 * that has nothing to do; if there is none and with_spare, to a spare.
 * Pinned ones, timers and requests for its ring stay.
 */
void wf_hand_over(struct wf_worker *from, bool with_spare);

#endif
