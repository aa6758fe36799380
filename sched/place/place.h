/* SPDX-License-Identifier: MIT */
/*
 * Where workers run: the CPUs this process may use, the CPU quota of its cgroup, and the
 * plan made of them. Called before workers exist, on any thread; nothing here is shared
 * but what the caller passes. All return 0 or -errno.
 *
 * What was set from outside wins: taskset, numactl -N and cgroup cpusets all end up in
 * the affinity mask, and no worker is ever placed outside of it.
 */
#ifndef WF_PLACE_PLACE_H
#define WF_PLACE_PLACE_H

#include <stdint.h>

/* Where one worker runs. */
struct wf_place {
	int cpu;
	int node; /* NUMA node of that CPU; -1: not known */
};

struct wf_plan {
	unsigned n_workers;
	struct wf_place *place; /* n_workers of them, best first */
	unsigned n_allowed;     /* CPUs that the affinity mask allows */
	unsigned quota_milli;   /* CPU quota in thousandths of a CPU; 0: none */
};

/*
 * asked_workers 0: one per allowed CPU, but not more than the quota can feed. Any other
 * number is obeyed; workers beyond the number of CPUs share them round robin.
 *   -ENOMEM
 */
int wf_plan_make(unsigned asked_workers, struct wf_plan *ret_plan);
void wf_plan_fini(struct wf_plan *plan);

/* Bind the calling thread. -EINVAL: the CPU does not exist or is no longer allowed. */
int wf_place_pin_self(const struct wf_place *place);

/* ---- parts of the plan, apart for tests ---- */

/* The calling thread's affinity mask as an ascending list; the caller frees it. */
int wf_cpuset_allowed(int **ret_cpu, unsigned *ret_n);

/*
 * The smallest CPU limit of this process's cgroup and all above it, v1 or v2, in
 * thousandths of a CPU, rounded up; 0: none. root stands before every path: "" or a
 * test's directory. A file that is missing or makes no sense sets no limit.
 */
int wf_quota_read(const char *root, unsigned *ret_milli);

/* busy[cpu] := how busy each CPU below n was since boot, in eighths; 0 if not known. */
void wf_load_read(const char *root, unsigned n, uint8_t *busy);

/*
 * The best n of the n_cpu allowed CPUs, n < n_cpu, in order: see choose.c. turn breaks
 * ties; a random number.
 */
int wf_place_choose(const char *root, const int *cpu, unsigned n_cpu, unsigned n,
		    uint32_t turn, struct wf_place *place);

#endif
