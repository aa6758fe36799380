/* SPDX-License-Identifier: MIT */
/* The text of `weft topo`: a tree with one line for each core, and tables below it. */
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "topo.h"

/* How to draw, where the locale has the characters and where it does not. */
struct style {
	const char *branch, *corner, *bar, *gap, *full, *light, *state[5];
};

static const struct style fancy = {
	"├─ ", "└─ ", "│  ", "   ", "█", "░", {"●", "○", "✖", "◌", "†"}};
static const struct style plain = {
	"|- ", "`- ", "|  ", "   ", "#", ".", {"*", "o", "X", "-", "+"}};

struct paint {
	FILE *out;
	const struct style *style;
	const struct topo_machine *m;
	const struct topo_process *p;
	uint64_t most; /* memory of the process on one node */
};

enum { BAR = 24, CPU_CELL = 11, WORKER_CELL = 12, DEPTH = 256 };

static const char *state_mark(const struct paint *a, const struct topo_thread *t)
{
	static const char *const name[] = {"running", "sleeping", "blocked", "stopped"};
	unsigned i = 0;

	while (i < 4 && strcmp(name[i], topo_thread_state(t)) != 0)
		i++;
	return a->style->state[i];
}

/* "2 packages, " */
static void count(const struct paint *a, unsigned n, const char *what, const char *after)
{
	fprintf(a->out, "%u %s%s%s", n, what, n == 1 ? "" : "s", after);
}

static void print_list(const struct paint *a, const char *before,
		       hwloc_const_bitmap_t set)
{
	char text[256];

	hwloc_bitmap_list_snprintf(text, sizeof(text), set);
	fprintf(a->out, "%s%s", before, text[0] ? text : "none");
}

static void print_machine(const struct paint *a)
{
	const unsigned *n = a->m->count;

	if (n[TOPO_PACKAGE])
		count(a, n[TOPO_PACKAGE], "package", ", ");
	count(a, n[TOPO_NODE], "NUMA node", ", ");
	count(a, n[TOPO_CORE], "core", ", ");
	count(a, n[TOPO_CPU], "CPU", "");
	if (!hwloc_bitmap_iszero(a->m->offline))
		print_list(a, "; offline: CPU ", a->m->offline);
	fputs("\n", a->out);
}

/* The part of n that is weft's in full cells, the rest's in light ones. */
static void print_bar(const struct paint *a, uint64_t weft, uint64_t rest)
{
	unsigned w = (unsigned)((double)weft / (double)a->most * BAR + 0.5),
		 all = (unsigned)((double)(weft + rest) / (double)a->most * BAR + 0.5);

	for (unsigned i = 0; i < all; i++)
		fputs(i < w ? a->style->full : a->style->light, a->out);
}

static void print_node(const struct paint *a, const struct topo_obj *o)
{
	char text[2][TOPO_BYTES_TEXT];

	fprintf(a->out, "  %s%s", o->bytes ? topo_bytes(text[0], o->bytes) : "no memory",
		o->first ? "" : ", no CPUs");
	if (!a->most)
		return;
	uint64_t weft = topo_memory_on(a->p, (unsigned)o->id, true),
		 rest = topo_memory_on(a->p, (unsigned)o->id, false);
	fprintf(a->out, "   weft %s, rest %s  ", topo_bytes(text[0], weft),
		topo_bytes(text[1], rest));
	print_bar(a, weft, rest);
}

/* Blanks up to a column, one at least. */
static int pad(const struct paint *a, int used, int to)
{
	return fprintf(a->out, "%*s", used < to ? to - used : 1, "");
}

static void print_cpu(const struct paint *a, const struct topo_obj *o)
{
	int used = fprintf(a->out, "  %cCPU %d", o->allowed ? ' ' : '-', o->id);

	for (unsigned i = 0; a->p && i < a->p->n_thread; i++) {
		const struct topo_thread *t = &a->p->thread[i];
		if (topo_thread_cpu(t) != o->id)
			continue;
		used += pad(a, used, CPU_CELL);
		fprintf(a->out, "%s ", state_mark(a, t));
		used += 2 + fprintf(a->out, "%s%s", t->name,
				    topo_thread_pinned(t) ? "" : "~");
	}
	if (o->next)
		pad(a, used, a->p ? CPU_CELL + WORKER_CELL : CPU_CELL);
}

static void print_obj(const struct paint *a, const struct topo_obj *o, const char *prefix)
{
	char label[TOPO_LABEL_TEXT], below[DEPTH];

	fprintf(a->out, "%s%s%-*s", prefix, o->next ? a->style->branch : a->style->corner,
		o->kind == TOPO_CORE ? 8 : 0, topo_label(label, o));
	if (o->kind == TOPO_NODE)
		print_node(a, o);
	for (const struct topo_obj *c = o->first; o->kind == TOPO_CORE && c; c = c->next)
		print_cpu(a, c);
	fputs("\n", a->out);
	snprintf(below, sizeof(below), "%s%s", prefix,
		 o->next ? a->style->bar : a->style->gap);
	for (const struct topo_obj *c = o->first; o->kind != TOPO_CORE && c; c = c->next)
		print_obj(a, c, below);
}

