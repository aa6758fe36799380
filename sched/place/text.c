/* SPDX-License-Identifier: MIT */
#include <numaif.h>
#include <stdarg.h>
#include <stdio.h>

#include "place.h"

struct out {
	char *buf;
	size_t size, at; /* at: as if there were no end */
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	size_t left = o->at < o->size ? o->size - o->at : 0;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(left ? o->buf + o->at : NULL, left, fmt, ap);
	va_end(ap);
	o->at += n > 0 ? (size_t)n : 0;
}

static const char *mode_name(int mode)
{
	static const char *const names[] = {
		"default",        "preferred",          "bind", "interleave", "local",
		"preferred-many", "weighted-interleave"};

	return mode >= 0 && (size_t)mode < sizeof(names) / sizeof(names[0]) ? names[mode]
									    : "unknown";
}

static void put_memory(struct out *o, const struct wf_plan *p)
{
	if (p->outside.mode != MPOL_DEFAULT)
		put(o, "memory: policy %s%s%s, set from outside: it wins\n",
		    mode_name(p->outside.mode), p->outside.nodes[0] ? " of nodes " : "",
		    p->outside.nodes);
	else if (p->n_homes == 1 && p->mem[0] < 0)
		put(o, "memory: of the only node that has any for us\n");
	else
		put(o, "memory: of each worker's node\n");
	if (p->outside.mems[0])
		put(o, "nodes with memory for this process: %s\n", p->outside.mems);
}

static void put_cpus(struct out *o, const struct wf_plan *p)
{
	put(o, "CPUs: %u allowed", p->n_allowed);
	if (p->outside.n_online > p->n_allowed)
		put(o, " of %u, by taskset, numactl or a cpuset", p->outside.n_online);
	if (p->quota_milli)
		put(o, ", quota %u.%03u", p->quota_milli / 1000, p->quota_milli % 1000);
	put(o, "\n");
}

static void put_worker(struct out *o, const struct wf_plan *p, unsigned i)
{
	const struct wf_place *w = &p->place[i];
	const char *why = w->n_mask > 1 ? "bound to all CPUs below the cache"
			  : w->shared   ? "shares its CPU"
			  : w->sibling  ? "shares its core"
					: "a core of its own";

	if (w->cpu < 0) {
		put(o, "%6u  not bound\n", i);
		return;
	}
	put(o, "%6u  %4d  %4u  %5u  %4d  %7u  %s\n", i, w->cpu, w->core, w->cache,
	    w->node, w->package, why);
}

int wf_plan_text(const struct wf_plan *p, char *buf, size_t size)
{
	struct out o = {.buf = buf, .size = size};

	if (size)
		buf[0] = '\0';
	put(&o, "placement: %s\n", p->asked);
	if (p->note[0])
		put(&o, "note: %s\n", p->note);
	put_cpus(&o, p);
	put_memory(&o, p);
	put(&o, "worker   cpu  core  cache  node  package\n");
	for (unsigned i = 0; i < p->n_workers; i++) {
		if (i == p->n_start)
			put(&o, "places for more:\n");
		put_worker(&o, p, i);
	}
	return (int)o.at;
}
