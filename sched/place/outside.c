/* SPDX-License-Identifier: MIT */
/*
 * A memory policy that is in force before us was set from outside, or by the application for
 * its own reasons: with any but the default one we ask for no pages of certain nodes. Which
 * nodes a cpuset allows the kernel tells by the same call.
 */
#include "place.h"

#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/sys.h"

enum { BITS = 64, NODES = 16 * BITS, MODE_FLAGS = 7 << 13 };

static bool has(const uint64_t *mask, unsigned i)
{
	return mask[i / BITS] >> i % BITS & 1;
}

/* "0-2,5"; what does not fit is cut at a comma. */
static void list_write(const uint64_t *mask, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < NODES; i++) {
		unsigned to = i;

		if (!has(mask, i))
			continue;
		while (to + 1 < NODES && has(mask, to + 1))
			to++;
		int n = to > i ? snprintf(buf + at, size - at, "%s%u-%u", at ? "," : "",
					  i, to)
			       : snprintf(buf + at, size - at, "%s%u", at ? "," : "", i);
		if (n < 0 || (size_t)n >= size - at) {
			buf[at] = '\0';
			return;
		}
		at += (size_t)n;
		i = to;
	}
}

void wf_outside_read(struct wf_outside *o)
{
	uint64_t mask[NODES / BITS] = {0};
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int mode = 0;

	memset(o, 0, sizeof(*o));
	o->n_online = online > 0 ? (unsigned)online : 0;
	if (!wf_sys.get_mempolicy(&mode, mask, NODES + 1, NULL, 0)) {
		o->mode = mode & ~MODE_FLAGS;
		list_write(mask, o->nodes, sizeof(o->nodes));
	}
	if (wf_sys.get_mempolicy(NULL, o->mem, NODES + 1, NULL, MPOL_F_MEMS_ALLOWED))
		memset(o->mem, 0, sizeof(o->mem));
	list_write(o->mem, o->mems, sizeof(o->mems));
}

bool wf_outside_gives(const struct wf_outside *outside, int node)
{
	return node >= 0 && node < NODES && has(outside->mem, (unsigned)node);
}

int wf_plan_mem(const struct wf_plan *plan, unsigned home)
{
	return plan->outside.mode == MPOL_DEFAULT ? plan->mem[home] : -1;
}
