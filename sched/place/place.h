/* SPDX-License-Identifier: MIT */
/*
 * Where workers run and where their memory lies. Called before workers exist, on any
 * thread; nothing here is shared but what the caller passes. All return 0 or -errno.
 *
 *	topo.c     the machine: of each allowed CPU its core, cache, node, package, load
 *	policy.c   what was asked for, by name
 *	choose.c   in which order CPUs are taken
 *	plan.c     the plan made of all that, and of the quota of the cgroup
 *	near.c     the plan as a worker sees it: the others, by distance
 *	outside.c  what was set from outside; mem.c asks the kernel for pages of a node
 *	text.c     the plan in words
 *
 * What was set from outside wins: taskset, numactl -N and cgroup cpusets all end up in
 * the affinity mask, and no worker is ever placed outside of it; with a memory policy of
 * numactl (-m, -i, -p, -l) we ask for no pages of our own.
 */
#ifndef WF_PLACE_PLACE_H
#define WF_PLACE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpulist.h"

/* Where one worker runs. */
struct wf_place {
	int cpu;
	int node;                      /* NUMA node of that CPU; -1: not known */
	unsigned home;                 /* of that node in wf_plan.node */
	unsigned core, cache, package; /* equal numbers: they share it */
	bool later; /* the CPU is not ours yet: a cpuset may give it to us */
	bool shared,
		sibling; /* a worker before it is on the same CPU; on the same core */
	const int *mask; /* of the plan: bound to all these CPUs; NULL: to cpu */
	unsigned n_mask;
};

enum { WF_HOMES_MAX = 256 }; /* nodes beyond share the last home */

enum wf_policy {
	WF_POLICY_AUTO,
	WF_POLICY_COMPACT,
	WF_POLICY_SPREAD,
	WF_POLICY_CORE,
	WF_POLICY_LLC,
	WF_POLICY_NODE,
	WF_POLICY_CPUS,
	WF_POLICY_NEAR,
};

/* What was set from outside. */
struct wf_outside {
	unsigned n_online; /* CPUs of the machine that are on; 0: not known */
	int mode;          /* MPOL_* of this thread, without its flags */
	char nodes[64];    /* of that policy, as "0-2,5" */
	char mems[64];    /* nodes that cpuset.mems allows, the same; "": all there are */
	uint64_t mem[16]; /* the same, a bit each */
};

struct wf_plan {
	unsigned n_workers; /* as many as there may be */
	unsigned n_start;   /* of them, from the first on, how many there are at first */
	struct wf_place *place; /* n_workers of them, best first */
	unsigned n_homes;       /* nodes that workers run on, at least one */
	int *node;              /* their numbers; -1: not known, all there is then */
	int *mem; /* of each: the node for its memory, itself if that may give us any; -1:
		     there is nothing to choose from */
	unsigned *first;      /* n_homes + 1: where the home's workers begin in by_home */
	unsigned *by_home;    /* worker numbers */
	uint16_t *far;        /* n_homes * n_homes distances, as the kernel gives them */
	int *mask;            /* storage for places */
	unsigned n_allowed;   /* CPUs that the affinity mask allows */
	unsigned quota_milli; /* CPU quota in thousandths of a CPU; 0: none */
	enum wf_policy policy;
	char asked[64]; /* the policy as it was given, cut */
	char note[160]; /* what of the policy could not be had, or "" */
	struct wf_outside outside;
};

/* What a plan is made from. */
struct wf_plan_ask {
	const char *place; /* the policy; NULL or "": auto */
	unsigned
		workers; /* 0: one a CPU that the policy takes, as far as the quota feeds */
	unsigned most;   /* there may be later; 0: one a CPU that the policy takes */
	bool loose;      /* workers are not bound: no topology */
	/* the rest is for wf_plan_of */
	const char *root; /* stands before every path: "" or a test's directory */
	const int *allowed;
	unsigned n_allowed, quota_milli;
	unsigned n_later; /* CPUs behind those in allowed, that may be so later */
	uint32_t turn;    /* breaks ties; a random number */
	const struct wf_outside *outside;
};

/*
 * -ENOMEM; -EINVAL: the policy makes no sense, or not here; err then says what would. Any
 * number of workers that is asked for is obeyed; those beyond the CPUs share them in turn.
 */
int wf_plan_make(const struct wf_plan_ask *ask, struct wf_plan *ret_plan, char *err,
		 size_t err_size);
void wf_plan_fini(struct wf_plan *plan);

/* The home of NUMA node `node`, or -EINVAL: no worker is there. */
int wf_plan_home(const struct wf_plan *plan, int node);

/* Bind the calling thread. -EINVAL: the CPU does not exist or is no longer allowed. */
int wf_place_pin_self(const struct wf_place *place);

/* The node that pages for a home should lie on, or -1: leave it to the kernel. */
int wf_plan_mem(const struct wf_plan *plan, unsigned home);

/* Prefer pages of that node for whole pages that nobody has touched yet; -1: do nothing. A
 * failure costs locality, no more. */
void wf_mem_prefer(void *mem, size_t bytes, int node);

/* The same for pages that have been touched: they move. */
void wf_mem_move(void *mem, size_t bytes, int node);

/* As snprintf: the plan in lines of text. */
int wf_plan_text(const struct wf_plan *plan, char *buf, size_t size);

/* ---- parts of the plan, apart for tests ---- */

int wf_plan_of(const struct wf_plan_ask *ask, struct wf_plan *ret_plan, char *err,
	       size_t err_size);

/* The calling thread's affinity mask as an ascending list; the caller frees it. */
int wf_cpuset_allowed(int **ret_cpu, unsigned *ret_n);

/* All CPUs of the machine that are on; none if it is not told. The caller ends the list. */
int wf_cpuset_online(const char *root, struct wf_cpulist *ret_list);

/*
 * The smallest CPU limit of this process's cgroup and all above it, v1 or v2, in
 * thousandths of a CPU, rounded up; 0: none. root stands before every path: "" or a
 * test's directory. A file that is missing or makes no sense sets no limit.
 */
int wf_quota_read(const char *root, unsigned *ret_milli);

/* What the kernel says of the want of CPU time, besides the quota. */
struct wf_strain {
	unsigned quota_milli;
	uint64_t periods, throttled; /* of the quota, since the groups were made; summed
					over the levels that have one */
	unsigned pressure; /* in percent: of the last 10 s, in how much somebody of the
			      group (else of the machine) waited for a CPU */
};
int wf_strain_read(const char *root, struct wf_strain *ret_strain);

/* busy[cpu] := how busy each CPU below n was since boot, in eighths; 0 if not known. */
void wf_load_read(const char *root, unsigned n, uint8_t *busy);

/* What was set from outside, for the calling thread. */
void wf_outside_read(struct wf_outside *ret_outside);

/* Whether the node has memory that we may have; none is -1. */
bool wf_outside_gives(const struct wf_outside *outside, int node);

#endif
