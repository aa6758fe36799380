/* SPDX-License-Identifier: MIT */
/*
 * The monitor: a thread that looks at the workers twice in `stall_ms` and notices a worker
 * that has not switched in between. It knows two kinds:
 *
 *	a hog      the thread has used CPU time meanwhile: its coroutine computes
 *	blocked    it has not, and the kernel says that it waits: in a system call of its
 *	           own, or for a page
 *
 * A thread that used none and waits for a CPU is neither. Each is told once, and what waits
 * behind it is handed over (handover.c), for a blocked one to a spare worker if need be. With
 * `rescue` its completions are reaped too (rescue.c), every WF_RESCUE_NS, and hogs may have
 * spares.
 * It also looks at the width (adapt.h), and for those that wait in vain (deadlock.h). If none of it is
 * wanted there is no such thread. While all workers sleep it sleeps too.
 *
 * MN1  StoreLoad: monitor := ASLEEP, then look at all `sleeping` (the monitor)  <->  clear
 *      one's own `sleeping`, then look at monitor (a worker that wakes up). One of the two
 *      sees the other, so a worker that is awake is watched. Only the monitor's own steps
 *      and ASLEEP to TICKING by cas_seq; STOPPING by xchg_seq is final.
 *      model: tests/model/monitor.pml
 */
#ifndef WF_RUN_MONITOR_H
#define WF_RUN_MONITOR_H

#include "worker.h"

enum wf_monitor {
	WF_MONITOR_OFF,
	WF_MONITOR_TICKING,
	WF_MONITOR_ASLEEP,
	WF_MONITOR_STOPPING
};

/* Statistics: one writer, relaxed, read by anybody. */
struct wf_stall_counters {
	uint64_t hogs, blocked;
	uint64_t disk_sleeps; /* of those blocked, in a wait that no signal ends */
	uint64_t faults;      /* page faults that waited for a disk, in stalls */
	uint64_t handed_over, spares;
	uint64_t rescued; /* completions */
};

extern struct wf_stall_counters wf_stalls;

/* 0 or -errno; nothing to do without `stall_ms`. Called with all workers up; close before
 * they leave. */
int wf_monitor_open(void);
void wf_monitor_close(void);

void wf_monitor_wake(void);

/* By a worker that has cleared its `sleeping`. */
static inline void wf_monitor_mind(void)
{
	if (wf_unlikely(wf_atomic_load_seq(&wf_rt.monitor) ==
			WF_MONITOR_ASLEEP)) /* MN1 */
		wf_monitor_wake();
}

#endif
