/* SPDX-License-Identifier: MIT */
/* The table of system calls; sys.def lists them. Tests replace entries to inject faults.
 */
#ifndef WF_BASE_SYS_H
#define WF_BASE_SYS_H

#include <liburing.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct wf_sys {
#define WF_SYS(type, name, params, args) type(*name) params;
#include "sys.def"
};

extern struct wf_sys wf_sys;

/* Failure of the entries that return a pointer. */
static inline int wf_sys_ptr_err(const void *p)
{
	return (uintptr_t)p > (uintptr_t)-4096 ? (int)(intptr_t)p : 0;
}

#endif
