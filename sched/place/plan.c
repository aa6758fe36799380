/* SPDX-License-Identifier: MIT */
/*
 * The plan: how many workers, and where each runs.
 *
 *   workers = CPUs   every CPU has one
 *   workers < CPUs   choose.c picks the CPUs
 *   workers > CPUs   the CPUs are shared round robin
 *
 * A quota of 2.5 CPUs gets three workers: two could not use it up. More would only take
 * turns at being throttled, each with its share of the queues.
 */
#include "place.h"

#include <errno.h>
#include <numa.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static unsigned count(unsigned asked, unsigned n_allowed, unsigned quota_milli)
{
	unsigned feeds = quota_milli / 1000 + (quota_milli % 1000 != 0);

	if (asked)
		return asked;
	return quota_milli && feeds < n_allowed ? feeds : n_allowed;
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

/* libnuma reads sysfs only; far cheaper than a topology. */
static void share(const int *cpu, unsigned n_cpu, unsigned n, struct wf_place *place)
{
	bool known = numa_available() >= 0;

	for (unsigned i = 0; i < n; i++) {
		place[i].cpu = cpu[i % n_cpu];
		place[i].node = known ? numa_node_of_cpu(place[i].cpu) : -1;
	}
}

int wf_plan_make(unsigned asked_workers, struct wf_plan *ret_plan)
{
	struct wf_plan p = {0};
	int *cpu = NULL;
	int rc = wf_cpuset_allowed(&cpu, &p.n_allowed);

	if (rc == 0)
		rc = wf_quota_read("", &p.quota_milli);
	if (rc < 0)
		goto out;
	p.n_workers = count(asked_workers, p.n_allowed, p.quota_milli);
	p.place = calloc(p.n_workers, sizeof(*p.place));
	if (!p.place)
		rc = -ENOMEM;
	else if (p.n_workers < p.n_allowed)
		rc = wf_place_choose("", cpu, p.n_allowed, p.n_workers, turn_pick(),
				     p.place);
	else
		share(cpu, p.n_allowed, p.n_workers, p.place);
out:
	free(cpu);
	if (rc < 0)
		wf_plan_fini(&p);
	else
		*ret_plan = p;
	return rc;
}

void wf_plan_fini(struct wf_plan *plan)
{
	free(plan->place);
	plan->place = NULL;
	plan->n_workers = 0;
}
