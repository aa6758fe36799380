/* SPDX-License-Identifier: MIT */
/*
 * The machine as far as it is ours: the allowed CPUs, and what they share. Taken from hwloc
 * and then let go of; so a synthetic machine (HWLOC_SYNTHETIC, HWLOC_XMLFILE) is as good as
 * a real one.
 */
#ifndef WF_PLACE_TOPO_H
#define WF_PLACE_TOPO_H

#include <stdint.h>

struct wf_topo_cpu {
	int cpu;
	/* Indices below n_cores, ... Of what is not known: a core of its own, and the last
	 * cache, node and package, which are there for that. */
	unsigned core, cache, node, package;
	unsigned busy; /* in eighths */
};

struct wf_topo_cache {
	unsigned node;         /* of its first CPU */
	unsigned n_busy, busy; /* the sum of busy over n_busy CPUs, allowed or not */
};

struct wf_topo {
	struct wf_topo_cpu *cpu; /* in the order that they were given */
	unsigned n_cpus;
	struct wf_topo_cache *cache;
	int *node; /* the kernel's numbers; also of nodes without CPUs; the last is -1 */
	uint16_t *far; /* n_nodes * n_nodes: from one to the other; 10 is oneself */
	unsigned n_cores, n_caches, n_nodes, n_packages;
};

/* -ENOMEM. No topology is no failure: then nothing is known. */
int wf_topo_load(const char *root, const int *cpu, unsigned n, struct wf_topo *ret_topo);
void wf_topo_fini(struct wf_topo *t);

/* The index of the kernel's node number, or -ENOENT. */
int wf_topo_node(const struct wf_topo *t, int number);

static inline unsigned wf_topo_far(const struct wf_topo *t, unsigned from, unsigned to)
{
	return t->far[from * t->n_nodes + to];
}

#endif
