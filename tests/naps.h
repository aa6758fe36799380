/* SPDX-License-Identifier: MIT */
/* How often a thread of this process has gone to sleep. */
#ifndef WF_TESTS_NAPS_H
#define WF_TESTS_NAPS_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Voluntary switches of the thread of that name, or -1. */
static inline long naps_of(const char *name)
{
	char path[300], line[256], wanted[64];
	const struct dirent *e;
	long naps = -1;
	DIR *dir = opendir("/proc/self/task");

	snprintf(wanted, sizeof(wanted), "Name:\t%s\n", name);
	while (dir && naps < 0 && (e = readdir(dir))) {
		bool found = false;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
		FILE *f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			found = found || !strcmp(line, wanted);
			if (found)
				sscanf(line, "voluntary_ctxt_switches: %ld", &naps);
		}
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return naps;
}

#endif
