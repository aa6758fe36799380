/* SPDX-License-Identifier: MIT */
/* Memory in small pages: what the kernel holds it to be, and that failures leave nothing. */
#include "sched/base/map.h"

#include <errno.h>
#include <string.h>

#include "../smaps.h"
#include "sched/base/sys.h"

enum { BYTES = 5 << 20 };

Test(map, memory_is_zero_and_never_in_huge_pages)
{
	char *p = wf_map(BYTES);

	cr_assert_not_null(p);
	cr_assert(smaps_all_are(p, BYTES, " nh"));
	for (size_t i = 0; i < BYTES; i += 4096)
		cr_assert_eq(p[i], 0);
	memset(p, 1, BYTES);
	cr_assert_eq(wf_sys.munmap(p, BYTES), 0);
}

static void *made;
static void *(*real_mmap)(size_t len, int prot, int flags);

static void *seen_mmap(size_t len, int prot, int flags)
{
	made = real_mmap(len, prot, flags);
	return made;
}

static int refuse(void *addr, size_t len, int prot)
{
	(void)addr, (void)len, (void)prot;
	return -ENOMEM;
}

Test(map, nothing_is_left_when_it_fails)
{
	real_mmap = wf_sys.mmap;
	wf_sys.mmap = seen_mmap;
	wf_sys.mprotect = refuse;
	cr_assert_null(wf_map(BYTES));
	cr_assert_not_null(made);
	cr_assert_not(smaps_all_are(made, BYTES, " mr"));
	cr_assert_null(wf_map(SIZE_MAX / 2));
}
