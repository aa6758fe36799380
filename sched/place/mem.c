/* SPDX-License-Identifier: MIT */
#include <numaif.h>
#include <string.h>

#include "../base/sys.h"
#include "place.h"

enum { BITS = 8 * sizeof(unsigned long), NODES = 1024 };

struct nodes {
	unsigned long mask[NODES / BITS];
};

static bool only(struct nodes *nodes, int node)
{
	if (node < 0 || node >= NODES)
		return false;
	memset(nodes, 0, sizeof(*nodes));
	nodes->mask[(unsigned)node / BITS] = 1ul << (unsigned)node % BITS;
	return true;
}

/* Preferred, not bound: a full node must not fail us. */
void wf_mem_prefer(void *mem, size_t bytes, int node)
{
	struct nodes n;

	if (only(&n, node))
		wf_sys.mbind(mem, bytes, MPOL_PREFERRED, n.mask, NODES + 1);
}

void wf_mem_move(void *mem, size_t bytes, int node)
{
	struct nodes n;

	if (only(&n, node))
		wf_sys.mbind_move(mem, bytes, MPOL_PREFERRED, n.mask, NODES + 1);
}
