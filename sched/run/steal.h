/* SPDX-License-Identifier: MIT */
/*
 * The others, by distance: whom an idle worker takes work from, and whom a busy one calls.
 *
 * A coroutine that moves takes its cache lines along, and what it waits for comes back to
 * the ring that it left (D4): the further it goes, the longer its queue must have waited and
 * the more must be in it. Past WF_STALE_ANY_NS one is enough from anywhere: it is behind
 * a hog. Work of another node is left to a sleeper of that node if there is one: who
 * found it wakes that one up and takes nothing. A thief that leaves much behind calls the next one:
 * so a tree or a clump has all workers after some wake-ups in a row, each by twice as many.
 */
#ifndef WF_RUN_STEAL_H
#define WF_RUN_STEAL_H

#include "worker.h"

/* Before w's thread begins. */
void wf_steal_open(struct wf_worker *w);

/* Coroutines of others: one to run now, the rest in w's queue; or NULL. */
struct wf_co *wf_steal(struct wf_worker *w);

/* Wake the sleeper nearest to `around`, not further away from it than that: it will look for
 * work, and then keep watch. False: there is none. */
bool wf_call_sleeper(struct wf_worker *w, struct wf_worker *around, enum wf_far farthest);

/* How long a queue in that circle must not have run empty, and how much be in it. */
uint64_t wf_steal_patience_ns(const struct wf_circle *c);
uint32_t wf_steal_least(const struct wf_circle *c);

#endif
