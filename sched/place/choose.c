/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs, when there are more than workers. Workers share queues and steal from each
 * other, so they are kept below one last-level cache. The order of the caches:
 *
 *   1. room for all workers before no room
 *   2. then the least busy (load.c)
 *   3. then by turn, a random number
 *
 * and caches on the first one's NUMA node before others, for workers that do not fit.
 * Inside a cache: a core of one's own before the sibling of one taken, then the less
 * busy CPU, then by turn.
 *
 * Why by turn: many containers with two workers each start on one machine at once; no
 * load shows yet, and the lowest CPUs would get them all. The process id would do for
 * processes side by side, but in a container it is nearly always the same.
 *
 * hwloc takes milliseconds to load, so this is called only when there is a choice.
 * Without a usable topology the machine counts as one cache.
 */
#include "place.h"

#include <errno.h>
#include <hwloc.h>
#include <stdbool.h>
#include <stdlib.h>

/* Order of caches and CPUs: the smallest key first. */
struct ranked {
	uint64_t key;
	unsigned index;
};

struct cache {
	int node;
	unsigned n_allowed;
	unsigned n_busy, busy; /* the sum of busy over n_busy CPUs, allowed or not */
	unsigned rank;
};

struct cand {
	int cpu, node;
	unsigned cache;   /* index in caches */
	unsigned sibling; /* how many of its core come before it */
	unsigned busy;
};

struct choice {
	hwloc_topology_t topo; /* NULL: none */
	struct cand *cand;
	unsigned n_cand;
	struct cache *cache; /* one a PU at most; the last is "none" */
	unsigned n_cache;
	struct ranked *ranked; /* room for as many as cand */
	uint8_t *busy;         /* by CPU number */
	unsigned n_busy;
	uint32_t turn;
};

static int ranked_compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* The place of i in a random order that turn picks (a 32-bit mixing function). */
static uint32_t shuffled(uint32_t turn, unsigned i)
{
	uint32_t x = turn + (uint32_t)i * 0x9e3779b9u;

	x = (x ^ x >> 16) * 0x85ebca6bu;
	x = (x ^ x >> 13) * 0xc2b2ae35u;
	return x ^ x >> 16;
}

static hwloc_topology_t topo_load(void)
{
	hwloc_topology_t t;

	if (hwloc_topology_init(&t) < 0)
		return NULL;
	/* Never move this thread about to look at CPUs. */
	hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING);
	if (hwloc_topology_load(t) < 0) {
		hwloc_topology_destroy(t);
		return NULL;
	}
	return t;
}

/* The largest cache above a CPU; its NUMA node where no caches are known (some VMs). */
static hwloc_obj_t last_cache(hwloc_obj_t pu)
{
	hwloc_obj_t found = NULL;

	for (hwloc_obj_t o = pu; o; o = o->parent)
		if (hwloc_obj_type_is_cache(o->type))
			found = o;
	if (found)
		return found;
	for (found = pu; found->parent && !found->memory_first_child;
	     found = found->parent)
		;
	return found;
}

static void choice_fini(struct choice *c)
{
	if (c->topo)
		hwloc_topology_destroy(c->topo);
	free(c->cand);
	free(c->cache);
	free(c->ranked);
	free(c->busy);
}

/* One more than the highest CPU number there is. */
static unsigned cpus_end(hwloc_topology_t topo, int highest_allowed)
{
	int last =
		topo ? hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(topo)) : -1;

	return 1 + (unsigned)(last > highest_allowed ? last : highest_allowed);
}

static int choice_init(struct choice *c, const char *root, const int *cpu, unsigned n)
{
	c->topo = topo_load();
	c->n_busy = cpus_end(c->topo, cpu[n - 1]);
	c->n_cand = n;
	c->cand = calloc(n, sizeof(*c->cand));
	c->ranked = calloc(n + 1, sizeof(*c->ranked));
	c->cache = calloc(n + 1, sizeof(*c->cache));
	c->busy = calloc(c->n_busy, 1);
	if (!c->cand || !c->ranked || !c->cache || !c->busy)
		return -ENOMEM;
	wf_load_read(root, c->n_busy, c->busy);
	for (unsigned i = 0; i < n; i++)
		c->cand[i] =
			(struct cand){.cpu = cpu[i], .node = -1, .busy = c->busy[cpu[i]]};
	return 0;
}

/* How busy the CPUs below the cache are: it is shared with those we may not use, too. */
static void cache_weigh(struct choice *c, struct cache *cache, hwloc_const_bitmap_t set)
{
	for (int i = hwloc_bitmap_first(set); i >= 0; i = hwloc_bitmap_next(set, i)) {
		if ((unsigned)i >= c->n_busy)
			break;
		cache->busy += c->busy[i];
		cache->n_busy++;
	}
}

