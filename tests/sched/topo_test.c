/* SPDX-License-Identifier: MIT */
/* What is read of machines that we do not have: hwloc's synthetic ones, and one from a file
 * whose nodes are not equally far from each other. */
#include "sched/place/topo.h"

#include <hwloc.h>
#include <hwloc/distances.h>

#include "machine.h"

enum { MAX = 256 };

static struct wf_topo t;

/* CPUs 0 .. n - 1 of it. */
static void load(const char *synthetic, unsigned n)
{
	int cpu[MAX];

	cr_assert_eq(setenv("HWLOC_SYNTHETIC", synthetic, 1), 0);
	for (unsigned i = 0; i < n; i++)
		cpu[i] = (int)i;
	cr_assert_eq(wf_topo_load("/nowhere", cpu, n, &t), 0);
	cr_assert_eq(t.n_cpus, n);
}

Test(topo, who_shares_what)
{
	load("pack:2 numa:2 l3:2 core:4 pu:2", 64);
	cr_assert_eq(t.n_packages, 2 + 1);
	cr_assert_eq(t.n_nodes, 4 + 1);
	cr_assert_eq(t.n_caches, 8 + 1);
	for (unsigned i = 0; i < 64; i++) {
		cr_assert_eq(t.cpu[i].cpu, (int)i);
		cr_assert_eq(t.cpu[i].package, i / 32);
		cr_assert_eq(t.cpu[i].node, i / 16);
		cr_assert_eq(t.cpu[i].cache, i / 8);
		cr_assert_eq(t.cpu[i].core, i / 2);
	}
	for (unsigned i = 0; i < 8; i++)
		cr_assert_eq(t.cache[i].node, i / 2);
	wf_topo_fini(&t);
	cr_assert_null(t.cpu);
}

Test(topo, nodes_by_their_numbers)
{
	load("numa:4 core:1 pu:1", 4);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(t.node[i], i);
		cr_assert_eq(wf_topo_node(&t, i), i);
	}
	cr_assert_eq(t.node[4], -1);
	cr_assert_lt(wf_topo_node(&t, 4), 0);
	cr_assert_lt(wf_topo_node(&t, -1), 0);
	wf_topo_fini(&t);
}

Test(topo, distances_where_none_are_told)
{
	load("numa:3 core:1 pu:1", 3);
	for (unsigned from = 0; from < t.n_nodes; from++)
		for (unsigned to = 0; to < t.n_nodes; to++)
			cr_assert_eq(wf_topo_far(&t, from, to), from == to ? 10 : 20);
	wf_topo_fini(&t);
}

/* Four nodes in a ring where one way round is longer. */
static uint64_t ring_distance(unsigned from, unsigned to)
{
	return 10 + 7 * ((to - from) & 3);
}

static void add_distances(hwloc_topology_t topo)
{
	const unsigned long kind =
		HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_LATENCY;
	hwloc_distances_add_handle_t h = hwloc_distances_add_create(topo, NULL, kind, 0);
	hwloc_uint64_t values[16];
	hwloc_obj_t node[4];

	for (unsigned i = 0; i < 4; i++)
		node[i] = hwloc_get_obj_by_type(topo, HWLOC_OBJ_NUMANODE, i);
	for (unsigned i = 0; i < 16; i++)
		values[i] = ring_distance(i / 4, i % 4);
	cr_assert_not_null(h);
	cr_assert_eq(hwloc_distances_add_values(topo, h, 4, node, values, 0), 0);
	cr_assert_eq(hwloc_distances_add_commit(topo, h, 0), 0);
}

static void write_machine(const char *path)
{
	hwloc_topology_t topo;

	cr_assert_eq(hwloc_topology_init(&topo), 0);
	cr_assert_eq(hwloc_topology_set_synthetic(topo, "numa:4 core:1 pu:2"), 0);
	cr_assert_eq(hwloc_topology_load(topo), 0);
	add_distances(topo);
	cr_assert_eq(hwloc_topology_export_xml(topo, path, 0), 0);
	hwloc_topology_destroy(topo);
}

