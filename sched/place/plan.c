/* SPDX-License-Identifier: MIT */
/*
 * The plan: how many workers, and where each runs.
 *
 *   workers = CPUs   every CPU has one; with `auto` in ascending order
 *   workers < CPUs   choose.c picks the CPUs
 *   workers > CPUs   the CPUs are shared round robin
 *
 * where the CPUs are those that the policy takes of the allowed ones. A quota of 2.5 CPUs
 * gets three workers: two could not use it up. More would only take turns at being
 * throttled, each with its share of the queues.
 */
#include "place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "choose.h"
#include "policy.h"
#include "topo.h"

/* A plan in the making. */
struct maker {
	const struct wf_plan_ask *ask;
	struct wf_wish wish;
	struct wf_topo topo;
	struct wf_plan plan;
	unsigned *index; /* of CPUs in topo, those that the policy takes */
	unsigned n;
	char *err;
	size_t err_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct maker *m, const char *fmt,
							...)
{
	int n = snprintf(m->err, m->err_size, "WEFT_PLACE=%s: ", m->ask->place);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < m->err_size)
		vsnprintf(m->err + n, m->err_size - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void take_all(struct maker *m)
{
	for (m->n = 0; m->n < m->ask->n_allowed; m->n++)
		m->index[m->n] = m->n;
}

static void take_node(struct maker *m, int node)
{
	int at = wf_topo_node(&m->topo, node);

	for (unsigned i = 0; at >= 0 && i < m->ask->n_allowed; i++)
		if (m->topo.cpu[i].node == (unsigned)at)
			m->index[m->n++] = i;
}

static int take_listed(struct maker *m)
{
	m->index = realloc(m->index, (m->wish.n_cpu + 1) * sizeof(*m->index));
	if (!m->index)
		return -ENOMEM;
	for (unsigned i = 0; i < m->wish.n_cpu; i++) {
		unsigned at = 0;

		while (at < m->ask->n_allowed && m->topo.cpu[at].cpu != m->wish.cpu[i])
			at++;
		if (at == m->ask->n_allowed)
			return refuse(m,
				      "CPU %d does not exist, is offline, or is not "
				      "among those that this process may use (taskset, "
				      "numactl, cpuset)",
				      m->wish.cpu[i]);
		m->index[m->n++] = at;
	}
	return 0;
}

/* The allowed CPUs nearest to the device: of the node with the shortest way there. */
static void take_near(struct maker *m)
{
	const struct wf_topo *t = &m->topo;
	int at = wf_topo_node(t, m->wish.node);
	unsigned best = UINT32_MAX, node = 0;

	for (unsigned i = 0; at >= 0 && i < m->ask->n_allowed; i++) {
		unsigned far = wf_topo_far(t, (unsigned)at, t->cpu[i].node);

		if (far < best) {
			best = far;
			node = t->cpu[i].node;
		}
	}
	if (best == UINT32_MAX) {
		snprintf(m->plan.note, sizeof(m->plan.note),
			 "sysfs does not tell the node of %.64s: as auto",
			 m->wish.device);
		m->wish.policy = WF_POLICY_AUTO;
		take_all(m);
		return;
	}
	if (node != (unsigned)at)
		snprintf(m->plan.note, sizeof(m->plan.note),
			 "%.64s is on node %d, where no CPU is allowed: the nearest, %d, "
			 "is "
			 "taken",
			 m->wish.device, m->wish.node, t->node[node]);
	/* More workers than that node feeds go to the next ones. */
	if (!m->ask->workers)
		take_node(m, t->node[node]);
	else
		take_all(m);
}

static int take(struct maker *m)
{
	m->index = calloc(m->topo.n_cpus, sizeof(*m->index));
	if (!m->index)
		return -ENOMEM;
	switch (m->wish.policy) {
	case WF_POLICY_NODE:
		take_node(m, m->wish.node);
		if (!m->n)
			return refuse(m,
				      "this process may use no CPU of node %d (it does "
				      "not exist, has no CPUs, or taskset, numactl or a "
				      "cpuset forbids them)",
				      m->wish.node);
		return 0;
	case WF_POLICY_CPUS:
		return take_listed(m);
	case WF_POLICY_NEAR:
		take_near(m);
		return 0;
	default:
		take_all(m);
		return 0;
	}
}

static int thin_out(struct maker *m)
{
	int n = wf_choose_cores(&m->topo, m->index, m->n, m->ask->turn);

	if (n > 0)
		m->n = (unsigned)n;
	return n < 0 ? n : 0;
}

static unsigned count(const struct maker *m)
{
	unsigned milli = m->ask->quota_milli, feeds = milli / 1000 + (milli % 1000 != 0);

	if (m->ask->workers)
		return m->ask->workers;
	return milli && feeds < m->n ? feeds : m->n;
}

/* Who asked for a number of workers has none to come, unless it asked for that too. */
static unsigned count_places(const struct maker *m)
{
	const struct wf_plan_ask *ask = m->ask;
	unsigned most = ask->most ? ask->most : ask->workers ? ask->workers : m->n;

	return most > m->plan.n_start ? most : m->plan.n_start;
}

/* CPUs that are not allowed come last: a cpuset may let us have them later. */
static void take_later(struct maker *m)
{
	const enum wf_policy policy = m->wish.policy;

	if (policy != WF_POLICY_AUTO && policy != WF_POLICY_COMPACT &&
	    policy != WF_POLICY_SPREAD && policy != WF_POLICY_LLC)
		return;
	for (unsigned i = m->ask->n_allowed; i < m->topo.n_cpus; i++)
		m->index[m->n++] = i;
}

/* Whether the policy's own order matters. */
static bool ordered(const struct maker *m)
{
	return m->wish.policy != WF_POLICY_CPUS &&
	       (m->wish.policy != WF_POLICY_AUTO || m->plan.n_start < m->n);
}

static void place(struct maker *m)
{
	const struct wf_topo *t = &m->topo;

	for (unsigned i = 0; i < m->plan.n_workers; i++) {
		const struct wf_topo_cpu *c = &t->cpu[m->index[i % m->n]];
		struct wf_place *p = &m->plan.place[i];

		*p = (struct wf_place){.cpu = c->cpu,
				       .node = t->node[c->node],
				       .core = c->core,
				       .cache = c->cache,
				       .package = c->package,
				       .later = m->index[i % m->n] >= m->ask->n_allowed,
				       .shared = i >= m->n};
		for (unsigned j = 0; j < i && j < m->n && !p->sibling; j++)
			p->sibling = m->plan.place[j].core == c->core;
	}
}

/* llc: each is bound to all CPUs that it could have had below its cache. */
static int widen(struct maker *m)
{
	const struct wf_topo *t = &m->topo;
	unsigned used = 0;

	m->plan.mask = calloc(m->n, sizeof(*m->plan.mask));
	if (!m->plan.mask)
		return -ENOMEM;
	for (unsigned cache = 0; cache < t->n_caches; cache++) {
		unsigned from = used;

		for (unsigned i = 0; i < m->n; i++)
			if (t->cpu[m->index[i]].cache == cache)
				m->plan.mask[used++] = t->cpu[m->index[i]].cpu;
		for (unsigned i = 0; i < m->plan.n_workers; i++)
			if (m->plan.place[i].cache == cache) {
				m->plan.place[i].mask = m->plan.mask + from;
				m->plan.place[i].n_mask = used - from;
			}
	}
	return 0;
}

/* Number the nodes that workers are on, in the order of the first worker of each. */
static void number_homes(struct maker *m)
{
	struct wf_plan *p = &m->plan;

	for (unsigned i = 0; i < p->n_workers; i++) {
		int home = wf_plan_home(p, p->place[i].node);

		if (home < 0 && p->n_homes < WF_HOMES_MAX) {
			home = (int)p->n_homes++;
			p->node[home] = p->place[i].node;
		}
		p->place[i].home = home < 0 ? WF_HOMES_MAX - 1 : (unsigned)home;
	}
}

static void list_homes(struct wf_plan *p)
{
	unsigned n = 0;

	for (unsigned home = 0; home < p->n_homes; home++) {
		p->first[home] = n;
		for (unsigned i = 0; i < p->n_workers; i++)
			if (p->place[i].home == home)
				p->by_home[n++] = i;
	}
	p->first[p->n_homes] = n;
}

/* The node nearest to `node` that may give us memory; -1: there is nothing to choose from. */
static int memory_near(const struct maker *m, int node)
{
	const struct wf_topo *t = &m->topo;
	int from = wf_topo_node(t, node), best = -1;
	unsigned n = 0, nearest = UINT32_MAX;

	for (unsigned i = 0; from >= 0 && i < t->n_nodes; i++) {
		unsigned far = wf_topo_far(t, (unsigned)from, i);

		if (!wf_outside_gives(&m->plan.outside, t->node[i]))
			continue;
		n++;
		if (far < nearest) {
			nearest = far;
			best = t->node[i];
		}
	}
	return n > 1 ? best : -1;
}

static int make_homes(struct maker *m)
{
	struct wf_plan *p = &m->plan;
	const struct wf_topo *t = &m->topo;

	p->node = calloc(WF_HOMES_MAX, sizeof(*p->node));
	p->first = calloc(WF_HOMES_MAX + 1, sizeof(*p->first));
	p->by_home = calloc(p->n_workers, sizeof(*p->by_home));
	if (!p->node || !p->first || !p->by_home)
		return -ENOMEM;
	number_homes(m);
	list_homes(p);
	p->mem = calloc(p->n_homes, sizeof(*p->mem));
	p->far = calloc((size_t)p->n_homes * p->n_homes, sizeof(*p->far));
	if (!p->mem || !p->far)
		return -ENOMEM;
	for (unsigned i = 0; i < p->n_homes; i++)
		p->mem[i] = memory_near(m, p->node[i]);
	for (unsigned i = 0; i < p->n_homes * p->n_homes; i++) {
		int from = wf_topo_node(t, p->node[i / p->n_homes]);
		int to = wf_topo_node(t, p->node[i % p->n_homes]);

		p->far[i] = (uint16_t)(from < 0 || to < 0
					       ? 10
					       : (int)wf_topo_far(t, (unsigned)from,
								  (unsigned)to));
	}
	return 0;
}

/* Workers that the kernel moves about: nothing is known of where they are. */
static void loosen(struct wf_plan *p)
{
	for (unsigned i = 0; i < p->n_workers; i++)
		p->place[i] = (struct wf_place){.cpu = -1, .node = -1, .core = i};
}

static int make(struct maker *m)
{
	const struct wf_plan_ask *ask = m->ask;
	struct wf_plan *p = &m->plan;
	int rc = wf_wish_parse(ask->root, ask->place, &m->wish, m->err, m->err_size);

	if (!rc)
		rc = wf_topo_load(ask->root, ask->allowed, ask->n_allowed + ask->n_later,
				  &m->topo);
	if (!rc)
		rc = take(m);
	if (!rc && !m->n)
		rc = -EINVAL; /* there is no CPU at all */
	if (!rc && m->wish.policy == WF_POLICY_CORE)
		rc = thin_out(m);
	if (rc)
		return rc;
	p->policy = m->wish.policy;
	p->n_start = count(m);
	if (ordered(m))
		rc = wf_choose(&m->topo, &m->wish, m->index, m->n, p->n_start, ask->turn);
	if (rc)
		return rc;
	take_later(m);
	p->n_workers = count_places(m);
	p->place = calloc(p->n_workers, sizeof(*p->place));
	if (!p->place)
		return -ENOMEM;
	place(m);
	if (p->policy == WF_POLICY_LLC)
		rc = widen(m);
	if (ask->loose)
		loosen(p);
	return rc ? rc : make_homes(m);
}

int wf_plan_of(const struct wf_plan_ask *ask, struct wf_plan *ret_plan, char *err,
	       size_t err_size)
{
	struct maker m = {.ask = ask, .err = err, .err_size = err_size};

	m.plan.n_allowed = ask->n_allowed;
	m.plan.quota_milli = ask->quota_milli;
	if (ask->outside)
		m.plan.outside = *ask->outside;
	snprintf(m.plan.asked, sizeof(m.plan.asked), "%s",
		 ask->place && *ask->place ? ask->place : "auto");
	int rc = make(&m);

	wf_wish_fini(&m.wish);
	wf_topo_fini(&m.topo);
	free(m.index);
	if (rc)
		wf_plan_fini(&m.plan);
	else
		*ret_plan = m.plan;
	return rc;
}

/* Any number that differs between processes that start together. Must not block. */
static uint32_t turn_pick(void)
{
	uint32_t turn;
	struct timespec now;

	if (getrandom(&turn, sizeof(turn), GRND_NONBLOCK) == (ssize_t)sizeof(turn))
		return turn;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)getpid() * 2654435761u ^ (uint32_t)now.tv_nsec;
}