/* The index of the CPU's cache; userdata of the object is that index + 1. */
static unsigned cache_of(struct choice *c, hwloc_obj_t pu)
{
	hwloc_obj_t o = last_cache(pu);

	if (!o->userdata) {
		cache_weigh(c, &c->cache[c->n_cache], o->complete_cpuset);
		c->cache[c->n_cache].node =
			pu->nodeset ? hwloc_bitmap_first(pu->nodeset) : -1;
		o->userdata = (void *)(uintptr_t)++c->n_cache;
	}
	return (unsigned)(uintptr_t)o->userdata - 1;
}

/* How many CPUs of this one's core came before; userdata of the core counts. */
static unsigned sibling_of(hwloc_obj_t pu)
{
	hwloc_obj_t core = pu->parent;

	while (core && core->type != HWLOC_OBJ_CORE)
		core = core->parent;
	if (!core)
		return 0;

	uintptr_t n = (uintptr_t)core->userdata;

	core->userdata = (void *)(n + 1);
	return (unsigned)n;
}

static void cand_describe(struct choice *c, struct cand *cand)
{
	hwloc_obj_t pu = NULL;

	if (c->topo)
		pu = hwloc_get_pu_obj_by_os_index(c->topo, (unsigned)cand->cpu);
	if (!pu) {
		cand->cache = c->n_cand;
		return;
	}
	cand->cache = cache_of(c, pu);
	cand->sibling = sibling_of(pu);
	cand->node = pu->nodeset ? hwloc_bitmap_first(pu->nodeset) : -1;
	c->cache[cand->cache].n_allowed++;
}

/*
 * Fill in what the topology knows; CPUs that it does not know share one cache, the last.
 * In random order, so that not always the same sibling is the first of its core.
 */
static void cands_describe(struct choice *c)
{
	for (unsigned i = 0; i < c->n_cand; i++)
		c->ranked[i] = (struct ranked){.key = shuffled(c->turn, i), .index = i};
	qsort(c->ranked, c->n_cand, sizeof(*c->ranked), ranked_compare);
	for (unsigned i = 0; i < c->n_cand; i++)
		cand_describe(c, &c->cand[c->ranked[i].index]);
	c->cache[c->n_cand].rank = c->n_cand;
}

static unsigned mean_busy(const struct cache *cache)
{
	return cache->n_busy ? cache->busy / cache->n_busy : 0;
}

static void caches_sort(struct choice *c, unsigned n_workers, int near)
{
	for (unsigned i = 0; i < c->n_cache; i++) {
		const struct cache *cache = &c->cache[i];
		uint64_t full = cache->n_allowed < n_workers;
		uint64_t far = near >= 0 && cache->node != near;

		c->ranked[i].index = i;
		c->ranked[i].key = far << 63 | full << 62 |
				   (uint64_t)mean_busy(cache) << 32 |
				   shuffled(c->turn, i);
	}
	qsort(c->ranked, c->n_cache, sizeof(*c->ranked), ranked_compare);
	for (unsigned i = 0; i < c->n_cache; i++)
		c->cache[c->ranked[i].index].rank = i;
}

static void cands_sort(struct choice *c)
{
	for (unsigned i = 0; i < c->n_cand; i++) {
		const struct cand *cand = &c->cand[i];

		c->ranked[i].index = i;
		c->ranked[i].key = (uint64_t)c->cache[cand->cache].rank << 44 |
				   (uint64_t)(cand->sibling & 0xff) << 36 |
				   (uint64_t)cand->busy << 32 | shuffled(c->turn, i);
	}
	qsort(c->ranked, c->n_cand, sizeof(*c->ranked), ranked_compare);
}

int wf_place_choose(const char *root, const int *cpu, unsigned n_cpu, unsigned n,
		    uint32_t turn, struct wf_place *place)
{
	struct choice c = {.turn = turn};
	int rc = choice_init(&c, root, cpu, n_cpu);

	if (rc < 0)
		goto out;
	cands_describe(&c);
	if (c.n_cache) {
		caches_sort(&c, n, -1);
		/* The first stays the first: among its node's it has the smallest key. */
		caches_sort(&c, n, c.cache[c.ranked[0].index].node);
	}
	cands_sort(&c);
	for (unsigned i = 0; i < n; i++) {
		const struct cand *cand = &c.cand[c.ranked[i].index];

		place[i] = (struct wf_place){.cpu = cand->cpu, .node = cand->node};
	}
out:
	choice_fini(&c);
	return rc;
}
