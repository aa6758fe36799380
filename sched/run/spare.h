/* SPDX-License-Identifier: MIT */
/*
 * Spares: workers that stand in for one that is blocked in the kernel, on its CPU. A slot for
 * each is there from the start, so the array of workers never changes; a thread and a ring
 * come when one is first called, and stay. By the monitor only.
 *
 * A spare is a worker like others, but for this: work is brought to it, it neither steals nor
 * keeps watch; spawns are never placed on it, and what is pinned on it is pinned at its post,
 * the worker it stands in for. Off duty it runs nothing that is not pinned: what becomes
 * runnable there, since its ring completes what was begun on duty, is sent to the post.
 *
 * SR1  posted: xchg_seq to 1 by the monitor after it stored what is `wanted`, who finds 0
 *      sends msg  <->  store_seq of 0 by the spare, before it reads `wanted`. A wish that
 *      comes too late for that look sends anew.
 * SR3  post: store_relaxed by the spare, or before its thread begins  <->  load_relaxed by
 *      anybody, to choose where to send. A stale one costs a hop: what must not run at the
 *      receiver's post it sends on.
 */
#ifndef WF_RUN_SPARE_H
#define WF_RUN_SPARE_H

#include "worker.h"

/* The spare that stands in for `blocked`, called if need be. NULL: there is none left, or no
 * memory or thread for it. */
struct wf_worker *wf_spare_call(struct wf_worker *blocked);

/* The worker that w is or, a spare, stands in for. */
struct wf_worker *wf_spare_post(struct wf_worker *w);

/* `returned` runs again: its spare, if there is one, goes off duty. */
void wf_spare_dismiss(const struct wf_worker *returned);

#endif
