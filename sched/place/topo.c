/* SPDX-License-Identifier: MIT */
#include "topo.h"

#include <errno.h>
#include <hwloc.h>
#include <hwloc/distances.h>
#include <numa.h>
#include <stdbool.h>
#include <stdlib.h>

#include "place.h"

enum { FAR_SELF = 10, FAR_OTHER = 20 }; /* where the kernel does not tell */

struct reader {
	struct wf_topo *t;
	hwloc_topology_t topo; /* NULL: none */
	bool by_kernel;        /* the kernel knows the node of a CPU */
	uint8_t *busy;         /* by CPU number */
	unsigned n_busy;
};

static hwloc_topology_t load(void)
{
	hwloc_topology_t t;

	if (hwloc_topology_init(&t) < 0)
		return NULL;
	/* Never move this thread about to look at CPUs. */
	hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
					    HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
	if (hwloc_topology_load(t) < 0) {
		hwloc_topology_destroy(t);
		return NULL;
	}
	return t;
}

static unsigned count(hwloc_topology_t topo, hwloc_obj_type_t type)
{
	int n = topo ? hwloc_get_nbobjs_by_type(topo, type) : 0;

	return n > 0 ? (unsigned)n : 0;
}

/* One more than the highest CPU number there is. */
static unsigned cpus_end(hwloc_topology_t topo, const int *cpu, unsigned n)
{
	int last =
		topo ? hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(topo)) : -1;

	for (unsigned i = 0; i < n; i++)
		last = cpu[i] > last ? cpu[i] : last;
	return 1 + (unsigned)last;
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

/* How busy the CPUs below the cache are: it is shared with those we may not use, too. */
static void cache_weigh(const struct reader *r, struct wf_topo_cache *cache,
			hwloc_const_bitmap_t set)
{
	for (int i = hwloc_bitmap_first(set); i >= 0; i = hwloc_bitmap_next(set, i)) {
		if ((unsigned)i >= r->n_busy)
			break;
		cache->busy += r->busy[i];
		cache->n_busy++;
	}
}

/* The index of the CPU's cache; userdata of the object is that index + 1. */
static unsigned cache_of(const struct reader *r, hwloc_obj_t pu, unsigned node)
{
	struct wf_topo *t = r->t;
	hwloc_obj_t o = last_cache(pu);

	if (!o->userdata) {
		t->cache[t->n_caches].node = node;
		cache_weigh(r, &t->cache[t->n_caches], o->complete_cpuset);
		o->userdata = (void *)(uintptr_t)++t->n_caches;
	}
	return (unsigned)(uintptr_t)o->userdata - 1;
}

/*
 * Several nodes may be near a CPU: its own, and memory that belongs to many (a node without
 * CPUs). Its own is the one with the fewest CPUs; but the kernel knows best.
 */
static int node_of(const struct reader *r, hwloc_obj_t pu, int cpu)
{
	unsigned id;
	int best = -1, fewest = 0;

	if (r->by_kernel)
		return numa_node_of_cpu(cpu);
	if (!pu || !pu->nodeset)
		return -1;
	hwloc_bitmap_foreach_begin(id, pu->nodeset)
	{
		hwloc_obj_t o = hwloc_get_numanode_obj_by_os_index(r->topo, id);
		int n = o ? hwloc_bitmap_weight(o->complete_cpuset) : 0;

		if (n > 0 && (best < 0 || n < fewest)) {
			best = (int)id;
			fewest = n;
		}
	}
	hwloc_bitmap_foreach_end();
	return best;
}

static void describe(const struct reader *r, unsigned i, int number)
{
	struct wf_topo *t = r->t;
	struct wf_topo_cpu *c = &t->cpu[i];
	hwloc_obj_t pu = NULL, o;

	if (r->topo)
		pu = hwloc_get_pu_obj_by_os_index(r->topo, (unsigned)number);
	int node = wf_topo_node(t, node_of(r, pu, number));

	*c = (struct wf_topo_cpu){.cpu = number, .busy = r->busy[number]};
	c->node = node < 0 ? t->n_nodes - 1 : (unsigned)node;
	c->package = t->n_packages - 1;
	c->core = count(r->topo, HWLOC_OBJ_CORE) + i;
	c->cache = UINT32_MAX;
	if (!pu)
		return;
	c->cache = cache_of(r, pu, c->node);
	o = hwloc_get_ancestor_obj_by_type(r->topo, HWLOC_OBJ_CORE, pu);
	if (o)
		c->core = o->logical_index;
	o = hwloc_get_ancestor_obj_by_type(r->topo, HWLOC_OBJ_PACKAGE, pu);
	if (o)
		c->package = o->logical_index;
}

