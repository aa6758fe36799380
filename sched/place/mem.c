/* SPDX-License-Identifier: MIT */
#include <numaif.h>

#include "../base/sys.h"
#include "place.h"

/* Preferred, not bound: a full node must not fail us. */
void wf_mem_prefer(void *mem, size_t bytes, int node)
{
	enum { BITS = 8 * sizeof(unsigned long), NODES = 1024 };
	unsigned long mask[NODES / BITS] = {0};

	if (node < 0 || node >= NODES)
		return;
	mask[(unsigned)node / BITS] = 1ul << (unsigned)node % BITS;
	wf_sys.mbind(mem, bytes, MPOL_PREFERRED, mask, NODES + 1);
}
