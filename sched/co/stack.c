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
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/map.h"
#include "../base/spin.h"
#include "../base/sys.h"
#include "depth.h"

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
	MAPPINGS_DEFAULT = 65530, /* vm.max_map_count, where it cannot be read */
};

/* Why there is no new object. */
enum refusal { NONE, COROUTINES, BYTES, MAPPINGS, MEMORY };

static const char *const refusals[] = {
	[NONE] = "",
	[COROUTINES] = "the limit on coroutines is reached: raise max_coroutines "
		       "(WEFT_MAX_COROUTINES), or let some end first",
	[BYTES] = "the limit on stack memory is reached: raise stack_memory_mib "
		  "(WEFT_STACK_MEMORY_MIB), use smaller stacks, or let some end first",
	[MAPPINGS] = "this kernel has no MADV_GUARD_INSTALL, so each stack takes two "
		     "mappings of the process, and their number is limited: raise "
		     "sysctl vm.max_map_count, or use Linux 6.13 or later",
	[MEMORY] = "the kernel gave no memory for a stack: look at ulimit -v, "
		   "vm.overcommit_memory and the memory limit of the cgroup",
};

struct slab {
	char *base;
	size_t bytes;
	uint32_t n_slots, n_used; /* lock; n_used only grows, and is read without it */
	unsigned class, home;
};

/* What there is for new coroutines on one home. */
struct shelf {
	struct wf_co *free[WF_STACK_CLASSES];   /* lock */
	struct wf_co *cold[WF_STACK_CLASSES];   /* lock: free ones that were trimmed */
	struct slab *filling[WF_STACK_CLASSES]; /* lock: the slab with unused slots */
};

static struct {
	struct wf_spin lock;
	struct slab slabs[MAX_SLABS]; /* lock; entries below n_slabs never change place */
	uint32_t n_slabs;             /* SL1 */
	struct shelf shelf[WF_HOMES_MAX];
	unsigned n_homes;
	unsigned long n_objects; /* lock */
	size_t n_bytes;          /* lock: of their slots */
	uint32_t refusal;        /* SL2: enum refusal */
	struct wf_stack_limits limits;
} g;

/*
 * SL1  n_slabs, slab.n_used: store_release after the entry is complete  <->  load_acquire
 *      in the walkers (reports, the stop sweep, the fault handler). A walker that counts
 * a slot sees an initialised object in it.
 * SL2  refusal: relaxed both ways; which of two refusals is told does not matter.
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

static unsigned long max_mappings(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long n = 0;

	if (f) {
		if (fscanf(f, "%lu", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n ? n : MAPPINGS_DEFAULT;
}

void wf_stacks_init(const struct wf_stack_limits *limits)
{
	memset(&g, 0, sizeof(g));
	g.limits = *limits;
	g.n_homes = limits->plan ? limits->plan->n_homes : 1;
	if (!g.limits.bytes)
		g.limits.bytes = SIZE_MAX;
	if (!g.limits.mappings)
		g.limits.mappings = max_mappings();
	if (g.limits.depths)
		wf_depths_clear();
}

const char *wf_stack_refusal(void)
{
	return refusals[wf_atomic_load_relaxed(&g.refusal)]; /* SL2 relaxed */
}

unsigned wf_pool_max(unsigned long max_coroutines, unsigned n_workers)
{
	unsigned long part = max_coroutines / 4 / n_workers;

	if (g.limits.depths)
		return 0; /* all go the slow way, where they are measured */
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
	wf_map_name(base, bytes, "stacks", WF_MAP_SHARED);
	return base;
}

/* lock held. Slabs double, so that few of them hold a million stacks. */
static struct slab *slab_open(unsigned home, unsigned class)
{
	size_t size = slot_bytes(class), bytes = SLAB_BYTES_MIN;
	struct slab *last = g.shelf[home].filling[class];

	if (last)
		bytes = last->bytes < SLAB_BYTES_MAX ? last->bytes * 2 : SLAB_BYTES_MAX;
	if (bytes < size * 4)
		bytes = size * 4;
	if (g.n_slabs == MAX_SLABS)
		return NULL;
	char *base = map_aligned(bytes, size);
	if (!base)
		return NULL;
	if (g.limits.plan) /* who touches it first may be on another node */
		wf_mem_prefer(base, bytes, wf_plan_mem(g.limits.plan, home));
	struct slab *s = &g.slabs[g.n_slabs];
	*s = (struct slab){.base = base,
			   .bytes = bytes,
			   .n_slots = (uint32_t)(bytes / size),
			   .class = class,
			   .home = home};
	wf_atomic_store_release(&g.n_slabs, g.n_slabs + 1); /* SL1 */
	g.shelf[home].filling[class] = s;
	return s;
}

