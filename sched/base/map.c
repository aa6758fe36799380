/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <stdio.h>
#include <sys/mman.h>

#include "sys.h"

/*
 * Not accessible before the advice is given: the kernel joins equal neighbours to one mapping,
 * and a thread that touches its part would be given a huge page with some of ours.
 */
void *wf_map(size_t bytes)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p = wf_sys.mmap(bytes, PROT_NONE, flags);

	if (wf_sys_ptr_err(p))
		return NULL;
	wf_sys.madvise(p, bytes, MADV_NOHUGEPAGE);
	if (wf_sys.mprotect(p, bytes, PROT_READ | PROT_WRITE)) {
		wf_sys.munmap(p, bytes);
		return NULL;
	}
	return p;
}

void wf_map_name(void *addr, size_t bytes, const char *what, int n)
{
	char name[80]; /* the kernel's limit */

	if (n == WF_MAP_SHARED)
		snprintf(name, sizeof(name), "weft %s", what);
	else
		snprintf(name, sizeof(name), "weft %s %d", what, n);
	wf_sys.name_mapping(addr, bytes, name);
}
