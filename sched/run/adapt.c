/* SPDX-License-Identifier: MIT */
#include "adapt.h"

#include <stdlib.h>

#include "width.h"

enum {
	DEFAULT_MS = 1000,
	CALM_LOOKS = 10,
	FEW_PERIODS = 4, /* too few to tell anything */
};

static struct wf_fit fit;

/* Whoever chose a number of workers has chosen. */
uint64_t wf_adapt_period_ns(void)
{
	const struct wf_conf *c = &wf_rt.conf;
	long ms = c->adapt_ms ? c->adapt_ms : c->workers ? -1 : DEFAULT_MS;

	return ms > 0 ? (uint64_t)ms * 1000000 : 0;
}

static bool throttled(struct wf_fit *f, const struct wf_strain *s)
{
	uint64_t periods = s->periods - f->periods, n = s->throttled - f->throttled;

	if (s->periods >= f->periods && periods < FEW_PERIODS)
		return false;
	f->periods = s->periods;
	f->throttled = s->throttled;
	return n <= periods && n * 4 > periods; /* else the group is another one */
}

unsigned wf_fit(struct wf_fit *f, unsigned allowed, const struct wf_strain *s,
		long pressure)
{
	const unsigned milli = s->quota_milli, up = (milli + 999) / 1000;
	const unsigned most = milli && up < allowed ? up : allowed;
	unsigned least = milli && up <= allowed ? milli / 1000 : most / 2;

	least = least ? least : 1;
	if (most > f->most && f->most)
		f->width = most;
	f->most = most;
	if (throttled(f, s) || (pressure > 0 && s->pressure > (unsigned long)pressure)) {
		f->calm = 0;
		f->width -= f->width > least;
	} else if (f->calm < CALM_LOOKS) {
		f->calm++;
	} else {
		f->width++;
		f->calm = 0;
	}
	if (f->width > most)
		f->width = most;
	return f->width;
}

static bool is_allowed(const struct wf_worker *w, const int *cpu, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (cpu[i] == w->place.cpu)
			return true;
	return w->place.cpu < 0; /* not bound */
}

/* How many slots have a CPU that is allowed now. */
static unsigned see_cpus(void)
{
	unsigned n_cpus = 0, n = 0;
	int *cpu = NULL;

	if (wf_cpuset_allowed(&cpu, &n_cpus))
		return 0;
	for (unsigned i = 0; i < wf_rt.n_workers; i++) {
		struct wf_worker *w = wf_rt.workers[i];
		bool may = is_allowed(w, cpu, n_cpus);

		wf_atomic_store_relaxed(&w->allowed, (uint32_t)may); /* LW3 relaxed */
		n += may;
	}
	free(cpu);
	return n;
}

void wf_adapt_open(void)
{
	fit = (struct wf_fit){.width = wf_rt.plan.n_start};
}

void wf_adapt_look(void)
{
	struct wf_strain s;
	unsigned allowed = see_cpus();

	if (allowed && !wf_strain_read("", &s))
		wf_width_apply(wf_fit(&fit, allowed, &s, wf_rt.conf.adapt_pressure));
}
