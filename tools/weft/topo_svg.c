/* SPDX-License-Identifier: MIT */
/*
 * The drawing of `weft topo`: boxes in boxes. Each box is first given its size from those
 * inside it (measure), then its place (arrange), then it is drawn. Colours are classes, with
 * a second set for who prefers a dark background.
 */
#include <string.h>

#include "topo.h"

enum {
	PAD = 8,
	HEAD = 20, /* a line of text above what is inside a box */
	BAR = 10,
	CPU_WIDE = 66,
	MARK = 16, /* a worker */
	LINE = 18, /* a row of the legend */
	LEGEND_WIDE = 560,
};

struct draw {
	FILE *out;
	const struct topo_machine *m;
	const struct topo_process *p;
	uint64_t most; /* the longest bar */
};

static const char style[] =
	"<style>\n"
	"svg{background:#fff}\n"
	"text{font:12px system-ui,sans-serif;fill:#1f2933}\n"
	".small{font-size:10.5px}.title{font-size:15px;font-weight:600}\n"
	"rect{stroke-width:1}\n"
	".machine{fill:#fff;stroke:none}\n"
	".package{fill:#f4f6f8;stroke:#9aa5b1}\n"
	".node{fill:#e9f1fb;stroke:#7ba2d1}\n"
	".cache{fill:#fbf6e6;stroke:#cdb267}\n"
	".core{fill:#fff;stroke:#b8c1cb}\n"
	".cpu{fill:#f4f6f8;stroke:#cbd2d9}\n"
	".off{stroke-dasharray:3 2;opacity:.5}\n"
	".bar{fill:#fff;stroke:#7ba2d1}.rest{fill:#a9b8c9}.weft{fill:#d9622b}\n"
	".worker{stroke:none}.loose{stroke:#1f2933;stroke-dasharray:3 2}\n"
	".running{fill:#2f9e61}.sleeping{fill:#3d7fc4}.blocked{fill:#c93a3a}\n"
	".stopped,.ended{fill:#7b8794}\n"
	".onmark{fill:#fff;font-weight:600;font-size:10.5px}\n"
	"@media(prefers-color-scheme:dark){svg{background:#15191e}\n"
	"text{fill:#e4e7eb}.machine{fill:#15191e}.package{fill:#1d232a;stroke:#52606d}\n"
	".node{fill:#1b2838;stroke:#4a6f9c}.cache{fill:#2b2718;stroke:#8a7637}\n"
	".core{fill:#15191e;stroke:#52606d}.cpu{fill:#232a32;stroke:#3e4c59}\n"
	".bar{fill:#15191e;stroke:#4a6f9c}.rest{fill:#66788a}.loose{stroke:#e4e7eb}\n"
	".onmark{fill:#fff}}\n"
	"</style>\n";

static int max(int a, int b)
{
	return a > b ? a : b;
}

static void escaped(const struct draw *d, const char *text)
{
	for (; *text; text++)
		if (strchr("<>&\"", *text))
			fprintf(d->out, "&#%d;", *text);
		else
			fputc(*text, d->out);
}

static void words(const struct draw *d, int x, int y, const char *class, const char *text)
{
	fprintf(d->out, "<text x='%d' y='%d' class='%s'>", x, y, class);
	escaped(d, text);
	fputs("</text>\n", d->out);
}

static void box(const struct draw *d, int x, int y, int w, int h, int round,
		const char *class)
{
	fprintf(d->out,
		"<rect x='%d' y='%d' width='%d' height='%d' rx='%d' class='%s'/>\n", x, y,
		w, h, round, class);
}

/* The i-th worker that is shown at this CPU, or NULL. */
static const struct topo_thread *worker_at(const struct draw *d, int cpu, unsigned i)
{
	for (unsigned k = 0; d->p && k < d->p->n_thread; k++)
		if (topo_thread_cpu(&d->p->thread[k]) == cpu && !i--)
			return &d->p->thread[k];
	return NULL;
}

static uint64_t node_bytes(const struct draw *d, const struct topo_obj *o)
{
	if (!d->p)
		return o->bytes;
	return topo_memory_on(d->p, (unsigned)o->id, true) +
	       topo_memory_on(d->p, (unsigned)o->id, false);
}

/* ---- sizes and places ---- */

static unsigned children(const struct topo_obj *o)
{
	unsigned n = 0;

	for (const struct topo_obj *c = o->first; c; c = c->next)
		n++;
	return n;
}

/* CPUs of a core side by side; anything else in a block that is wider than high. */
static unsigned columns(const struct topo_obj *o)
{
	unsigned n = children(o), c = 1;

	if (o->kind == TOPO_CORE)
		return n;
	if (n <= 2)
		return n;
	while (c * c < n)
		c++;
	return c;
}

