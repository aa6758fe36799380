/* SPDX-License-Identifier: MIT */
/*
 * Slabs of stacks; see stack.h.
 *
 * Each worker recycles through its own pool without any lock. The global pool behind them
 * is under `lock`: pools exchange BATCH objects with it at a time, so that a worker which
 * only spawns feeds from one which only ends.
 */
#include "stack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/spin.h"
#include "../base/sys.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
	PAGE = 4096,
	BATCH = 64,
	MAX_SLABS = 2048,
	COLOURS = 8,
	COLOUR_BYTES = 128,
	SLAB_BYTES_MIN = 4 << 20,
	SLAB_BYTES_MAX = 256 << 20,
};

struct slab {
	char *base;
	size_t bytes;
	uint32_t n_slots, n_used; /* lock; n_used only grows, and is read without it */
	unsigned class;
};

static struct {
	struct wf_spin lock;
	struct slab slabs[MAX_SLABS]; /* lock; entries below n_slabs never change place */
	uint32_t n_slabs;             /* SL1 */
	struct wf_co *free[WF_STACK_CLASSES];   /* lock */
	struct slab *filling[WF_STACK_CLASSES]; /* lock: the slab with unused slots */
	unsigned long n_objects, max_objects;   /* lock */
	bool guard_install;
} g;

/*
 * SL1  n_slabs, slab.n_used: store_release after the entry is complete  <->  load_acquire
 *      in the walkers (reports, the stop sweep, the fault handler). A walker that counts
 * a slot sees an initialised object in it.
 */

static size_t slot_bytes(unsigned class)
{
	return (size_t)1 << (class + WF_STACK_MIN_LOG2);
}

static struct wf_co *slot_object(const struct slab *s, uint32_t i)
{
	size_t colour = (i % COLOURS) * COLOUR_BYTES;
	size_t object = (sizeof(struct wf_co) + 63) & ~(size_t)63;

	return (struct wf_co *)(void *)(s->base + (size_t)(i + 1) * slot_bytes(s->class) -
					colour - object);
}

void wf_stacks_init(unsigned long max_coroutines, bool guard_install)
{
	memset(&g, 0, sizeof(g));
	g.max_objects = max_coroutines;
	g.guard_install = guard_install;
}

unsigned wf_pool_max(unsigned long max_coroutines, unsigned n_workers)
{
	unsigned long part = max_coroutines / 4 / n_workers;

	return part < WF_POOL_MAX ? (unsigned)part : WF_POOL_MAX;
}

int wf_stack_class(size_t bytes)
{
	if (bytes > slot_bytes(WF_STACK_CLASSES - 1))
		return -EINVAL;
	int class = 0;
	while (slot_bytes((unsigned)class) < bytes)
		class ++;
	return class;
}

void *wf_stack_bottom(const struct wf_co *co)
{
	uintptr_t size = slot_bytes(co->class);

	return (void *)(((uintptr_t)co & ~(size - 1)) + PAGE);
}

/* Map so that slots are aligned to their own size: the object's address then tells its
 * stack's bounds. */
static char *map_aligned(size_t bytes, size_t align)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	char *raw = wf_sys.mmap(bytes + align, PROT_READ | PROT_WRITE, flags);

	if (wf_sys_ptr_err(raw))
		return NULL;
	char *base = (char *)(((uintptr_t)raw + align - 1) & ~(align - 1));
	if (base > raw)
		wf_sys.munmap(raw, (size_t)(base - raw));
	wf_sys.munmap(base + bytes, (size_t)(raw + align - base));
	/* One touched page must not become two megabytes; failing to say so is no error.
	 */
	wf_sys.madvise(base, bytes, MADV_NOHUGEPAGE);
	return base;
}

/* lock held. Slabs double, so that few of them hold a million stacks. */
static struct slab *slab_open(unsigned class)
{
	size_t size = slot_bytes(class), bytes = SLAB_BYTES_MIN;
	struct slab *last = g.filling[class];

	if (last)
		bytes = last->bytes < SLAB_BYTES_MAX ? last->bytes * 2 : SLAB_BYTES_MAX;
	if (bytes < size * 4)
		bytes = size * 4;
	if (g.n_slabs == MAX_SLABS)
		return NULL;
	char *base = map_aligned(bytes, size);
	if (!base)
		return NULL;
	struct slab *s = &g.slabs[g.n_slabs];
	*s = (struct slab){.base = base,
			   .bytes = bytes,
			   .n_slots = (uint32_t)(bytes / size),
			   .class = class};
	wf_atomic_store_release(&g.n_slabs, g.n_slabs + 1); /* SL1 */
	g.filling[class] = s;
	return s;
}

static int guard(char *page)
{
	if (g.guard_install)
		return wf_sys.madvise(page, PAGE, MADV_GUARD_INSTALL);
	return wf_sys.mprotect(page, PAGE, PROT_NONE);
}

