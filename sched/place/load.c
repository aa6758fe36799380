/* SPDX-License-Identifier: MIT */
/*
 * How busy each CPU has been, from one read of /proc/stat. Two reads would tell about
 * now, but start would have to wait between them; the mean since boot costs one read and
 * still tells a CPU that a service or interrupts keep busy from one that nobody uses. It
 * is given in eighths: finer differences are noise, and must not beat the random turn.
 */
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 8 /* user nice system idle iowait irq softirq steal; guest is in user */

static unsigned eighths(const unsigned long long *t)
{
	unsigned long long all = 0, idle = t[3] + t[4];

	for (int i = 0; i < FIELDS; i++)
		all += t[i];
	return all ? (unsigned)((all - idle) * 8 / all) : 0;
}

/* "cpu7 1 2 3 4 5 6 7 8 0 0"; the line "cpu ..." is the sum of all. */
static void line_parse(const char *line, unsigned n, uint8_t *busy)
{
	unsigned cpu;
	unsigned long long t[FIELDS];

	if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &t[0],
		   &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 1 + FIELDS)
		return;
	if (cpu < n)
		busy[cpu] = (uint8_t)eighths(t);
}

void wf_load_read(const char *root, unsigned n, uint8_t *busy)
{
	char path[4096], line[512];

	memset(busy, 0, n);
	if (snprintf(path, sizeof(path), "%s/proc/stat", root) >= (int)sizeof(path))
		return;

	FILE *f = fopen(path, "re");

	if (!f)
		return;
	/* The CPUs come first; one of the lines after them is very long. */
	while (fgets(line, sizeof(line), f) && strncmp(line, "cpu", 3) == 0)
		if (line[3] != ' ')
			line_parse(line, n, busy);
	fclose(f);
}
