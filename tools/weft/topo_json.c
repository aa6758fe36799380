/* SPDX-License-Identifier: MIT */
/* The JSON of `weft topo`; weft.1 documents it, and a name in it never changes meaning. */
#include <jansson.h>
#include <weft.h>

#include "topo.h"

static json_t *number_or_null(int n)
{
	return n < 0 ? json_null() : json_integer(n);
}

static json_t *list(hwloc_const_bitmap_t set)
{
	json_t *all = json_array();

	for (int i = hwloc_bitmap_first(set); i >= 0 && hwloc_bitmap_weight(set) > 0;
	     i = hwloc_bitmap_next(set, i))
		json_array_append_new(all, json_integer(i));
	return all;
}

static json_t *object(const struct topo_obj *o)
{
	static const char *const type[] = {"machine", "package", "node",
					   "cache",   "core",    "cpu"};
	json_t *j =
		json_pack("{ssso}", "type", type[o->kind], "id", number_or_null(o->id));

	if (o->kind == TOPO_NODE || o->kind == TOPO_CACHE)
		json_object_set_new(j, "bytes", json_integer((json_int_t)o->bytes));
	if (o->kind == TOPO_CACHE)
		json_object_set_new(j, "level", json_integer(o->level));
	if (o->kind == TOPO_CPU) {
		json_object_set_new(j, "allowed", json_boolean(o->allowed));
		return j;
	}
	json_t *children = json_array();
	for (const struct topo_obj *c = o->first; c; c = c->next)
		json_array_append_new(children, object(c));
	json_object_set_new(j, "children", children);
	return j;
}

static json_t *distances(const struct hwloc_distances_s *d)
{
	if (!d)
		return json_null();
	json_t *nodes = json_array(), *rows = json_array();
	for (unsigned i = 0; i < d->nbobjs; i++) {
		json_t *row = json_array();
		for (unsigned j = 0; j < d->nbobjs; j++)
			json_array_append_new(
				row,
				json_integer((json_int_t)d->values[i * d->nbobjs + j]));
		json_array_append_new(nodes, json_integer(d->objs[i]->os_index));
		json_array_append_new(rows, row);
	}
	return json_pack("{soso}", "nodes", nodes, "rows", rows);
}

static json_t *threads(const struct topo_process *p)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < p->n_thread; i++) {
		const struct topo_thread *t = &p->thread[i];
		json_array_append_new(
			all, json_pack("{sssisssisosfsf}", "name", t->name, "tid", t->tid,
				       "state", topo_thread_state(t), "last_cpu", t->cpu,
				       "allowed_cpus", list(t->allowed), "user_seconds",
				       t->user, "system_seconds", t->system));
	}
	return all;
}

static json_t *rings(const struct topo_process *p)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < p->n_ring; i++) {
		const struct topo_ring *r = &p->ring[i];
		json_array_append_new(
			all, json_pack("{sisisisisiso}", "fd", r->fd, "sq_entries",
				       (int)r->sq_size, "cq_entries", (int)r->cq_size,
				       "sq_pending", (int)r->sq_pending, "cq_pending",
				       (int)r->cq_pending, "kernel_thread",
				       number_or_null(r->kernel_thread)));
	}
	return all;
}

static json_t *memory(const struct topo_process *p)
{
	json_t *all = json_array();

	if (!p->has_nodes) {
		json_decref(all);
		return json_null();
	}
	for (unsigned i = 0; i < p->n_memory; i++) {
		json_t *bytes = json_object();
		for (unsigned node = 0; node < TOPO_NODES; node++) {
			char key[16];
			snprintf(key, sizeof(key), "%u", node);
			if (p->memory[i].bytes[node])
				json_object_set_new(
					bytes, key,
					json_integer(
						(json_int_t)p->memory[i].bytes[node]));
		}
		json_array_append_new(all, json_pack("{ssso}", "name", p->memory[i].name,
						     "bytes_by_node", bytes));
	}
	return all;
}

static json_t *process(const struct topo_process *p)
{
	if (!p)
		return json_null();
	return json_pack("{sisssisosososb}", "pid", (int)p->pid, "name", p->name,
			 "threads", (int)p->n_threads, "workers", threads(p), "rings",
			 rings(p), "memory", memory(p), "memory_has_names",
			 (int)p->has_names);
}

int topo_print_json(FILE *out, const struct topo_machine *m, const struct topo_process *p)
{
	json_t *top = json_pack("{sssosososo}", "weft", weft_version(), "machine",
				object(m->root), "offline_cpus", list(m->offline),
				"distances", distances(m->matrix), "process", process(p));
	int rc = top ? json_dumpf(top, out, JSON_INDENT(1)) : -1;

	json_decref(top);
	fputs("\n", out);
	return rc;
}
