/* SPDX-License-Identifier: MIT */
/* What the runtime maps has a name, whole, and a kernel without names is no trouble. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../check.h"
#include "sched/base/map.h"
#include "sched/base/sys.h"

enum { MOST = 64 };

static struct {
	struct wf_sys real;
	struct {
		char name[80];
		void *addr;
		size_t bytes;
	} seen[MOST];
	_Atomic unsigned n;
	int rc;
} rec;

static int record(void *addr, size_t bytes, const char *name)
{
	unsigned i = atomic_fetch_add(&rec.n, 1);

	if (i < MOST) {
		snprintf(rec.seen[i].name, sizeof(rec.seen[i].name), "%s", name);
		rec.seen[i].addr = addr;
		rec.seen[i].bytes = bytes;
	}
	return rec.rc ? rec.rc : rec.real.name_mapping(addr, bytes, name);
}

static void begin(int rc)
{
	if (!rec.real.mmap)
		rec.real = wf_sys;
	wf_sys.name_mapping = record;
	rec.n = 0;
	rec.rc = rc;
}

static bool named(const char *name)
{
	for (unsigned i = 0; i < rec.n && i < MOST; i++)
		if (!strcmp(rec.seen[i].name, name))
			return true;
	return false;
}

/* The name that /proc/self/maps has for an address: 0 none, 1 that one, -1 another. */
static int maps_say(const void *addr, const char *name)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512], want[96];
	unsigned long from, to;
	int is = 0;

	snprintf(want, sizeof(want), "[anon:%s]\n", name);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || from > (uintptr_t)addr ||
		    to <= (uintptr_t)addr)
			continue;
		is = strstr(line, want) ? 1 : strchr(line, '[') ? -1 : 0;
	}
	if (f)
		fclose(f);
	return is;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static const struct weft_options two = {.size = sizeof(two), .workers = 2};

Test(map_name, each_kind_of_mapping_has_its_name)
{
	begin(0);
	cr_assert_eq(weft_run(nothing, NULL, &two), 0);
	cr_assert(named("weft stacks"));
	cr_assert(named("weft worker 0") && named("weft worker 1"));
	cr_assert(named("weft timers 0") && named("weft timers 1"));
	cr_assert(named("weft buffers 0") && named("weft buffers 1"));
}

Test(map_name, a_kernel_without_names_is_no_trouble)
{
	begin(-EINVAL);
	cr_assert_eq(weft_run(nothing, NULL, &two), 0);
	cr_assert_gt(rec.n, 0);
}

Test(map_name, the_kernel_shows_the_name)
{
	const size_t bytes = 3 * 4096;
	char *p = wf_sys.mmap(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	begin(0);
	cr_assert(!wf_sys_ptr_err(p));
	wf_map_name(p, bytes, "worker", 7);
	cr_assert_eq(rec.seen[0].addr, p);
	cr_assert_str_eq(rec.seen[0].name, "weft worker 7");
	int want = wf_sys.name_mapping(p, bytes, "weft worker 7") == 0;
	if (!want)
		cr_log_info("this kernel has no names for mappings");
	cr_assert_eq(maps_say(p, "weft worker 7"), want);
	cr_assert_eq(maps_say(p + bytes - 1, "weft worker 7"), want);
	wf_sys.munmap(p, bytes);
}
