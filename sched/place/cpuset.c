/* SPDX-License-Identifier: MIT */
/*
 * Affinity masks of any size: a cpu_set_t ends at CPU 1023, the kernel's mask does not.
 */
#include "place.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* Far above any kernel's CONFIG_NR_CPUS; bounds the search for the mask's size. */
#define MAX_CPUS (1 << 20)

/* The kernel says -EINVAL while the buffer is smaller than its own mask. */
static int mask_read(cpu_set_t **ret_set, int *ret_bits)
{
	for (int bits = 1024; bits <= MAX_CPUS; bits *= 2) {
		cpu_set_t *set = CPU_ALLOC(bits);

		if (!set)
			return -ENOMEM;
		if (sched_getaffinity(0, CPU_ALLOC_SIZE(bits), set) == 0) {
			*ret_set = set;
			*ret_bits = bits;
			return 0;
		}
		int err = errno;
		CPU_FREE(set);
		if (err != EINVAL)
			return -err;
	}
	return -EINVAL;
}

int wf_cpuset_allowed(int **ret_cpu, unsigned *ret_n)
{
	cpu_set_t *set = NULL;
	int bits = 0, rc = mask_read(&set, &bits);

	if (rc < 0)
		return rc;

	unsigned n = 0;
	int *cpu = calloc((size_t)CPU_COUNT_S(CPU_ALLOC_SIZE(bits), set), sizeof(*cpu));

	if (!cpu) {
		CPU_FREE(set);
		return -ENOMEM;
	}
	for (int i = 0; i < bits; i++)
		if (CPU_ISSET_S(i, CPU_ALLOC_SIZE(bits), set))
			cpu[n++] = i;
	CPU_FREE(set);
	*ret_cpu = cpu;
	*ret_n = n;
	return 0;
}

int wf_place_pin_self(const struct wf_place *place)
{
	const int *cpu = place->mask ? place->mask : &place->cpu;
	unsigned n = place->mask ? place->n_mask : 1;
	int last = -1;

	for (unsigned i = 0; i < n; i++) {
		if (cpu[i] < 0 || cpu[i] >= MAX_CPUS)
			return -EINVAL;
		last = cpu[i] > last ? cpu[i] : last;
	}

	size_t size = CPU_ALLOC_SIZE(last + 1);
	cpu_set_t *set = CPU_ALLOC(last + 1);

	if (!set)
		return -ENOMEM;
	CPU_ZERO_S(size, set);
	for (unsigned i = 0; i < n; i++)
		CPU_SET_S(cpu[i], size, set);

	int rc = sched_setaffinity(0, size, set) < 0 ? -errno : 0;

	CPU_FREE(set);
	return rc;
}

int wf_cpuset_online(const char *root, struct wf_cpulist *ret_list)
{
	char path[4096], line[4096];
	const char *name = "/sys/devices/system/cpu/online";

	*ret_list = (struct wf_cpulist){0};
	if (snprintf(path, sizeof(path), "%s%s", root, name) >= (int)sizeof(path))
		return 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	bool got = fgets(line, sizeof(line), f);
	fclose(f);
	int rc = got ? wf_cpulist_parse(line, ret_list) : 0;

	return rc == -ENOMEM ? rc : 0;
}
