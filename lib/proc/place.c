/* SPDX-License-Identifier: MIT */
/* On which CPUs and nodes workers are. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pool.h"
#include "weft/place.h"

/* "0-3,8" */
static int parse_cpus(const char *text, cpu_set_t *set)
{
	CPU_ZERO(set);
	while (*text && *text != '\n') {
		char *end;
		unsigned long a = strtoul(text, &end, 10), b = a;
		if (end == text)
			return -EINVAL;
		if (*end == '-')
			b = strtoul(end + 1, &end, 10);
		if (b < a || b >= CPU_SETSIZE || (*end && *end != ',' && *end != '\n'))
			return -EINVAL;
		for (; a <= b; a++)
			CPU_SET(a, set);
		text = *end == ',' ? end + 1 : end;
	}
	return 0;
}

static int cpus_of_node(int node, cpu_set_t *set)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -EINVAL;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return parse_cpus(text, set);
}

static int as_told(const struct weft_job_pool_options *o, struct wf_wire_setup *s)
{
	int rc = 0;

	if (o->node < 0 || o->node > (int)sizeof(s->nodes) * 8)
		return -EINVAL;
	if (o->node) {
		unsigned n = (unsigned)o->node - 1;
		s->nodes[n / 64] |= 1ull << n % 64;
		rc = cpus_of_node((int)n, &s->cpus);
	}
	return !rc && o->cpus ? parse_cpus(o->cpus, &s->cpus) : rc;
}

/* Those that were told, or else the program's: this thread may have fewer. */
static bool allowed(const struct wf_wire_setup *s, cpu_set_t *set)
{
	if (CPU_COUNT(&s->cpus)) {
		*set = s->cpus;
		return true;
	}
	return !sched_getaffinity(getpid(), sizeof(*set), set);
}

/* Without the CPUs on which coroutines run, if that leaves any. */
static void keep_apart(struct wf_wire_setup *s)
{
	struct weft_place at = {.size = sizeof(at)};
	cpu_set_t set;

	if (!allowed(s, &set))
		return;
	for (unsigned i = 0; !weft_place_get(i, &at); i++)
		if (at.cpu >= 0 && at.cpu < CPU_SETSIZE)
			CPU_CLR(at.cpu, &set);
	if (CPU_COUNT(&set))
		s->cpus = set;
}

/* All nodes that have CPUs for us; if there is none, as without. */
static void spread(struct wf_wire_setup *s)
{
	cpu_set_t set, ours;

	if (!allowed(s, &ours))
		return;
	for (int node = 0; node < (int)sizeof(s->nodes) * 8 && s->n_spread < WF_NODES_MAX;
	     node++) {
		if (cpus_of_node(node, &set))
			continue;
		CPU_AND(&set, &set, &ours);
		if (!CPU_COUNT(&set))
			continue;
		s->spread[s->n_spread].node = node;
		s->spread[s->n_spread++].cpus = set;
	}
}

int wf_place_workers(const struct weft_job_pool_options *o, struct wf_wire_setup *s)
{
	int rc = as_told(o, s);

	if (rc || (o->node && o->flags & WEFT_JOB_NODES))
		return rc ? rc : -EINVAL;
	if (o->flags & WEFT_JOB_APART)
		keep_apart(s);
	if (o->flags & WEFT_JOB_NODES)
		spread(s);
	return 0;
}

int wf_place_of_hand(const struct wf_wire_setup *s, uint32_t index)
{
	return s->n_spread ? s->spread[index % s->n_spread].node : -1;
}

int wf_place_of_data(const void *at)
{
	int node = -1;

	if (!at ||
	    syscall(SYS_get_mempolicy, &node, NULL, 0, at, MPOL_F_NODE | MPOL_F_ADDR))
		return -1;
	return node;
}