static bool is_in(const int *cpu, unsigned n, int wanted)
{
	while (n > 0 && cpu[n - 1] != wanted)
		n--;
	return n > 0;
}

/* Behind the allowed CPUs, for who did not ask for a number of workers. */
static int add_later(struct wf_plan_ask *ask, int **cpu)
{
	struct wf_cpulist online;
	int rc = wf_cpuset_online(ask->root, &online);
	int *all = rc ? NULL : realloc(*cpu, (ask->n_allowed + online.n) * sizeof(*all));

	if (!rc && !all)
		rc = -ENOMEM;
	for (unsigned i = 0; !rc && i < online.n; i++)
		if (!is_in(all, ask->n_allowed, online.cpu[i]))
			all[ask->n_allowed + ask->n_later++] = online.cpu[i];
	if (all)
		*cpu = all;
	wf_cpulist_fini(&online);
	return rc;
}

int wf_plan_make(const struct wf_plan_ask *ask, struct wf_plan *ret_plan, char *err,
		 size_t err_size)
{
	struct wf_plan_ask full = *ask;
	struct wf_outside outside;
	int *cpu = NULL;
	int rc = wf_cpuset_allowed(&cpu, &full.n_allowed);

	full.root = "";
	full.n_later = 0;
	if (rc == 0 && !ask->workers && !ask->loose)
		rc = add_later(&full, &cpu);
	if (rc == 0)
		rc = wf_quota_read("", &full.quota_milli);
	if (rc == 0) {
		wf_outside_read(&outside);
		full.allowed = cpu;
		full.turn = turn_pick();
		full.outside = &outside;
		rc = wf_plan_of(&full, ret_plan, err, err_size);
	}
	free(cpu);
	return rc;
}

void wf_plan_fini(struct wf_plan *plan)
{
	free(plan->place);
	free(plan->node);
	free(plan->mem);
	free(plan->first);
	free(plan->by_home);
	free(plan->far);
	free(plan->mask);
	*plan = (struct wf_plan){0};
}

int wf_plan_home(const struct wf_plan *plan, int node)
{
	for (unsigned i = 0; i < plan->n_homes; i++)
		if (plan->node[i] == node)
			return (int)i;
	return -EINVAL;
}
