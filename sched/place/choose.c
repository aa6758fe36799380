/* SPDX-License-Identifier: MIT */
/*
 * Workers share queues and steal from each other, so they are kept close: below one
 * last-level cache if they fit, on one node, on the nodes nearest to that. First the caches
 * are put in order,
 *
 *   1. by node, those nearest to the first cache's (or, near:DEVICE, to the device's) first
 *   2. room for all workers before no room
 *   3. then the least busy (load.c)
 *   4. then by turn, a random number
 *
 * and in each cache a core of one's own comes before the sibling of one taken, then the less
 * busy CPU, then by turn. That is the order of auto, core, llc, node and near. `compact` fills
 * each core before it begins the next. `spread` goes round: over packages, nodes, caches,
 * cores, and siblings last, each in the order above.
 *
 * Why by turn: many containers with two workers each start on one machine at once; no load
 * shows yet, and the lowest CPUs would get them all. The process id would do for processes
 * side by side, but in a container it is nearly always the same.
 */
#include "choose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 6 };

/* Sorted by its keys, the first counts most. */
struct ranked {
	uint32_t key[KEYS];
	unsigned index;
};

/* A core, cache, node or package, in the order of the CPUs. */
struct group {
	bool seen;
	unsigned rank; /* among its kind */
	unsigned pos;  /* among those of its parent */
	unsigned in;   /* how many of the level below it has seen */
};

struct choice {
	const struct wf_topo *t;
	uint32_t turn;
	unsigned n;
	unsigned *index;        /* the caller's */
	unsigned *sibling;      /* by place in index: how many of its core come before */
	unsigned *n_candidates; /* by cache */
	unsigned *cache_rank, *node_rank;
	struct ranked *ranked;
	struct group *core, *cache, *node, *package;
	void *memory;
};

static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	for (int i = 0; i < KEYS; i++)
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	return 0;
}

static void sort(struct ranked *r, unsigned n)
{
	qsort(r, n, sizeof(*r), compare);
}

/* What is put in order. One order must tell nothing of the others: else the first cache would
 * always have the same first CPU. */
enum kind { CPUS, CACHES, NODES };

/* The place of the i-th of its kind in a random order that turn picks (a 32-bit mixing
 * function). */
static uint32_t shuffled(uint32_t turn, enum kind kind, unsigned i)
{
	uint32_t x = (turn ^ kind * 0x632be59bu) + i * 0x9e3779b9u;

	x = (x ^ x >> 16) * 0x85ebca6bu;
	x = (x ^ x >> 13) * 0xc2b2ae35u;
	return x ^ x >> 16;
}

static void *cut(char **memory, size_t bytes)
{
	void *p = *memory;

	*memory += (bytes + 15) & ~(size_t)15;
	return p;
}

/* All arrays in one piece. most: of any kind. */
static int choice_init(struct choice *c)
{
	const struct wf_topo *t = c->t;
	const unsigned sizes[] = {c->n, t->n_cores, t->n_caches, t->n_nodes,
				  t->n_packages};
	size_t most = 1;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		most = sizes[i] > most ? sizes[i] : most;
	char *m = c->memory =
		calloc(most + 1, 4 * sizeof(unsigned) + 4 * sizeof(struct group) +
					 sizeof(struct ranked) + 9 * 16);
	if (!m)
		return -ENOMEM;
	c->sibling = cut(&m, most * sizeof(unsigned));
	c->n_candidates = cut(&m, most * sizeof(unsigned));
	c->cache_rank = cut(&m, most * sizeof(unsigned));
	c->node_rank = cut(&m, most * sizeof(unsigned));
	c->core = cut(&m, most * sizeof(struct group));
	c->cache = cut(&m, most * sizeof(struct group));
	c->node = cut(&m, most * sizeof(struct group));
	c->package = cut(&m, most * sizeof(struct group));
	c->ranked = cut(&m, most * sizeof(struct ranked));
	return 0;
}

static const struct wf_topo_cpu *cpu_of(const struct choice *c, unsigned i)
{
	return &c->t->cpu[c->index[i]];
}

/* In random order, so that not always the same sibling is the first of its core. */
static void count_siblings(struct choice *c)
{
	for (unsigned i = 0; i < c->n; i++)
		c->ranked[i] =
			(struct ranked){.key = {shuffled(c->turn, CPUS, i)}, .index = i};
	sort(c->ranked, c->n);
	for (unsigned i = 0; i < c->n; i++) {
		unsigned at = c->ranked[i].index;

		c->sibling[at] = c->core[cpu_of(c, at)->core].in++;
	}
	memset(c->core, 0, c->t->n_cores * sizeof(*c->core));
}

static uint32_t mean_busy(const struct wf_topo_cache *cache)
{
	return cache->n_busy ? cache->busy / cache->n_busy : 0;
}

/* Nodes by their distance from one; the unknown last. */
static void rank_nodes(struct choice *c, unsigned from)
{
	const struct wf_topo *t = c->t;

	for (unsigned i = 0; i < t->n_nodes; i++)
		c->ranked[i] = (struct ranked){.key = {i + 1 == t->n_nodes && i != from,
						       wf_topo_far(t, from, i),
						       shuffled(c->turn, NODES, i)},
					       .index = i};
	sort(c->ranked, t->n_nodes);
	for (unsigned i = 0; i < t->n_nodes; i++)
		c->node_rank[c->ranked[i].index] = i;
}

