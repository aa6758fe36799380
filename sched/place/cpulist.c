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

/* Each once; seen: a byte for every number, so that no list takes long. */
static int add_range(struct wf_cpulist *l, bool *seen, long from, long to)
{
	size_t n = l->n + (size_t)(to - from) + 1;
	int *more = realloc(l->cpu, n * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->cpu = more;
	for (long cpu = from; cpu <= to; cpu++) {
		if (!seen[cpu])
			l->cpu[l->n++] = (int)cpu;
		seen[cpu] = true;
	}
	return 0;
}

static int parse_range(struct wf_cpulist *l, bool *seen, const char **s)
{
	long from = wf_cpulist_number(s), to = from;

	if (**s == '-') {
		++*s;
		to = wf_cpulist_number(s);
	}
	if (from < 0 || to < from || to >= MAX_CPUS)
		return -EINVAL;
	return add_range(l, seen, from, to);
}

int wf_cpulist_parse(const char *s, struct wf_cpulist *ret_list)
{
	bool *seen = calloc(MAX_CPUS, sizeof(*seen));
	int rc = seen ? 0 : -ENOMEM;
	struct wf_cpulist l = {0};

	while (!rc) {
		rc = parse_range(&l, seen, &s);
		if (*s != ',')
			break;
		s++;
	}
	free(seen);
	if (!rc && *s && *s != '\n')
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
