/* SPDX-License-Identifier: MIT */
/*
 * Coroutines that wait in vain, found by the monitor. Two kinds:
 *
 *	a cycle      each waits for a lock that the next holds, or for the end of the next. Others
 *	             may go on. It is told once, by its lowest member.
 *	standstill   every coroutine waits for another, and no worker has run anything from one look
 *	             to the next. Threads of the program's own could still end it: a hint.
 *
 * What waits under a deadline, or for a descriptor, a pool or a process, is not counted to them.
 *
 * A cycle is true although nobody is stopped: each member is looked at while it is kept from
 * running, and in the end all still wait as they did (the sequence in the park word is the same), so
 * there was a moment, after the last was looked at and before the first was looked at again, in which
 * all waited; and who waits lets go of nothing. For a standstill all workers sleep before and after, with
 * empty inboxes and the same number of switches.
 */
#ifndef WF_RUN_DEADLOCK_H
#define WF_RUN_DEADLOCK_H

#include <stdbool.h>

#include "../base/conf.h"

enum { WF_DEADLOCK_NS = 100 * 1000 * 1000 }; /* between two looks */

void wf_deadlock_open(void);

/* calm: all workers sleep. Returns whether to look again before anybody wakes up. */
bool wf_deadlock_look(bool calm, const struct wf_report_sink *sink);

#endif