Test(topo, distances_from_one_to_the_other)
{
	const char *root = root_make();
	const int cpu[] = {0, 3, 7};
	char path[64];

	snprintf(path, sizeof(path), "%s/machine.xml", root);
	write_machine(path);
	setenv("HWLOC_XMLFILE", path, 1);
	cr_assert_eq(wf_topo_load("/nowhere", cpu, 3, &t), 0);
	cr_assert_eq(t.n_nodes, 4 + 1);
	for (unsigned from = 0; from < 4; from++)
		for (unsigned to = 0; to < 4; to++)
			cr_assert_eq(wf_topo_far(&t, from, to), ring_distance(from, to));
	cr_assert_eq(wf_topo_far(&t, 4, 4), 10);
	cr_assert_eq(wf_topo_far(&t, 4, 1), 20);
	cr_assert_eq(t.cpu[1].node, 1);
	cr_assert_eq(t.cpu[2].node, 3);
	wf_topo_fini(&t);
	root_remove(root);
}

/* Each a core of its own; cache, node and package are the ones of all that is not known. */
static void unknown(unsigned i)
{
	cr_assert_eq(t.cpu[i].node, t.n_nodes - 1);
	cr_assert_eq(t.cpu[i].cache, t.n_caches - 1);
	cr_assert_eq(t.cpu[i].package, t.n_packages - 1);
	cr_assert_lt(t.cpu[i].core, t.n_cores);
	for (unsigned k = 0; k < t.n_cpus; k++)
		cr_assert(k == i || t.cpu[k].core != t.cpu[i].core);
}

Test(topo, cpus_that_it_does_not_know)
{
	const int cpu[] = {2, 77, 0, 5000};

	setenv("HWLOC_SYNTHETIC", "pack:1 numa:1 l3:1 core:4 pu:1", 1);
	cr_assert_eq(wf_topo_load("/nowhere", cpu, 4, &t), 0);
	cr_assert_eq(t.cpu[0].cpu, 2);
	cr_assert_eq(t.cpu[2].cpu, 0);
	cr_assert_eq(t.cpu[0].node, 0);
	cr_assert_eq(t.cpu[0].cache, 0);
	cr_assert_eq(t.cpu[3].cpu, 5000);
	unknown(1);
	unknown(3);
	wf_topo_fini(&t);
}

Test(topo, a_machine_of_two_thousand_cpus)
{
	const int cpu[] = {1023, 1024, 1025, 2047};

	setenv("HWLOC_SYNTHETIC", "pack:2 numa:8 l3:4 core:16 pu:2", 1);
	cr_assert_eq(wf_topo_load("/nowhere", cpu, 4, &t), 0);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(t.cpu[i].package, (unsigned)cpu[i] / 1024);
		cr_assert_eq(t.cpu[i].node, (unsigned)cpu[i] / 128);
		cr_assert_eq(t.cpu[i].core, (unsigned)cpu[i] / 2);
	}
	cr_assert_eq(t.n_caches, 3 + 1); /* only those of our CPUs */
	wf_topo_fini(&t);
}

Test(topo, a_single_core)
{
	load("core:1 pu:1", 1);
	cr_assert_eq(t.cpu[0].node, 0);
	cr_assert_eq(t.node[0], 0);
	cr_assert_eq(t.cpu[0].core, 0);
	cr_assert_eq(t.n_caches, 1 + 1);
	wf_topo_fini(&t);
}

/* Some virtual machines show no cache at all; then the node takes its place. */
Test(topo, no_caches)
{
	load("numa:2 core:2 pu:1", 4);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(t.cpu[i].cache, i / 2);
	wf_topo_fini(&t);
}

Test(topo, load_of_a_cache_counts_all_its_cpus)
{
	const char *root = root_make();
	const int cpu[] = {1, 2};

	root_write(root, "/proc/stat",
		   "cpu0 100 0 0 0 0 0 0 0\ncpu1 0 0 0 100 0 0 0 0\n"
		   "cpu2 50 0 0 50 0 0 0 0\ncpu3 0 0 0 100 0 0 0 0\n");
	setenv("HWLOC_SYNTHETIC", "numa:1 l3:2 core:2 pu:1", 1);
	cr_assert_eq(wf_topo_load(root, cpu, 2, &t), 0);
	cr_assert_eq(t.cpu[0].busy, 0);
	cr_assert_eq(t.cpu[1].busy, 4);
	cr_assert_eq(t.cache[0].busy, 8);
	cr_assert_eq(t.cache[0].n_busy, 2);
	cr_assert_eq(t.cache[1].busy, 4);
	wf_topo_fini(&t);
	root_remove(root);
}
