/* SPDX-License-Identifier: MIT */
/*
 * Which coroutine of this process sleeps by a bell. All sleepers of a bell are woken, so a thousand
 * coroutines must not each be one: the one that has the gate sleeps for all; when it goes on, it hands
 * the gate to the next, which looks, and then sleeps or hands it on. In the memory of the process, so
 * that a death takes it along.
 */
#ifndef WEFT_SHM_GATE_H
#define WEFT_SHM_GATE_H

#include "../../sched/sched.h"

struct gate {
	struct wf_waitq q;
	bool held; /* q.lock */
};

/* [parks] Until the gate is ours. -ECANCELED, -ETIMEDOUT */
int weft__gate_enter(struct gate *g);
void weft__gate_leave(struct gate *g);

#endif
