/* SPDX-License-Identifier: MIT */
/* Where a new coroutine starts. */
#ifndef WF_RUN_TARGET_H
#define WF_RUN_TARGET_H

#include "../sched.h"
#include "worker.h"

/* 0, or -EINVAL: there is no such worker, or none on that node. */
int wf_target_check(const struct wf_spawn *s);

/* The worker, for a spawn that was checked. w: the calling one, NULL in plain threads. */
struct wf_worker *wf_target(struct wf_worker *w, const struct wf_spawn *s);

#endif
