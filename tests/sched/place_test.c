/* SPDX-License-Identifier: MIT */
/*
 * Allowed CPUs, number of workers, choice of CPUs. Machines that we do not have come from
 * hwloc's synthetic topologies, their load from made-up /proc/stat files. Policies by name
 * and stranger machines: plan_test.c.
 */
#include "sched/place/place.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <numaif.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_CPUS 256

/* ---- the real machine ---- */

static unsigned allowed_now(cpu_set_t *set)
{
	cr_assert(sched_getaffinity(0, sizeof(*set), set) == 0);
	return (unsigned)CPU_COUNT(set);
}

static int make(unsigned workers, struct wf_plan *plan)
{
	char err[256];

	return wf_plan_make(&(struct wf_plan_ask){.workers = workers}, plan, err,
			    sizeof(err));
}

static void allow_only(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	cr_assert(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static int last_allowed(void)
{
	cpu_set_t set;
	int last = -1;

	allowed_now(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			last = i;
	return last;
}

Test(place, allowed_is_the_affinity_mask)
{
	cpu_set_t set;
	unsigned n = 0, want = allowed_now(&set);
	int *cpu = NULL;

	cr_assert(wf_cpuset_allowed(&cpu, &n) == 0);
	cr_assert(n == want);
	for (unsigned i = 0; i < n; i++) {
		cr_assert(CPU_ISSET(cpu[i], &set));
		cr_assert(i == 0 || cpu[i] > cpu[i - 1]);
	}
	free(cpu);
}

Test(place, a_narrow_mask_is_obeyed)
{
	int only = last_allowed();
	struct wf_plan plan;

	allow_only(only);
	cr_assert(make(0, &plan) == 0);
	cr_assert(plan.n_allowed == 1);
	cr_assert(plan.n_start == 1);
	cr_assert(plan.place[0].cpu == only);
	wf_plan_fini(&plan);
}

Test(place, default_is_the_smaller_of_cpus_and_quota)
{
	struct wf_plan plan;
	cpu_set_t set;
	unsigned n = allowed_now(&set), feeds, want = n;

	cr_assert(make(0, &plan) == 0);
	feeds = (plan.quota_milli + 999) / 1000;
	if (feeds && feeds < n)
		want = feeds;
	cr_assert(plan.n_allowed == n);
	cr_assert(plan.n_start == want);
	wf_plan_fini(&plan);
	wf_plan_fini(&plan); /* harmless */
}

Test(place, fewer_workers_get_different_allowed_cpus)
{
	struct wf_plan plan;
	cpu_set_t set;
	unsigned n = allowed_now(&set);

	for (unsigned asked = 1; asked < n && asked < 4; asked++) {
		cpu_set_t left = set;

		cr_assert(make(asked, &plan) == 0);
		cr_assert(plan.n_workers == asked);
		for (unsigned i = 0; i < asked; i++) {
			cr_assert(CPU_ISSET(plan.place[i].cpu, &left));
			CPU_CLR(plan.place[i].cpu, &left);
			cr_assert(plan.place[i].node >= -1);
		}
		wf_plan_fini(&plan);
	}
}

Test(place, more_workers_share_round_robin)
{
	struct wf_plan plan;
	cpu_set_t set;
	unsigned n = allowed_now(&set), asked = 3 * n + 1;

	cr_assert(make(asked, &plan) == 0);
	cr_assert(plan.n_workers == asked);
	for (unsigned i = 0; i < asked; i++) {
		cr_assert(CPU_ISSET(plan.place[i].cpu, &set));
		cr_assert(plan.place[i].cpu == plan.place[i % n].cpu);
		cr_assert(i % n == 0 || plan.place[i].cpu != plan.place[i - 1].cpu);
	}
	wf_plan_fini(&plan);
}

Test(place, pin_moves_this_thread)
{
	struct wf_place place = {.cpu = last_allowed()};
	cpu_set_t set;

	cr_assert(wf_place_pin_self(&place) == 0);
	cr_assert(allowed_now(&set) == 1);
	cr_assert(CPU_ISSET(place.cpu, &set));
	cr_assert(sched_getcpu() == place.cpu);
}

static void *pin_in_thread(void *arg)
{
	cr_assert(wf_place_pin_self(arg) == 0);
	return NULL;
}

Test(place, pin_moves_no_other_thread)
{
	struct wf_place place = {.cpu = last_allowed()};
	cpu_set_t before, after;
	pthread_t t;

	allowed_now(&before);
	cr_assert(pthread_create(&t, NULL, pin_in_thread, &place) == 0);
	pthread_join(t, NULL);
	allowed_now(&after);
	cr_assert(CPU_EQUAL(&before, &after));
}

Test(place, pin_to_a_cpu_that_is_not_there)
{
	static const int bad[] = {-1, 1023, 5000, 1 << 19, 1 << 20, 0x7fffffff};

	if (sysconf(_SC_NPROCESSORS_CONF) > 1023)
		cr_skip_test("this machine has CPU 1023");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(wf_place_pin_self(&(struct wf_place){.cpu = bad[i]}) ==
			  -EINVAL);
}

/* ---- machines that are not here ---- */

struct machine {
	char root[32];
	int cpu[MAX_CPUS];
	unsigned n_cpu;
	unsigned busy[MAX_CPUS]; /* percent */
};

/* All of its CPUs 0 .. n - 1 are allowed, and idle. */
static void machine_init(struct machine *m, const char *synthetic, unsigned n)
{
	memset(m, 0, sizeof(*m));
	strcpy(m->root, "/tmp/weft-place-XXXXXX");
	cr_assert(mkdtemp(m->root) != NULL);
	cr_assert(setenv("HWLOC_SYNTHETIC", synthetic, 1) == 0);
	m->n_cpu = n;
	for (unsigned i = 0; i < n; i++)
		m->cpu[i] = (int)i;
}

static void machine_path(const struct machine *m, const char *name, char *path,
			 size_t size)
{
	snprintf(path, size, "%s%s", m->root, name);
}

static void machine_stat(const struct machine *m)
{
	char path[64];
	FILE *f;

	machine_path(m, "/proc", path, sizeof(path));
	mkdir(path, 0700);
	machine_path(m, "/proc/stat", path, sizeof(path));
	f = fopen(path, "w");
	cr_assert(f != NULL);
	fprintf(f, "cpu  1 2 3 4 5 6 7 8 0 0\n");
	for (unsigned i = 0; i < MAX_CPUS; i++)
		fprintf(f, "cpu%u %u 0 0 %u 0 0 0 0 0 0\n", i, m->busy[i] * 100,
			(100 - m->busy[i]) * 100);
	fprintf(f, "intr 1 2 3\n");
	fclose(f);
}

static void machine_fini(const struct machine *m)
{
	char path[64];

	machine_path(m, "/proc/stat", path, sizeof(path));
	remove(path);
	machine_path(m, "/proc", path, sizeof(path));
	remove(path);
	remove(m->root);
	unsetenv("HWLOC_SYNTHETIC");
}

static void choose(const struct machine *m, unsigned n, uint32_t turn,
		   struct wf_place *place)
{
	const struct wf_plan_ask ask = {.root = m->root,
					.allowed = m->cpu,
					.n_allowed = m->n_cpu,
					.workers = n,
					.turn = turn};
	bool taken[MAX_CPUS] = {false};
	struct wf_plan plan;
	char err[256];

	cr_assert(wf_plan_of(&ask, &plan, err, sizeof(err)) == 0);
	memcpy(place, plan.place, n * sizeof(*place));
	wf_plan_fini(&plan);
	for (unsigned i = 0; i < n; i++) {
		bool allowed = false;

		for (unsigned k = 0; k < m->n_cpu; k++)
			allowed |= m->cpu[k] == place[i].cpu;
		cr_assert(allowed, "CPU %d", place[i].cpu);
		cr_assert(!taken[place[i].cpu], "CPU %d twice", place[i].cpu);
		taken[place[i].cpu] = true;
	}
}

/* 2 nodes, 2 caches each, 4 cores each, 2 threads each: 8 CPUs a cache, 16 a node. */
#define TWO_NODES "node:2 l3:2 core:4 pu:2"

/* Turns that look nothing like each other. */
#define TURN(i) ((uint32_t)(i)*2654435761u + 0xfffffff0u)

Test(place, workers_that_fit_share_one_cache)
{
	struct machine m;
	struct wf_place p[8];

	machine_init(&m, TWO_NODES, 32);
	for (unsigned n = 1; n <= 8; n++) {
		for (unsigned i = 0; i < 50; i++) {
			choose(&m, n, TURN(i), p);
			for (unsigned k = 0; k < n; k++) {
				cr_assert(p[k].cpu / 8 == p[0].cpu / 8);
				cr_assert(p[k].node == p[k].cpu / 16);
			}
		}
	}
	machine_fini(&m);
}

/* The node for the memory of workers on node 2 of four, when those of `mem` give us any. */
static int memory_of_node_2(uint64_t mem, int mode)
{
	const struct wf_outside outside = {.mem = {mem}, .mode = mode};
	struct machine m;
	struct wf_plan plan;
	char err[256];

	machine_init(&m, "node:4 core:2 pu:1", 8);
	const struct wf_plan_ask ask = {.root = m.root,
					.allowed = m.cpu,
					.n_allowed = m.n_cpu,
					.place = "node:2",
					.outside = &outside};
	cr_assert(wf_plan_of(&ask, &plan, err, sizeof(err)) == 0, "%s", err);
	cr_assert(plan.n_homes == 1);
	int node = wf_plan_mem(&plan, 0);
	wf_plan_fini(&plan);
	machine_fini(&m);
	return node;
}

Test(place, memory_is_of_the_own_node_or_the_nearest_that_has_some)
{
	cr_assert(memory_of_node_2(0xf, MPOL_DEFAULT) == 2);
	cr_assert(memory_of_node_2(0xa, MPOL_DEFAULT) == 1);
	cr_assert(memory_of_node_2(0x4, MPOL_DEFAULT) == -1, "nothing to choose from");
	cr_assert(memory_of_node_2(0xf, MPOL_BIND) == -1, "what is set outside wins");
}

Test(place, idle_machine_every_cache_and_cpu_gets_its_turn)
{
	struct machine m;
	struct wf_place p[1];
	unsigned cache[4] = {0}, cpu[32] = {0};

	machine_init(&m, TWO_NODES, 32);
	for (unsigned i = 0; i < 400; i++) {
		choose(&m, 1, TURN(i), p);
		cache[p[0].cpu / 8]++;
		cpu[p[0].cpu]++;
	}
	for (unsigned i = 0; i < 4; i++)
		cr_assert(cache[i] > 50, "cache %u: %u of 400", i, cache[i]);
	for (unsigned i = 0; i < 32; i++)
		cr_assert(cpu[i] > 0, "CPU %u never", i);
	machine_fini(&m);
}

Test(place, the_idle_cache_is_taken)
{
	struct machine m;
	struct wf_place p[4];

	machine_init(&m, TWO_NODES, 32);
	for (unsigned i = 0; i < 32; i++)
		m.busy[i] = i / 8 == 2 ? 10 : 60;
	machine_stat(&m);
	for (unsigned i = 0; i < 50; i++) {
		choose(&m, 4, TURN(i), p);
		for (unsigned k = 0; k < 4; k++)
			cr_assert(p[k].cpu / 8 == 2);
	}
	machine_fini(&m);
}

Test(place, load_of_cpus_that_are_not_ours_counts)
{
	struct machine m;
	struct wf_place p[1];

	/* Two CPUs of each cache are allowed; the others of caches 0, 2, 3 are busy. */
	machine_init(&m, TWO_NODES, 32);
	m.n_cpu = 0;
	for (int i = 0; i < 32; i++) {
		if (i % 8 < 2)
			m.cpu[m.n_cpu++] = i;
		else
			m.busy[i] = i / 8 == 1 ? 0 : 100;
	}
	machine_stat(&m);
	for (unsigned i = 0; i < 50; i++) {
		choose(&m, 1, TURN(i), p);
		cr_assert(p[0].cpu / 8 == 1);
	}
	machine_fini(&m);
}

Test(place, room_for_all_comes_before_load)
{
	struct machine m;
	struct wf_place p[4];

	/* Three CPUs of cache 0, all idle; five of cache 3, half busy. */
	machine_init(&m, TWO_NODES, 32);
	for (unsigned i = 0; i < 8; i++)
		m.cpu[i] = (int)(i < 3 ? i : 24 + i - 3);
	m.n_cpu = 8;
	for (unsigned i = 24; i < 32; i++)
		m.busy[i] = 50;
	machine_stat(&m);
	for (unsigned i = 0; i < 50; i++) {
		choose(&m, 4, TURN(i), p);
		for (unsigned k = 0; k < 4; k++)
			cr_assert(p[k].cpu >= 24);
	}
	machine_fini(&m);
}

Test(place, too_many_for_a_cache_stay_on_a_node)
{
	struct machine m;
	struct wf_place p[16];

	machine_init(&m, TWO_NODES, 32);
	for (unsigned i = 0; i < 50; i++) {
		choose(&m, 12, TURN(i), p);
		for (unsigned k = 0; k < 12; k++)
			cr_assert(p[k].node == p[0].node);
		for (unsigned k = 0; k < 8; k++)
			cr_assert(p[k].cpu / 8 == p[0].cpu / 8);
	}
	machine_fini(&m);
}

Test(place, whole_cores_before_siblings)
{
	struct machine m;
	struct wf_place p[8];

	machine_init(&m, TWO_NODES, 32);
	m.busy[0] = 100; /* does not outweigh a core of one's own */
	machine_stat(&m);
	for (unsigned i = 0; i < 50; i++) {
		unsigned cores = 0;

		choose(&m, 4, TURN(i), p);
		for (unsigned k = 0; k < 4; k++)
			cores |= 1u << (p[k].cpu / 2 % 4);
		cr_assert(cores == 0xf, "turn %u: cores %x", i, cores);
	}
	machine_fini(&m);
}

Test(place, a_lone_sibling_counts_as_a_core)
{
	struct machine m;
	struct wf_place p[2];

	machine_init(&m, TWO_NODES, 32);
	m.cpu[0] = 1, m.cpu[1] = 2,
	m.cpu[2] = 3; /* core 0 by its second thread, core 1 */
	m.n_cpu = 3;
	for (unsigned i = 0; i < 50; i++) {
		choose(&m, 2, TURN(i), p);
		cr_assert(p[0].cpu / 2 != p[1].cpu / 2);
	}
	machine_fini(&m);
}

Test(place, eight_nodes_and_no_caches)
{
	struct machine m;
	struct wf_place p[5];
	unsigned first[8] = {0};

	machine_init(&m, "node:8 core:4 pu:1", 32);
	for (unsigned i = 0; i < 100; i++) {
		choose(&m, 5, TURN(i), p);
		first[p[0].node]++;
	}
	for (unsigned i = 0; i < 8; i++)
		cr_assert(first[i] > 0, "node %u never", i);
	machine_fini(&m);
}

Test(place, cpus_that_the_topology_does_not_know_come_last)
{
	struct machine m;
	struct wf_place p[6];

	machine_init(&m, "node:1 l3:1 core:4 pu:1", 4);
	m.cpu[4] = 100, m.cpu[5] = 200, m.cpu[6] = 201;
	m.n_cpu = 7;
	for (unsigned i = 0; i < 50; i++) {
		choose(&m, 6, TURN(i), p);
		for (unsigned k = 0; k < 4; k++)
			cr_assert(p[k].cpu < 4);
		cr_assert(p[4].cpu >= 100 && p[4].node == -1);
	}
	machine_fini(&m);
}

Test(place, a_broken_topology_is_one_cache)
{
	struct machine m;
	struct wf_place p[2];

	machine_init(&m, "no such machine", 4);
	for (unsigned i = 0; i < 50; i++)
		choose(&m, 2, TURN(i), p);
	machine_fini(&m);
}

/* ---- load ---- */

static void stat_write(const struct machine *m, const char *text)
{
	char path[64];
	FILE *f;

	machine_stat(m);
	machine_path(m, "/proc/stat", path, sizeof(path));
	f = fopen(path, "w");
	cr_assert(f != NULL);
	fputs(text, f);
	fclose(f);
}

Test(place, load_in_eighths)
{
	struct machine m;
	uint8_t busy[4];

	machine_init(&m, TWO_NODES, 32);
	stat_write(&m, "cpu  9 9 9 9 9 9 9 9 0 0\n"
		       "cpu0 10 0 0 90 0 0 0 0 0 0\n"    /* 10 % */
		       "cpu1 10 20 20 30 20 0 0 0 7 0\n" /* 50 %; guest is part of user */
		       "cpu3 1 2 3 0 0 4 5 6 0 0\n"      /* always */
		       "cpu77 1 1 1 1 1 1 1 1 1 1\n"
		       "intr 5\n");
	wf_load_read(m.root, 4, busy);
	cr_assert(busy[0] == 0);
	cr_assert(busy[1] == 4);
	cr_assert(busy[2] == 0);
	cr_assert(busy[3] == 8);
	machine_fini(&m);
}

Test(place, load_of_nonsense_is_none)
{
	static const char *const bad[] = {
		"",
		"\n",
		"cpu",
		"cpu0\n",
		"cpu0 1 2 3\n",
		"cpux 1 2 3 4 5 6 7 8\n",
		"cpu0 0 0 0 0 0 0 0 0 0 0\n",
		"cpu-1 1 2 3 4 5 6 7 8\n",
		"intr 1\ncpu0 8 8 8 0 0 8 8 8\n",
	};
	struct machine m;
	uint8_t busy[2];

	machine_init(&m, TWO_NODES, 32);
	wf_load_read(m.root, 2, busy); /* no file at all */
	cr_assert(busy[0] == 0 && busy[1] == 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stat_write(&m, bad[i]);
		wf_load_read(m.root, 2, busy);
		cr_assert(busy[0] == 0 && busy[1] == 0, "%s", bad[i]);
	}
	machine_fini(&m);
}
