/* SPDX-License-Identifier: MIT */
/*
 * Opening a worker later than at the start: its slot is there, thread and ring are not.
 *
 * SR2  opening: store_seq of the outcome by the worker, when its ring is open or its thread
 *      about to end  <->  load_seq by who opens it, which waits for it.
 */
#ifndef WF_RUN_RECRUIT_H
#define WF_RUN_RECRUIT_H

#include "worker.h"

/* By the thread that starts the runtime: workers get its signal mask. */
void wf_recruit_prepare(void);

/* False: no thread, ring or CPU for it; it may be tried again. */
bool wf_recruit(struct wf_worker *w);

#endif