/* lock held. Make an object in a slot never used before. */
static int slot_open(unsigned class, struct wf_co **ret_co)
{
	struct slab *s = g.filling[class];

	if (g.n_objects >= g.max_objects)
		return -EAGAIN;
	if (!s || s->n_used == s->n_slots)
		s = slab_open(class);
	if (!s || guard(s->base + (size_t)s->n_used * slot_bytes(class)))
		return -ENOMEM;

	struct wf_co *co = slot_object(s, s->n_used); /* fresh pages are zero */
	co->class = (uint8_t) class;
	co->dead = 1;
	co->timer.owner = -1;
	co->valgrind_id = wf_fiber_register_stack(
		wf_stack_bottom(co), (size_t)((char *)co - (char *)wf_stack_bottom(co)));
	wf_atomic_store_release(&s->n_used, s->n_used + 1); /* SL1 */
	g.n_objects++;
	*ret_co = co;
	return 0;
}

/* lock held. */
static int take_one(unsigned class, struct wf_co **ret_co)
{
	struct wf_co *co = g.free[class];

	if (!co)
		return slot_open(class, ret_co);
	g.free[class] = co->next;
	*ret_co = co;
	return 0;
}

/* Move up to BATCH recycled objects into the pool, or make one. */
static int refill(struct wf_pool *pool, unsigned class)
{
	int rc = 0;

	wf_spin_lock(&g.lock);
	unsigned most = pool->max / 2 < BATCH ? pool->max / 2 : BATCH;
	for (unsigned n = 0; !n || (n < most && g.free[class]); n++) {
		struct wf_co *co;
		rc = take_one(class, &co);
		if (rc)
			break;
		co->next = pool->free[class];
		pool->free[class] = co;
		pool->n_free[class]++;
	}
	wf_spin_unlock(&g.lock);
	return rc;
}

/* lock held. */
static void give_one(struct wf_co *co)
{
	co->next = g.free[co->class];
	g.free[co->class] = co;
}

int wf_co_take_slow(struct wf_pool *pool, unsigned class, struct wf_co **ret_co)
{
	int rc;

	if (pool) {
		rc = refill(pool, class);
		return pool->free[class] ? wf_co_take(pool, class, ret_co) : rc;
	}
	wf_spin_lock(&g.lock);
	rc = take_one(class, ret_co);
	wf_spin_unlock(&g.lock);
	if (!rc)
		wf_atomic_store_relaxed(&(*ret_co)->dead,
					(uint8_t)0); /* CN1 relaxed: ours */
	return rc;
}

void wf_co_give_slow(struct wf_pool *pool, struct wf_co *co)
{
	wf_spin_lock(&g.lock);
	give_one(co);
	for (unsigned n = 0; pool && n < pool->max / 2; n++) {
		struct wf_co *more = pool->free[co->class];
		pool->free[co->class] = more->next;
		pool->n_free[co->class]--;
		give_one(more);
	}
	wf_spin_unlock(&g.lock);
}

void wf_co_for_each(void (*fn)(struct wf_co *co, void *arg), void *arg)
{
	uint32_t n_slabs = wf_atomic_load_acquire(&g.n_slabs); /* SL1 */

	for (uint32_t i = 0; i < n_slabs; i++) {
		struct slab *s = &g.slabs[i];
		uint32_t n = wf_atomic_load_acquire(&s->n_used); /* SL1 */

		for (uint32_t j = 0; j < n; j++) {
			struct wf_co *co = slot_object(s, j);
			if (!wf_atomic_load_relaxed(&co->dead)) /* CN1 relaxed: a hint */
				fn(co, arg);
		}
	}
}

struct wf_co *wf_co_of_address(const void *addr)
{
	uint32_t n_slabs = wf_atomic_load_acquire(&g.n_slabs); /* SL1 */
	const char *p = addr;

	for (uint32_t i = 0; i < n_slabs; i++) {
		struct slab *s = &g.slabs[i];
		if (p < s->base || p >= s->base + s->bytes)
			continue;
		uint32_t slot = (uint32_t)((size_t)(p - s->base) / slot_bytes(s->class));
		return slot < wf_atomic_load_acquire(&s->n_used) /* SL1 */
			       ? slot_object(s, slot)
			       : NULL;
	}
	return NULL;
}

static void slab_close(struct slab *s)
{
	for (uint32_t i = 0; i < s->n_used; i++)
		wf_fiber_deregister_stack(slot_object(s, i)->valgrind_id);
	wf_fiber_forget(s->base, s->bytes);
	wf_sys.munmap(s->base, s->bytes);
}

void wf_stacks_fini(void)
{
	for (uint32_t i = 0; i < g.n_slabs; i++)
		slab_close(&g.slabs[i]);
	memset(&g, 0, sizeof(g));
}