static int guard(char *page)
{
	if (g.limits.guard_install)
		return wf_sys.madvise(page, PAGE, MADV_GUARD_INSTALL);
	return wf_sys.mprotect(page, PAGE, PROT_NONE);
}

/* lock held. One more object of that class must not be. A sixteenth of the mappings is left
 * to the application. */
static enum refusal over_limit(unsigned class)
{
	const unsigned long mappings = g.limits.mappings - g.limits.mappings / 16;

	if (g.n_objects >= g.limits.coroutines)
		return COROUTINES;
	if (slot_bytes(class) > g.limits.bytes - g.n_bytes)
		return BYTES;
	if (!g.limits.guard_install && g.n_objects >= mappings / 2)
		return MAPPINGS;
	return NONE;
}

/* lock held. The guarded slot that the next object of that class goes into. */
static enum refusal slot_guard(unsigned home, unsigned class, struct slab **ret_slab)
{
	struct slab *s = g.shelf[home].filling[class];

	if (!s || s->n_used == s->n_slots)
		s = slab_open(home, class);
	*ret_slab = s;
	if (s && !guard(s->base + (size_t)s->n_used * slot_bytes(class)))
		return NONE;
	return s && !g.limits.guard_install ? MAPPINGS : MEMORY;
}

/* lock held. Make an object in a slot never used before. */
static enum refusal slot_open(unsigned home, unsigned class, struct wf_co **ret_co)
{
	enum refusal why = over_limit(class);
	struct slab *s = NULL;

	if (!why)
		why = slot_guard(home, class, &s);
	if (why)
		return why;

	struct wf_co *co = slot_object(s, s->n_used); /* fresh pages are zero */
	co->class = (uint8_t) class;
	co->home = (uint8_t)home;
	co->dead = 1;
	co->timer.owner = -1;
	co->valgrind_id = wf_fiber_register_stack(
		wf_stack_bottom(co), (size_t)((char *)co - (char *)wf_stack_bottom(co)));
	wf_atomic_store_release(&s->n_used, s->n_used + 1); /* SL1 */
	g.n_objects++;
	g.n_bytes += slot_bytes(class);
	*ret_co = co;
	return NONE;
}

/* lock held. A recycled one, or NULL. */
static struct wf_co *pop(unsigned home, unsigned class)
{
	struct shelf *sh = &g.shelf[home];
	struct wf_co **list = sh->free[class] ? &sh->free[class] : &sh->cold[class],
		     *co = *list;

	if (co)
		*list = co->next;
	return co;
}

static int refuse(enum refusal why)
{
	wf_atomic_store_relaxed(&g.refusal, (uint32_t)why); /* SL2 relaxed */
	return why == COROUTINES || why == BYTES ? -EAGAIN : -ENOMEM;
}

/* lock held. */
static int take_one(unsigned home, unsigned class, struct wf_co **ret_co)
{
	enum refusal why = NONE;

	*ret_co = pop(home, class);
	if (!*ret_co)
		why = slot_open(home, class, ret_co);
	for (unsigned other = 0; !*ret_co && other < g.n_homes; other++)
		*ret_co = pop(other, class);
	return *ret_co ? 0 : refuse(why);
}

