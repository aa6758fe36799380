/* SPDX-License-Identifier: MIT */
/* What a worker may use, and where. Limits count from what it has when it starts. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

/* Bytes of address space in use, or 0. */
static uint64_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		if (fscanf(f, "%lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit_memory(uint64_t bytes)
{
	uint64_t now = bytes ? address_space() : 0;

	if (!bytes)
		return 0;
	if (!now)
		return -ENOSYS;
	const struct rlimit r = {now + bytes, now + bytes};
	return setrlimit(RLIMIT_AS, &r) ? -errno : 0;
}

/* The backstop of the timer that each job has: whole seconds, and nobody can undo it. */
static int limit_cpu(uint64_t ms, bool one_job)
{
	const rlim_t s = (rlim_t)(ms / 1000 + 1);
	const struct rlimit r = {s, s + 1};

	return ms && one_job && setrlimit(RLIMIT_CPU, &r) ? -errno : 0;
}

/* On one node of several; where it has no memory (EINVAL), that of the nearest comes by itself. */
static int place_in_turn(const struct wf_wire_setup *s, uint32_t worker)
{
	const int node = s->spread[worker % s->n_spread].node;
	const cpu_set_t *cpus = &s->spread[worker % s->n_spread].cpus;
	uint64_t mask[16] = {0};

	mask[node / 64] = 1ull << node % 64;
	if (sched_setaffinity(0, sizeof(*cpus), cpus))
		return -errno;
	if (syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask, sizeof(mask) * 8) &&
	    errno != EINVAL)
		return -errno;
	return 0;
}

static int place(const struct wf_wire_setup *s, uint32_t worker)
{
	if (s->n_spread)
		return place_in_turn(s, worker);
	if (CPU_COUNT(&s->cpus) && sched_setaffinity(0, sizeof(s->cpus), &s->cpus))
		return -errno;
	for (size_t i = 0; i < sizeof(s->nodes) / sizeof(s->nodes[0]); i++)
		if (s->nodes[i])
			return syscall(SYS_set_mempolicy, MPOL_PREFERRED, s->nodes,
				       sizeof(s->nodes) * 8)
				       ? -errno
				       : 0;
	return 0;
}

static int schedule(const struct wf_wire_setup *s)
{
	const struct sched_param zero = {0};
	int policy = s->flags & WEFT_JOB_IDLE    ? SCHED_IDLE
		     : s->flags & WEFT_JOB_BATCH ? SCHED_BATCH
						 : -1;

	if (policy >= 0 && sched_setscheduler(0, policy, &zero))
		return -errno;
	errno = 0;
	return s->nice && nice(s->nice) == -1 && errno ? -errno : 0;
}

int wf_limits_apply(const struct wf_wire_setup *s, uint32_t worker)
{
	int rc = schedule(s);

	if (!rc)
		rc = place(s, worker);
	if (!rc)
		rc = limit_cpu(s->cpu_ms, s->flags & WEFT_JOB_FRESH);
	return rc ? rc : limit_memory(s->memory_bytes);
}

bool wf_limits_exhausted(const struct wf_wire_setup *s)
{
	size_t some = s->memory_bytes / 8 + 4096;

	if (!s->memory_bytes)
		return false;
	void *p = mmap(NULL, some, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return errno == ENOMEM;
	munmap(p, some);
	return false;
}
