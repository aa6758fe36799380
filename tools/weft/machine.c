/* SPDX-License-Identifier: MIT */
/* The machine as hwloc knows it, cut down to what matters to a scheduler. */
#include <stdlib.h>
#include <string.h>

#include "topo.h"

struct walk {
	struct topo_machine *m;
	hwloc_const_bitmap_t allowed;
	bool failed; /* no memory */
};

static struct topo_obj *add(struct walk *walk, struct topo_obj *parent,
			    enum topo_kind kind, int id)
{
	struct topo_obj *o = calloc(1, sizeof(*o));

	if (!o) {
		walk->failed = true;
		return parent;
	}
	o->kind = kind;
	o->id = id;
	walk->m->count[kind]++;
	if (!parent)
		return o;
	if (parent->last)
		parent->last->next = o;
	else
		parent->first = o;
	return parent->last = o;
}

static int number(hwloc_obj_t hw)
{
	return hw->os_index == HWLOC_UNKNOWN_INDEX ? -1 : (int)hw->os_index;
}

static void add_covered(hwloc_bitmap_t set, hwloc_obj_t hw)
{
	for (hwloc_obj_t c = hw->first_child; c; c = c->next_sibling)
		if (c->memory_first_child)
			hwloc_bitmap_or(set, set, c->cpuset);
		else
			add_covered(set, c);
}

/* Whether some CPU below hw has no node further down. */
static bool is_nearest(struct walk *walk, hwloc_obj_t hw)
{
	hwloc_bitmap_t covered = hwloc_bitmap_alloc();
	bool all = covered != NULL;

	if (all) {
		add_covered(covered, hw);
		all = hwloc_bitmap_isincluded(hw->cpuset, covered);
	} else {
		walk->failed = true;
	}
	hwloc_bitmap_free(covered);
	return !all;
}

/* A node without CPUs: hwloc gives it those of the object it hangs on, the kernel none. */
static bool kernel_says_no_cpus(hwloc_topology_t hw, unsigned node)
{
	char path[64];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
	if (hwloc_topology_is_thissystem(hw))
		f = fopen(path, "re");
	bool none = f && fgetc(f) == '\n';
	if (f)
		fclose(f);
	return none;
}

/*
 * The nodes that hang on hw. One that has CPUs, if they have none further down, becomes the
 * box around them; the others (memory of another kind, or without CPUs) stand next to it.
 */
static struct topo_obj *add_nodes(struct walk *walk, struct topo_obj *at, hwloc_obj_t hw)
{
	struct topo_obj *around = NULL;
	bool nearest = hw->memory_first_child && is_nearest(walk, hw);

	for (hwloc_obj_t m = hw->memory_first_child; m; m = m->next_sibling) {
		hwloc_obj_t node = m;

		while (node && node->type != HWLOC_OBJ_NUMANODE) /* memory-side caches */
			node = node->memory_first_child;
		if (!node)
			continue;
		struct topo_obj *o = add(walk, at, TOPO_NODE, number(node));
		o->bytes = node->attr->numanode.local_memory;
		if (nearest && !around &&
		    !kernel_says_no_cpus(walk->m->hw, node->os_index))
			around = o;
	}
	return around ? around : at;
}

static struct topo_obj *add_cache(struct walk *walk, struct topo_obj *at, hwloc_obj_t hw)
{
	for (hwloc_obj_t up = hw->parent; up; up = up->parent)
		if (hwloc_obj_type_is_cache(up->type))
			return at; /* not the last level */
	struct topo_obj *o = add(walk, at, TOPO_CACHE, number(hw));
	o->bytes = hw->attr->cache.size;
	o->level = hw->attr->cache.depth;
	return o;
}

static struct topo_obj *add_cpu(struct walk *walk, struct topo_obj *at, hwloc_obj_t hw)
{
	if (at->kind != TOPO_CORE) /* some virtual machines tell no cores */
		at = add(walk, at, TOPO_CORE, -1);
	struct topo_obj *o = add(walk, at, TOPO_CPU, number(hw));
	o->allowed = hwloc_bitmap_isset(walk->allowed, hw->os_index);
	return o;
}

static struct topo_obj *add_self(struct walk *walk, struct topo_obj *at, hwloc_obj_t hw)
{
	if (hw->type == HWLOC_OBJ_PACKAGE)
		return add_nodes(walk, add(walk, at, TOPO_PACKAGE, number(hw)), hw);
	at = add_nodes(walk, at, hw);
	if (hwloc_obj_type_is_cache(hw->type))
		return add_cache(walk, at, hw);
	if (hw->type == HWLOC_OBJ_CORE)
		return add(walk, at, TOPO_CORE, number(hw));
	return hw->type == HWLOC_OBJ_PU ? add_cpu(walk, at, hw) : at;
}

