/* SPDX-License-Identifier: MIT */
#ifndef WF_TESTS_SMAPS_H
#define WF_TESTS_SMAPS_H

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Whether the kernel holds all of the mappings at mem to be `flag` ("dc", "nh": proc(5)). */
static inline bool smaps_all_are(const void *mem, size_t bytes, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	uintptr_t want = (uintptr_t)mem, end = want + bytes, from = 0, to = 0, a, b;
	char line[512];

	cr_assert(f != NULL);
	while (want < end && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &a, &b) == 2) {
			from = a;
			to = b;
		}
		if (from <= want && want < to && !strncmp(line, "VmFlags:", 8) &&
		    strstr(line, flag))
			want = to;
	}
	fclose(f);
	return want >= end;
}

#endif
