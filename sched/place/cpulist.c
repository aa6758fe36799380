/* SPDX-License-Identifier: MIT */
#include "cpulist.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MAX_CPUS = 1 << 20 };

long wf_cpulist_number(const char **text)
{
	char *end;

	if (**text < '0' || **text > '9')
		return -1;
	errno = 0;
	long n = strtol(*text, &end, 10);
	*text = end;
	return errno || n > INT_MAX ? -1 : n;
}

static bool has(const struct wf_cpulist *l, long cpu)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->cpu[i] == cpu)
			return true;
	return false;
}

static int add(struct wf_cpulist *l, long cpu)
{
	if (has(l, cpu))
		return 0;
	int *more = realloc(l->cpu, (l->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->cpu = more;
	l->cpu[l->n++] = (int)cpu;
	return 0;
}

static int add_range(struct wf_cpulist *l, const char **s)
{
	long from = wf_cpulist_number(s), to = from;
	int rc = 0;

	if (**s == '-') {
		++*s;
		to = wf_cpulist_number(s);
	}
	if (from < 0 || to < from || to >= MAX_CPUS)
		return -EINVAL;
	for (long cpu = from; !rc && cpu <= to; cpu++)
		rc = add(l, cpu);
	return rc;
}

int wf_cpulist_parse(const char *s, struct wf_cpulist *ret_list)
{
	struct wf_cpulist l = {0};
	int rc;

	do
		rc = add_range(&l, &s);
	while (!rc && *s++ == ',');
	if (!rc && s[-1] && s[-1] != '\n')
		rc = -EINVAL;
	if (rc)
		wf_cpulist_fini(&l);
	else
		*ret_list = l;
	return rc;
}

void wf_cpulist_fini(struct wf_cpulist *list)
{
	free(list->cpu);
	*list = (struct wf_cpulist){0};
}