static void distances(const struct reader *r)
{
	struct wf_topo *t = r->t;
	struct hwloc_distances_s *d = NULL;
	unsigned nr = 1;

	for (unsigned i = 0; i < t->n_nodes * t->n_nodes; i++)
		t->far[i] = i / t->n_nodes == i % t->n_nodes ? FAR_SELF : FAR_OTHER;
	if (!r->topo ||
	    hwloc_distances_get_by_type(r->topo, HWLOC_OBJ_NUMANODE, &nr, &d,
					HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) ||
	    nr == 0 || !d)
		return;
	for (unsigned i = 0; i < d->nbobjs * d->nbobjs; i++) {
		unsigned from = d->objs[i / d->nbobjs]->logical_index;
		unsigned to = d->objs[i % d->nbobjs]->logical_index;
		uint64_t far = d->values[i];

		t->far[from * t->n_nodes + to] =
			(uint16_t)(far < UINT16_MAX ? far : UINT16_MAX);
	}
	hwloc_distances_release(r->topo, d);
}

static int allocate(struct wf_topo *t, unsigned n)
{
	t->cpu = calloc(n, sizeof(*t->cpu));
	t->cache = calloc(n + 1, sizeof(*t->cache)); /* one a CPU at most */
	t->node = calloc(t->n_nodes, sizeof(*t->node));
	t->far = calloc((size_t)t->n_nodes * t->n_nodes, sizeof(*t->far));
	return t->cpu && t->cache && t->node && t->far ? 0 : -ENOMEM;
}

static int read_all(struct reader *r, const int *cpu, unsigned n)
{
	struct wf_topo *t = r->t;

	t->n_nodes = count(r->topo, HWLOC_OBJ_NUMANODE) + 1;
	t->n_packages = count(r->topo, HWLOC_OBJ_PACKAGE) + 1;
	t->n_cores = count(r->topo, HWLOC_OBJ_CORE) + n;
	if (allocate(t, n))
		return -ENOMEM;
	for (unsigned i = 0; i + 1 < t->n_nodes; i++)
		t->node[i] = (int)hwloc_get_obj_by_type(r->topo, HWLOC_OBJ_NUMANODE, i)
				     ->os_index;
	t->node[t->n_nodes - 1] = -1;
	distances(r);
	for (unsigned i = 0; i < n; i++)
		describe(r, i, cpu[i]);
	/* the cache of those that have none comes after all */
	t->cache[t->n_caches].node = t->n_nodes - 1;
	for (unsigned i = 0; i < n; i++)
		if (t->cpu[i].cache == UINT32_MAX)
			t->cpu[i].cache = t->n_caches;
	t->n_cpus = n;
	t->n_caches++;
	return 0;
}

int wf_topo_load(const char *root, const int *cpu, unsigned n, struct wf_topo *ret_topo)
{
	struct wf_topo t = {0};
	struct reader r = {.t = &t};
	int rc = -ENOMEM;

	r.topo = load();
	r.by_kernel = (!r.topo || hwloc_topology_is_thissystem(r.topo)) &&
		      numa_available() >= 0;
	r.n_busy = cpus_end(r.topo, cpu, n);
	r.busy = calloc(r.n_busy, 1);
	if (r.busy) {
		wf_load_read(root, r.n_busy, r.busy);
		rc = read_all(&r, cpu, n);
	}
	free(r.busy);
	if (r.topo)
		hwloc_topology_destroy(r.topo);
	if (rc)
		wf_topo_fini(&t);
	else
		*ret_topo = t;
	return rc;
}

void wf_topo_fini(struct wf_topo *t)
{
	free(t->cpu);
	free(t->cache);
	free(t->node);
	free(t->far);
	*t = (struct wf_topo){0};
}

int wf_topo_node(const struct wf_topo *t, int number)
{
	for (unsigned i = 0; number >= 0 && i < t->n_nodes; i++)
		if (t->node[i] == number)
			return (int)i;
	return -ENOENT;
}