/* Returns the first. */
static unsigned rank_caches(struct choice *c, unsigned n_workers)
{
	const struct wf_topo *t = c->t;

	for (unsigned i = 0; i < t->n_caches; i++) {
		const struct wf_topo_cache *cache = &t->cache[i];

		c->ranked[i] = (struct ranked){
			.key = {i + 1 == t->n_caches || !c->n_candidates[i],
				c->node_rank[cache->node], c->n_candidates[i] < n_workers,
				mean_busy(cache), shuffled(c->turn, CACHES, i)},
			.index = i};
	}
	sort(c->ranked, t->n_caches);
	for (unsigned i = 0; i < t->n_caches; i++)
		c->cache_rank[c->ranked[i].index] = i;
	return c->ranked[0].index;
}

static void order_caches(struct choice *c, const struct wf_wish *wish, unsigned n_workers)
{
	int anchor = wish->policy == WF_POLICY_NEAR ? wf_topo_node(c->t, wish->node) : -1;

	for (unsigned i = 0; i < c->n; i++)
		c->n_candidates[cpu_of(c, i)->cache]++;
	if (anchor >= 0) {
		rank_nodes(c, (unsigned)anchor);
		rank_caches(c, n_workers);
		return;
	}
	unsigned first = rank_caches(c, n_workers);
	/* It stays the first: among its node's it has the smallest keys. */
	rank_nodes(c, c->t->cache[first].node);
	rank_caches(c, n_workers);
}

/* Put the caller's CPUs into the order of `ranked`. */
static void reorder(struct choice *c)
{
	for (unsigned i = 0; i < c->n; i++)
		c->ranked[i].key[0] = c->index[c->ranked[i].index],
		c->ranked[i].key[1] = c->sibling[c->ranked[i].index];
	for (unsigned i = 0; i < c->n; i++) {
		c->index[i] = c->ranked[i].key[0];
		c->sibling[i] = c->ranked[i].key[1];
	}
}

static void order_by_cache(struct choice *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct wf_topo_cpu *cpu = cpu_of(c, i);

		c->ranked[i] =
			(struct ranked){.key = {c->cache_rank[cpu->cache], c->sibling[i],
						cpu->busy, shuffled(c->turn, CPUS, i)},
					.index = i};
	}
	sort(c->ranked, c->n);
	reorder(c);
}

/* g is met in the order of CPUs, inside of parent. */
static void meet(struct group *g, struct group *parent, unsigned *count)
{
	if (g->seen)
		return;
	g->seen = true;
	g->rank = (*count)++;
	g->pos = parent ? parent->in++ : g->rank;
}

static void group(struct choice *c)
{
	unsigned cores = 0, caches = 0, nodes = 0, packages = 0;

	for (unsigned i = 0; i < c->n; i++) {
		const struct wf_topo_cpu *cpu = cpu_of(c, i);

		meet(&c->package[cpu->package], NULL, &packages);
		meet(&c->node[cpu->node], &c->package[cpu->package], &nodes);
		meet(&c->cache[cpu->cache], &c->node[cpu->node], &caches);
		meet(&c->core[cpu->core], &c->cache[cpu->cache], &cores);
	}
}

static void order_compact(struct choice *c)
{
	group(c);
	for (unsigned i = 0; i < c->n; i++) {
		const struct wf_topo_cpu *cpu = cpu_of(c, i);

		c->ranked[i] =
			(struct ranked){.key = {c->cache_rank[cpu->cache],
						c->core[cpu->core].rank, c->sibling[i]},
					.index = i};
	}
	sort(c->ranked, c->n);
	reorder(c);
}

static void order_spread(struct choice *c)
{
	group(c);
	for (unsigned i = 0; i < c->n; i++) {
		const struct wf_topo_cpu *cpu = cpu_of(c, i);

		c->ranked[i] = (struct ranked){
			.key = {c->sibling[i], c->core[cpu->core].pos,
				c->cache[cpu->cache].pos, c->node[cpu->node].pos,
				c->package[cpu->package].pos, i},
			.index = i};
	}
	sort(c->ranked, c->n);
	reorder(c);
}

int wf_choose(const struct wf_topo *t, const struct wf_wish *wish, unsigned *index,
	      unsigned n_index, unsigned n_workers, uint32_t turn)
{
	struct choice c = {.t = t, .turn = turn, .n = n_index, .index = index};

	if (choice_init(&c))
		return -ENOMEM;
	count_siblings(&c);
	order_caches(&c, wish, n_workers);
	order_by_cache(&c);
	if (wish->policy == WF_POLICY_COMPACT)
		order_compact(&c);
	else if (wish->policy == WF_POLICY_SPREAD)
		order_spread(&c);
	free(c.memory);
	return 0;
}

int wf_choose_cores(const struct wf_topo *t, unsigned *index, unsigned n_index,
		    uint32_t turn)
{
	struct choice c = {.t = t, .turn = turn, .n = n_index, .index = index};
	unsigned n = 0;

	if (choice_init(&c))
		return -ENOMEM;
	count_siblings(&c);
	for (unsigned i = 0; i < n_index; i++)
		if (c.sibling[i] == 0)
			index[n++] = index[i];
	free(c.memory);
	return (int)n;
}
