/* SPDX-License-Identifier: MIT */
/*
 * How deep the stacks went, by entry function: a table, and what fills it. Each life that
 * ends is looked at, and its stack is made empty again, so that the next one is measured by
 * itself. That costs two system calls a life, and nothing where it is off: see stack.c.
 */
#ifndef WF_CO_DEPTH_H
#define WF_CO_DEPTH_H

#include <stddef.h>
#include <stdint.h>

enum { WF_DEPTHS_MAX = 1024 };

struct wf_depth {
	int (*fn)(void *arg); /* NULL: functions that found no row */
	uint64_t ended;       /* lives */
	size_t deepest;       /* bytes, in whole pages, with the coroutine object */
	size_t stack;         /* bytes of the largest stack it was given */
};

void wf_depths_clear(void);

/* One stack of fn. `ended`: 1 at the end of its life, 0 before. Any thread. */
void wf_depth_note(int (*fn)(void *arg), size_t stack, size_t depth, unsigned ended);

/* Copy up to n rows; returns how many there are. Any thread. */
size_t wf_depths_copy(struct wf_depth *rows, size_t n);

#endif