/* As deep as hwloc's tree: some ten levels. */
static void descend(struct walk *walk, struct topo_obj *at, hwloc_obj_t hw)
{
	at = add_self(walk, at, hw);
	for (hwloc_obj_t child = hw->first_child; child && !walk->failed;
	     child = child->next_sibling)
		descend(walk, at, child);
}

/* What this process may use, as far as the topology is that of its machine. */
static void restrict_to_self(hwloc_topology_t hw, hwloc_bitmap_t allowed)
{
	hwloc_bitmap_t mine = hwloc_bitmap_alloc();

	if (mine && hwloc_topology_is_thissystem(hw) &&
	    !hwloc_get_cpubind(hw, mine, HWLOC_CPUBIND_THREAD))
		hwloc_bitmap_and(allowed, allowed, mine);
	hwloc_bitmap_free(mine);
}

static void find_distances(struct topo_machine *m)
{
	unsigned n = 1;

	if (hwloc_distances_get_by_type(m->hw, HWLOC_OBJ_NUMANODE, &n, &m->matrix,
					HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) ||
	    !n)
		m->matrix = NULL;
}

static int build(struct topo_machine *m, hwloc_const_bitmap_t allowed)
{
	hwloc_obj_t root = hwloc_get_root_obj(m->hw);
	hwloc_bitmap_t usable =
		hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(m->hw));
	struct walk walk = {.m = m, .allowed = usable};

	m->offline = hwloc_bitmap_alloc();
	if (!usable || !m->offline)
		return -1;
	if (allowed)
		hwloc_bitmap_and(usable, usable, allowed);
	else
		restrict_to_self(m->hw, usable);
	hwloc_bitmap_andnot(m->offline, root->complete_cpuset, root->cpuset);
	m->root = add(&walk, NULL, TOPO_MACHINE, -1);
	if (m->root)
		descend(&walk, m->root, root);
	hwloc_bitmap_free(usable);
	find_distances(m);
	return walk.failed ? -1 : 0;
}

/* hwloc falls back to this machine without a word when it cannot read another's. */
static bool ignored_wish(hwloc_topology_t hw)
{
	static const char *const wish[] = {"HWLOC_SYNTHETIC", "HWLOC_XMLFILE"};
	const char *pretend = getenv("HWLOC_THISSYSTEM");

	if (pretend && !strcmp(pretend, "1"))
		return false;
	for (unsigned i = 0; i < sizeof(wish) / sizeof(wish[0]); i++) {
		const char *value = getenv(wish[i]);
		if (value && value[0] && hwloc_topology_is_thissystem(hw))
			return true;
	}
	return false;
}

int topo_machine_open(struct topo_machine *m, hwloc_const_bitmap_t allowed)
{
	memset(m, 0, sizeof(*m));
	if (hwloc_topology_init(&m->hw)) {
		m->hw = NULL;
		return -1;
	}
	hwloc_topology_set_flags(m->hw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
						HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING);
	if (hwloc_topology_load(m->hw) || ignored_wish(m->hw))
		return -1;
	return build(m, allowed);
}

static void obj_free(struct topo_obj *o)
{
	while (o) {
		struct topo_obj *next = o->next;

		obj_free(o->first);
		free(o);
		o = next;
	}
}

void topo_machine_close(struct topo_machine *m)
{
	obj_free(m->root);
	if (m->matrix)
		hwloc_distances_release(m->hw, m->matrix);
	hwloc_bitmap_free(m->offline);
	if (m->hw)
		hwloc_topology_destroy(m->hw);
}

char *topo_bytes(char *text, uint64_t bytes)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double n = (double)bytes;
	unsigned i = 0;

	for (; n >= 1024 && i < 5; i++)
		n /= 1024;
	bool whole = n >= 100 || n == (double)(uint64_t)n;
	snprintf(text, TOPO_BYTES_TEXT, "%.*f %s", whole ? 0 : 1, n, unit[i]);
	return text;
}

char *topo_label(char *text, const struct topo_obj *o)
{
	static const char *const name[] = {"machine", "package", "node",
					   "L",       "core",    "CPU"};
	char size[TOPO_BYTES_TEXT];

	if (o->kind == TOPO_CACHE)
		snprintf(text, TOPO_LABEL_TEXT, "L%u %s", o->level,
			 o->bytes ? topo_bytes(size, o->bytes) : "cache");
	else if (o->id < 0)
		snprintf(text, TOPO_LABEL_TEXT, "%s", name[o->kind]);
	else
		snprintf(text, TOPO_LABEL_TEXT, "%s %d", name[o->kind], o->id);
	return text;
}