/* A node's bar stands below its name and, with a process, a second line. */
static int bar_top(const struct draw *d)
{
	return d->p ? 2 * HEAD - 4 : HEAD + 2;
}

static int head(const struct draw *d, const struct topo_obj *o)
{
	if (o->kind == TOPO_MACHINE)
		return 2 * HEAD;
	return o->kind == TOPO_NODE ? bar_top(d) + BAR + 4 : HEAD;
}

/* A row's height, or a column's width: the largest of what is in it. */
static int row_height(const struct topo_obj *c, unsigned n)
{
	int h = 0;

	for (; c && n--; c = c->next)
		h = max(h, c->h);
	return h;
}

static int column_width(const struct topo_obj *c, unsigned column, unsigned n)
{
	int w = 0;

	for (unsigned i = 0; c; c = c->next, i++)
		if (i % n == column)
			w = max(w, c->w);
	return w;
}

static int narrowest(const struct topo_obj *o)
{
	if (o->kind == TOPO_MACHINE)
		return LEGEND_WIDE;
	return o->kind == TOPO_NODE ? 190 : CPU_WIDE + 2 * PAD;
}

static void measure(const struct draw *d, struct topo_obj *o)
{
	unsigned n = 0, cols = columns(o);

	for (struct topo_obj *c = o->first; c; c = c->next)
		measure(d, c);
	if (o->kind == TOPO_CPU) {
		while (worker_at(d, o->id, n))
			n++;
		o->w = CPU_WIDE;
		o->h = HEAD + (MARK + 3) * max((int)n, d->p != NULL) + 4;
		return;
	}
	o->w = PAD;
	for (unsigned i = 0; i < cols; i++)
		o->w += column_width(o->first, i, cols) + PAD;
	o->w = max(o->w, narrowest(o));
	o->h = head(d, o) + (o->first ? PAD : 0);
	for (struct topo_obj *c = o->first; c;) {
		o->h += row_height(c, cols) + PAD;
		for (unsigned i = 0; c && i < cols; i++)
			c = c->next;
	}
}

static void arrange(const struct draw *d, struct topo_obj *o, int x, int y)
{
	unsigned cols = columns(o), i = 0;
	int at_x = x + PAD, at_y = y + head(d, o) + PAD / 2;

	o->x = x;
	o->y = y;
	for (struct topo_obj *c = o->first; c; c = c->next, i++) {
		if (i && i % cols == 0) {
			at_x = x + PAD;
			at_y += PAD;
		}
		arrange(d, c, at_x, at_y);
		at_x += column_width(o->first, i % cols, cols) + PAD;
		if (i % cols == cols - 1) { /* the row ends: from its first on */
			struct topo_obj *r = o->first;
			for (unsigned k = 0; k < i + 1 - cols; k++)
				r = r->next;
			at_y += row_height(r, cols);
		}
	}
}

/* ---- drawing ---- */

static void draw_worker(const struct draw *d, const struct topo_thread *t, int x, int y,
			int w)
{
	char class[48];

	snprintf(class, sizeof(class), "worker %s%s", topo_thread_state(t),
		 topo_thread_pinned(t) ? "" : " loose");
	box(d, x, y, w, MARK, MARK / 2, class);
	fprintf(d->out, "<text x='%d' y='%d' class='onmark' text-anchor='middle'>",
		x + w / 2, y + 12);
	escaped(d, !strcmp(t->name, "weft/monitor") ? "monitor" : t->name);
	fputs("</text>\n", d->out);
}

static void draw_bar(const struct draw *d, const struct topo_obj *o)
{
	int x = o->x + PAD, y = o->y + bar_top(d), w = o->w - 2 * PAD;
	double unit = d->most ? (double)w / (double)d->most : 0;
	int all = (int)((double)node_bytes(d, o) * unit + 0.5), weft = 0;

	if (d->p)
		weft = (int)((double)topo_memory_on(d->p, (unsigned)o->id, true) * unit +
			     0.5);
	box(d, x, y, w, BAR, 3, "bar");
	box(d, x, y, all, BAR, 3, "rest");
	if (weft)
		box(d, x, y, weft, BAR, 3, "weft");
}

static void draw_node(const struct draw *d, const struct topo_obj *o)
{
	char text[2][TOPO_BYTES_TEXT], label[TOPO_LABEL_TEXT], line[160];

	snprintf(line, sizeof(line), "%s: %s%s", topo_label(label, o),
		 o->bytes ? topo_bytes(text[0], o->bytes) : "no memory",
		 o->first ? "" : ", no CPUs");
	words(d, o->x + PAD, o->y + 15, "label", line);
	if (d->p) {
		snprintf(line, sizeof(line), "weft %s, rest %s",
			 topo_bytes(text[0], topo_memory_on(d->p, (unsigned)o->id, true)),
			 topo_bytes(text[1],
				    topo_memory_on(d->p, (unsigned)o->id, false)));
		words(d, o->x + PAD, o->y + 31, "small", line);
	}
	draw_bar(d, o);
}