/* Move up to BATCH recycled objects into the pool, or make one. */
static int refill(struct wf_pool *pool, unsigned class)
{
	int rc = 0;

	wf_spin_lock(&g.lock);
	unsigned most = pool->max / 2 < BATCH ? pool->max / 2 : BATCH;
	for (unsigned n = 0; !n || n < most; n++) {
		struct wf_co *co = pop(pool->home, class);
		if (!co && !n)
			rc = take_one(pool->home, class, &co);
		if (!co)
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
	struct shelf *sh = &g.shelf[co->home];

	co->next = sh->free[co->class];
	sh->free[co->class] = co;
}

int wf_co_take_slow(struct wf_pool *pool, unsigned class, struct wf_co **ret_co)
{
	if (!pool)
		return wf_co_take_at(0, class, ret_co);
	int rc = refill(pool, class);
	return pool->free[class] ? wf_co_take(pool, class, ret_co) : rc;
}

int wf_co_take_at(unsigned home, unsigned class, struct wf_co **ret_co)
{
	wf_spin_lock(&g.lock);
	int rc = take_one(home, class, ret_co);
	wf_spin_unlock(&g.lock);
	if (!rc)
		wf_atomic_store_relaxed(&(*ret_co)->dead,
					(uint8_t)0); /* CN1 relaxed: ours */
	return rc;
}

/* lock held. */
static void give_from(struct wf_pool *pool, unsigned class, unsigned n)
{
	while (n-- > 0) {
		struct wf_co *co = pool->free[class];
		pool->free[class] = co->next;
		pool->n_free[class]--;
		give_one(co);
	}
}

static void give_back(struct wf_co *co, const void *used)
{
	char *bottom = wf_stack_bottom(co);
	char *end = (char *)((uintptr_t)used & ~(uintptr_t)(PAGE - 1));

	if (end > bottom) /* a failure costs memory, no more */
		wf_sys.madvise(bottom, (size_t)(end - bottom), MADV_DONTNEED);
}

static void measure(struct wf_co *co, unsigned ended)
{
	wf_depth_note(wf_atomic_load_relaxed(&co->fn), /* CN1 relaxed: some life's */
		      slot_bytes(co->class), wf_stack_depth(co), ended);
}

void wf_co_give_slow(struct wf_pool *pool, struct wf_co *co)
{
	if (g.limits.depths) {
		measure(co, 1);
		give_back(co, co);
	}
	wf_spin_lock(&g.lock);
	give_one(co);
	if (pool && pool->n_free[co->class] >= pool->max)
		give_from(pool, co->class, pool->max / 2);
	wf_spin_unlock(&g.lock);
}

void wf_pool_drain(struct wf_pool *pool)
{
	for (unsigned class = 0; class < WF_STACK_CLASSES; class ++) {
		wf_spin_lock(&g.lock);
		give_from(pool, class, pool->n_free[class]);
		wf_spin_unlock(&g.lock);
	}
}

void wf_stack_trim(struct wf_co *co, const void *used)
{
	if (g.limits.depths)
		measure(co, 0);
	give_back(co, used);
}

void wf_stack_move(struct wf_co *co, unsigned home)
{
	char *slot = (char *)wf_stack_bottom(co) - PAGE;

	if (co->home == home || !g.limits.plan)
		return;
	wf_mem_move(slot, slot_bytes(co->class), wf_plan_mem(g.limits.plan, home));
	co->home = (uint8_t)home;
}

/* Up to `most` free ones of a class that were not trimmed, taken out. */
static struct wf_co *take_warm(struct wf_co **free, unsigned most, unsigned *ret_n)
{
	struct wf_co *first = NULL;
	unsigned n = 0;

	wf_spin_lock(&g.lock);
	while (n < most && *free) {
		struct wf_co *co = *free;
		*free = co->next;
		co->next = first;
		first = co;
		n++;
	}
	wf_spin_unlock(&g.lock);
	*ret_n = n;
	return first;
}

static void give_cold(struct wf_co *co)
{
	wf_spin_lock(&g.lock);
	while (co) {
		struct wf_co **cold = &g.shelf[co->home].cold[co->class],
			     *next = co->next;
		co->next = *cold;
		*cold = co;
		co = next;
	}
	wf_spin_unlock(&g.lock);
}

unsigned wf_stacks_trim_free(unsigned n)
{
	const unsigned lists = g.n_homes * WF_STACK_CLASSES;
	unsigned got = 0;
	struct wf_co *first = NULL;

	for (unsigned i = 0; i < lists && !first; i++)
		first = take_warm(
			&g.shelf[i / WF_STACK_CLASSES].free[i % WF_STACK_CLASSES], n,
			&got);
	for (struct wf_co *co = first; co; co = co->next)
		give_back(co, co);
	give_cold(first);
	return got;
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

struct wf_co *wf_stacks_next(struct wf_stack_cursor *c)
{
	while (c->slab < wf_atomic_load_acquire(&g.n_slabs)) { /* SL1 */
		struct slab *s = &g.slabs[c->slab];

		if (c->slot < wf_atomic_load_acquire(&s->n_used)) /* SL1 */
			return slot_object(s, c->slot++);
		c->slab++;
		c->slot = 0;
	}
	return NULL;
}

size_t wf_stack_depth(const struct wf_co *co)
{
	unsigned char resident[256];
	char *at = wf_stack_bottom(co), *end = at - PAGE + slot_bytes(co->class);

	while (at < end) {
		size_t n = (size_t)(end - at) / PAGE;

		n = n < sizeof(resident) ? n : sizeof(resident);
		if (wf_sys.mincore(at, n * PAGE, resident))
			break;
		for (size_t i = 0; i < n; i++, at += PAGE)
			if (resident[i] & 1)
				return (size_t)(end - at);
	}
	return PAGE; /* the object itself */
}

static void note_one(struct wf_co *co, void *arg)
{
	(void)arg;
	measure(co, 0);
}

void wf_stacks_note_depths(void)
{
	if (g.limits.depths)
		wf_co_for_each(note_one, NULL);
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