static void print_distances(const struct paint *a, const struct hwloc_distances_s *d)
{
	fputs("\ndistance from (row) to (column)\n      ", a->out);
	for (unsigned i = 0; i < d->nbobjs; i++)
		fprintf(a->out, " %5u", d->objs[i]->os_index);
	for (unsigned i = 0; i < d->nbobjs; i++) {
		fprintf(a->out, "\n %5u", d->objs[i]->os_index);
		for (unsigned j = 0; j < d->nbobjs; j++)
			fprintf(a->out, " %5llu",
				(unsigned long long)d->values[i * d->nbobjs + j]);
	}
	fputs("\n", a->out);
}

static void print_threads(const struct paint *a)
{
	fprintf(a->out, "\nprocess %d (%s): ", (int)a->p->pid, a->p->name);
	count(a, a->p->n_threads, "thread", ", ");
	fprintf(a->out, "%u of weft\n", a->p->n_thread);
	for (unsigned i = 0; i < a->p->n_thread; i++) {
		const struct topo_thread *t = &a->p->thread[i];
		fprintf(a->out,
			"%s %-14s tid %-8d ran on CPU %-4d %-8s user %8.2f s  "
			"system %8.2f s",
			state_mark(a, t), t->name, t->tid, t->cpu, topo_thread_state(t),
			t->user, t->system);
		print_list(a, "  allowed CPU ", t->allowed);
		fputs("\n", a->out);
	}
}

static void print_rings(const struct paint *a)
{
	for (unsigned i = 0; i < a->p->n_ring; i++) {
		const struct topo_ring *r = &a->p->ring[i];
		fprintf(a->out,
			"ring, fd %-6d %6u submissions (%u pending)  %6u completions (%u "
			"pending)",
			r->fd, r->sq_size, r->sq_pending, r->cq_size, r->cq_pending);
		if (r->kernel_thread >= 0)
			fprintf(a->out, "  polled by thread %d", r->kernel_thread);
		fputs("\n", a->out);
	}
}

/* A name without the number of its worker: how many characters. */
static int kind_length(const char *name)
{
	size_t n = strlen(name);

	while (n && strchr("0123456789", name[n - 1]))
		n--;
	return (int)(n && name[n - 1] == ' ' ? n - 1 : strlen(name));
}

/* Mappings i to end - 1 are of one kind. */
static void print_kind(const struct paint *a, unsigned i, unsigned end)
{
	const struct topo_memory *m = a->p->memory;
	char text[TOPO_BYTES_TEXT];

	fprintf(a->out, "memory, %-18.*s", kind_length(m[i].name), m[i].name);
	for (unsigned node = 0; node < TOPO_NODES; node++) {
		uint64_t sum = 0;
		for (unsigned j = i; j < end; j++)
			sum += m[j].bytes[node];
		if (sum)
			fprintf(a->out, "  node %u: %9s", node, topo_bytes(text, sum));
	}
	fputs("\n", a->out);
}

static void print_memory(const struct paint *a)
{
	const struct topo_memory *m = a->p->memory;
	unsigned end;

	if (!a->p->has_nodes)
		fputs("memory: this kernel tells nothing by nodes (CONFIG_NUMA)\n",
		      a->out);
	for (unsigned i = 0; i < a->p->n_memory; i = end) {
		int len = kind_length(m[i].name);
		for (end = i + 1; end < a->p->n_memory &&
				  kind_length(m[end].name) == len &&
				  !strncmp(m[i].name, m[end].name, (size_t)len);)
			end++;
		print_kind(a, i, end);
	}
	if (!a->p->has_names)
		fputs("Neither the kernel nor the process names its mappings: "
		      "all of weft's\nbut the rings is counted in the "
		      "rest.\n",
		      a->out);
}

int topo_print_text(FILE *out, const struct topo_machine *m, const struct topo_process *p)
{
	setlocale(LC_CTYPE, "");
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	struct paint a = {.out = out, .style = utf8 ? &fancy : &plain, .m = m, .p = p};

	for (unsigned node = 0; p && node < TOPO_NODES; node++) {
		uint64_t sum =
			topo_memory_on(p, node, true) + topo_memory_on(p, node, false);
		a.most = sum > a.most ? sum : a.most;
	}
	print_machine(&a);
	for (const struct topo_obj *o = m->root->first; o; o = o->next)
		print_obj(&a, o, "");
	if (m->matrix)
		print_distances(&a, m->matrix);
	if (p) {
		print_threads(&a);
		print_rings(&a);
		print_memory(&a);
	}
	return ferror(out) ? -1 : 0;
}
