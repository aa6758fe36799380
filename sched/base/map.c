/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spin.h"
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

static struct {
	struct wf_spin lock;
	int fd; /* lock; 0: none */
} list;

static void note(const void *addr, size_t bytes, const char *name)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "%lx-%lx %s\n", (unsigned long)addr,
			 (unsigned long)addr + bytes, name);

	wf_spin_lock(&list.lock);
	if (!list.fd)
		list.fd = wf_sys.memfd_create("weft mappings", MFD_CLOEXEC);
	/* a line that is lost, for lack of memory, is one mapping less that is known */
	if (list.fd < 0 || write(list.fd, line, (size_t)n) < 0)
		list.fd = list.fd < 0 ? 0 : list.fd;
	wf_spin_unlock(&list.lock);
}

void wf_map_names_end(void)
{
	wf_spin_lock(&list.lock);
	if (list.fd)
		wf_sys.close(list.fd);
	list.fd = 0;
	wf_spin_unlock(&list.lock);
}

void wf_map_name(void *addr, size_t bytes, const char *what, int n)
{
	char name[80]; /* the kernel's limit */

	if (n == WF_MAP_SHARED)
		snprintf(name, sizeof(name), "weft %s", what);
	else
		snprintf(name, sizeof(name), "weft %s %d", what, n);
	if (wf_sys.name_mapping(addr, bytes, name))
		note(addr, bytes, name);
}
