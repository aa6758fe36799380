/* SPDX-License-Identifier: MIT */
/*
 * Stacks, and the pools of coroutine objects that live on top of them.
 *
 * A slab is one mapping of many equal slots; a slot is, from low to high addresses,
 *
 *	guard page | stack, growing down ... | struct wf_co | colour
 *
 * The guard is made when a slot is first used: by MADV_GUARD_INSTALL, which costs no
 * mapping, or by mprotect, which makes two mappings of each slot. Then the stacks end
 * before vm.max_map_count does, at about 30,000: the rest is left to the application, whose
 * mmap would fail too. Slots are never unmapped while the runtime lives. The colour moves
 * objects apart, so that ten thousand of them do not fight for the same cache sets.
 *
 * Each slab belongs to a NUMA node that workers run on, its home; so do its objects for all
 * their lives. Whoever ends one gives it back there; and only when a limit is reached does a
 * node take what is free on another.
 *
 * Only what a stack has touched is resident, but that stays so. Trimming gives back what
 * lies below the part in use: of parked coroutines by run/trim.c, of recycled ones here.
 */
#ifndef WF_CO_STACK_H
#define WF_CO_STACK_H

#include <stdint.h>

#include "../place/place.h"
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
	unsigned max; /* of each class; the rest goes to the common pool */
	unsigned home;
};

struct wf_stack_limits {
	unsigned long coroutines;
	size_t bytes;           /* address space of all stacks; 0: no limit */
	unsigned long mappings; /* of this process, by the kernel; 0: look it up */
	bool guard_install;     /* guards cost no mapping */
	bool depths;            /* measure how deep stacks go; see depth.h */
	const struct wf_plan
		*plan; /* tells the homes; it outlives the stacks. NULL: one */
};

/* Called at runtime start and stop, with no coroutine alive. */
void wf_stacks_init(const struct wf_stack_limits *limits);
void wf_stacks_fini(void);

/* Why the last object that was refused was refused, and what to change; "" before. */
const char *wf_stack_refusal(void);

/* The size class for a stack of `bytes`, or -EINVAL. */
int wf_stack_class(size_t bytes);

/* The general cases: pool empty, overfull, of another node, or NULL (plain threads). */
int wf_co_take_slow(struct wf_pool *pool, unsigned class, struct wf_co **ret_co);
void wf_co_give_slow(struct wf_pool *pool, struct wf_co *co);

enum { WF_POOL_MAX = 256 };

/* The size of a worker's pool: so that what lies in those of others is at most a quarter of
 * the limit. */
unsigned wf_pool_max(unsigned long max_coroutines, unsigned n_workers);

/* Take a coroutine object with a stack of that class. -ENOMEM, or -EAGAIN at a limit that was
 * set. */
static inline int wf_co_take(struct wf_pool *pool, unsigned class, struct wf_co **ret_co)
{
	struct wf_co *co;

	if (wf_unlikely(!pool || !(co = pool->free[class])))
		return wf_co_take_slow(pool, class, ret_co);
	pool->free[class] = co->next;
	pool->n_free[class]--;
	wf_atomic_store_relaxed(&co->dead,
				(uint8_t)0); /* CN1 relaxed: not handed out yet */
	*ret_co = co;
	return 0;
}

/* The same from the common pool of a home. */
int wf_co_take_at(unsigned home, unsigned class, struct wf_co **ret_co);

/* Give one back. It must not run, and nothing may refer to it but stale words. */
static inline void wf_co_give(struct wf_pool *pool, struct wf_co *co)
{
	wf_assert(!co->dead);
	wf_atomic_store_relaxed(&co->gen,
				(uint16_t)(co->gen + 1)); /* CN1 relaxed: owner's */
	wf_atomic_store_relaxed(&co->dead, (uint8_t)1);   /* CN1 relaxed: owner's */
	if (wf_unlikely(!pool || pool->n_free[co->class] >= pool->max ||
			co->home != pool->home)) {
		wf_co_give_slow(pool, co);
		return;
	}
	co->next = pool->free[co->class];
	pool->free[co->class] = co;
	pool->n_free[co->class]++;
}

/* Empty a worker's pool into the common one. */
void wf_pool_drain(struct wf_pool *pool);

/* Give back what stacks in the common pool hold besides their objects, for at most n of
 * them. Returns for how many; 0: no stack there holds more. */
unsigned wf_stacks_trim_free(unsigned n);

/* Give back the pages of co's stack that lie wholly below `used`. Its owner, or who keeps
 * it from running. */
void wf_stack_trim(struct wf_co *co, const void *used);

/* Take the stack of the running co to another home, with the pages that it has. Costs two more
 * mappings. */
void wf_stack_move(struct wf_co *co, unsigned home);

/* All objects that ever were, one at a time; NULL past the last. Start with zeros. */
struct wf_stack_cursor {
	uint32_t slab, slot;
};
struct wf_co *wf_stacks_next(struct wf_stack_cursor *cursor);

/* Bytes of co's stack that it has touched: from its top to the lowest resident page. */
size_t wf_stack_depth(const struct wf_co *co);

/* With limits.depths: note how deep the stacks of those in use are now. */
void wf_stacks_note_depths(void);

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
