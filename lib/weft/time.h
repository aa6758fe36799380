/* SPDX-License-Identifier: MIT */
/* Time: a monotonic clock, sleep, and deadline scopes. */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include "base.h"

WEFT_BEGIN_DECLS

/* A point on CLOCK_MONOTONIC, or a span, in nanoseconds. */
typedef uint64_t weft_time;

#define WEFT_US    ((weft_time)1000)
#define WEFT_MS    ((weft_time)1000000)
#define WEFT_SEC   ((weft_time)1000000000)
#define WEFT_NEVER UINT64_MAX

WEFT_API weft_time weft_now(void);

/*
 * [parks] Sleep for a span, or until a point. Returns 0 no earlier than asked. How much
 * later: when the worker is idle, by the kernel's timer and the timer_slack_us of
 * weft_options; when it is busy, by at most 256 switches for each 256 timers that are due
 * before. A point that has passed does not park, so a loop of `at += period;
 * weft_sleep_until(at);` has no drift: one late tick delays no later one.
 */
WEFT_API int weft_sleep_ns(weft_time span_ns);
WEFT_API int weft_sleep_until(weft_time at);

/*
 * Deadline scope: while open, this coroutine's [parks] calls return -ETIMEDOUT from `at`
 * on (checked at entry with the worker's cached clock, at most one scheduling round old).
 * Scopes nest and the earliest wins. Owner only; lives on the caller's stack; closed in
 * reverse order (asserted). Opening and closing cost no system call and do not allocate.
 *   open: -EPERM in a plain thread
 *   close: 1 when this scope's own time has passed, 0 when not
 */
struct weft_deadline {
	uint64_t opaque[4];
};
WEFT_API int weft_deadline_open(struct weft_deadline *scope, weft_time at);
WEFT_API int weft_deadline_close(struct weft_deadline *scope);

WEFT_END_DECLS

#endif
