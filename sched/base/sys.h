/* SPDX-License-Identifier: MIT */
/* The table of system calls; sys.def lists them. Tests replace entries to inject faults.
 */
#ifndef WF_BASE_SYS_H
#define WF_BASE_SYS_H

#include <linux/futex.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct wf_sys {
#define WF_SYS(type, name, params, args) type(*name) params;
#include "sys.def"
};

extern struct wf_sys wf_sys;

/*
 * After -ENOMEM for a ring: wait and say whether to try again. The kernel gives back the
 * locked memory of a closed ring a while after its close.
 */
bool wf_sys_try_again(int rc, unsigned tries);

/* Locked memory is charged in whole pages. */
static inline size_t wf_pages(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

/* Failure of the entries that return a pointer. */
static inline int wf_sys_ptr_err(const void *p)
{
	return (uintptr_t)p > (uintptr_t)-4096 ? (int)(intptr_t)p : 0;
}

#endif