static void draw_cpu(const struct draw *d, const struct topo_obj *o)
{
	const struct topo_thread *t;

	for (unsigned i = 0; (t = worker_at(d, o->id, i)); i++)
		draw_worker(d, t, o->x + 4, o->y + HEAD + (MARK + 3) * (int)i, o->w - 8);
}

static void draw_obj(const struct draw *d, const struct topo_obj *o)
{
	static const char *const class[] = {"machine", "package", "node",
					    "cache",   "core",    "cpu"};
	char label[TOPO_LABEL_TEXT];

	if (o->kind != TOPO_MACHINE)
		box(d, o->x, o->y, o->w, o->h, 5,
		    o->kind == TOPO_CPU && !o->allowed ? "cpu off" : class[o->kind]);
	if (o->kind == TOPO_NODE)
		draw_node(d, o);
	else if (o->kind != TOPO_MACHINE)
		words(d, o->x + PAD, o->y + 15, o->kind >= TOPO_CORE ? "small" : "label",
		      topo_label(label, o));
	if (o->kind == TOPO_CPU)
		draw_cpu(d, o);
	for (const struct topo_obj *c = o->first; c; c = c->next)
		draw_obj(d, c);
}

/* ---- the title and the legend ---- */

static void draw_title(const struct draw *d)
{
	char line[160];

	if (d->p)
		snprintf(line, sizeof(line),
			 "%s, process %d: %u of %u threads are weft's, "
			 "%u ring%s",
			 d->p->name, (int)d->p->pid, d->p->n_thread, d->p->n_threads,
			 d->p->n_ring, d->p->n_ring == 1 ? "" : "s");
	else
		snprintf(line, sizeof(line), "%u NUMA node%s, %u cores, %u CPUs",
			 d->m->count[TOPO_NODE], d->m->count[TOPO_NODE] == 1 ? "" : "s",
			 d->m->count[TOPO_CORE], d->m->count[TOPO_CPU]);
	words(d, PAD, 24, "title", line);
}

static void legend_mark(const struct draw *d, int x, int y, const char *class,
			const char *what)
{
	box(d, x, y - 10, 12, 12, 3, class);
	words(d, x + 18, y, "small", what);
}

static int legend_rows(const struct draw *d)
{
	return (d->p ? 2 + !d->p->has_names : 1) + !hwloc_bitmap_iszero(d->m->offline);
}

static void draw_legend(const struct draw *d, int y)
{
	char offline[200], line[256];

	if (d->p) {
		legend_mark(d, PAD, y, "running", "running");
		legend_mark(d, 90, y, "sleeping", "sleeping");
		legend_mark(d, 172, y, "blocked", "blocked");
		legend_mark(d, 254, y, "bar loose", "not pinned");
		legend_mark(d, 350, y, "cpu off", "not allowed");
		y += LINE;
		legend_mark(d, PAD, y, "weft", "memory of weft's own mappings and rings");
		legend_mark(d, 280, y, "rest", "the rest of the process");
	} else {
		legend_mark(d, PAD, y, "rest", "memory of a node");
		legend_mark(d, 172, y, "cpu off", "not allowed");
	}
	y += LINE;
	if (d->p && !d->p->has_names) {
		words(d, PAD, y, "small",
		      "This kernel gives mappings no names: only the rings are told from "
		      "the rest.");
		y += LINE;
	}
	if (hwloc_bitmap_iszero(d->m->offline))
		return;
	hwloc_bitmap_list_snprintf(offline, sizeof(offline), d->m->offline);
	snprintf(line, sizeof(line), "offline: CPU %s", offline);
	words(d, PAD, y, "small", line);
}

static void find_most(struct draw *d, const struct topo_obj *o)
{
	if (o->kind == TOPO_NODE && node_bytes(d, o) > d->most)
		d->most = node_bytes(d, o);
	for (const struct topo_obj *c = o->first; c; c = c->next)
		find_most(d, c);
}

int topo_print_svg(FILE *out, const struct topo_machine *m, const struct topo_process *p)
{
	struct draw d = {.out = out, .m = m, .p = p};
	struct topo_obj *root = m->root;

	find_most(&d, root);
	measure(&d, root);
	arrange(&d, root, 0, 0);
	int h = root->h + LINE * legend_rows(&d) + PAD;
	fprintf(out,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
		"viewBox='0 0 "
		"%d %d'>\n%s",
		root->w, h, root->w, h, style);
	box(&d, 0, 0, root->w, h, 0, "machine");
	draw_title(&d);
	draw_obj(&d, root);
	draw_legend(&d, root->h + LINE - 4);
	fputs("</svg>\n", out);
	return ferror(out) ? -1 : 0;
}
