/* SPDX-License-Identifier: MIT */
/*
 * Stacks, and the pools of coroutine objects that live on top of them.
 *
 * A slab is one mapping of many equal slots; a slot is, from low to high addresses,
 *
 *	guard page | stack, growing down ... | struct wf_co | colour
 *
 * The guard is made when a slot is first used: by MADV_GUARD_INSTALL, which costs no
 * mapping, or by mprotect, which costs one (vm.max_map_count then ends the world at about
 * 32,000 stacks). Slots are never unmapped while the runtime lives. The colour moves
 * objects apart, so that ten thousand of them do not fight for the same cache sets.
 */
#ifndef WF_CO_STACK_H
#define WF_CO_STACK_H

#include <stdint.h>

#include "co.h"

enum {
	WF_STACK_MIN_LOG2 = 14,
	WF_STACK_MAX_LOG2 = 23,
	WF_STACK_CLASSES = WF_STACK_MAX_LOG2 - WF_STACK_MIN_LOG2 + 1,
};

/* One worker's cache of recycled coroutines. Owner only. */
struct wf_pool {
	struct wf_co *free[WF_STACK_CLASSES];
	unsigned n_free[WF_STACK_CLASSES];
};

/* Called at runtime start and stop, with no coroutine alive. */
void wf_stacks_init(unsigned long max_coroutines, bool guard_install);
void wf_stacks_fini(void);

/* The size class for a stack of `bytes`, or -EINVAL. */
int wf_stack_class(size_t bytes);

/* Take a coroutine object with a stack of that class. pool may be NULL (plain threads).
 * -ENOMEM, or -EAGAIN at the limit. */
int wf_co_take(struct wf_pool *pool, unsigned class, struct wf_co **ret_co);

/* Give one back. It must not run, and nothing may refer to it but stale words. */
void wf_co_give(struct wf_pool *pool, struct wf_co *co);

/* Call fn for each object that is in use now; for stopping and for reports. */
void wf_co_for_each(void (*fn)(struct wf_co *co, void *arg), void *arg);

/* The coroutine whose slot holds addr, or NULL. Async-signal-safe. */
struct wf_co *wf_co_of_address(const void *addr);

/* Bounds of co's stack; the guard page lies just below the bottom. */
void *wf_stack_bottom(const struct wf_co *co);
static inline void *wf_stack_top(struct wf_co *co)
{
	return co;
}

#endif
