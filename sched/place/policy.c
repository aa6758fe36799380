/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"

static const struct row {
	const char *name;
	enum wf_policy policy;
	bool argument; /* after a colon */
} rows[] = {
	{"auto", WF_POLICY_AUTO, false},     {"compact", WF_POLICY_COMPACT, false},
	{"spread", WF_POLICY_SPREAD, false}, {"core", WF_POLICY_CORE, false},
	{"llc", WF_POLICY_LLC, false},       {"node", WF_POLICY_NODE, true},
	{"cpus", WF_POLICY_CPUS, true},      {"near", WF_POLICY_NEAR, true},
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static int list_parse(struct wf_wish *w, const char *s)
{
	struct wf_cpulist list = {0};
	int rc = *s ? wf_cpulist_parse(s, &list) : -EINVAL;

	w->cpu = list.cpu;
	w->n_cpu = list.n;
	return rc;
}

static int argument_parse(const char *root, struct wf_wish *w, const char *s)
{
	switch (w->policy) {
	case WF_POLICY_NODE:
		w->node = (int)wf_cpulist_number(&s);
		return w->node < 0 || *s ? -EINVAL : 0;
	case WF_POLICY_CPUS:
		return list_parse(w, s);
	case WF_POLICY_NEAR:
		w->device = s;
		return wf_device_node(root, s, &w->node);
	default:
		return 0;
	}
}

static const struct row *find(const char *text, size_t len)
{
	for (unsigned i = 0; i < N_ROWS; i++)
		if (strlen(rows[i].name) == len && !strncmp(rows[i].name, text, len))
			return &rows[i];
	return NULL;
}

static void explain(int rc, const char *text, char *err, size_t size)
{
	if (rc == -ENODEV)
		snprintf(err, size,
			 "WEFT_PLACE=%s: there is no such network interface or block "
			 "device (/sys/class/net, /sys/class/block)",
			 text);
	else
		snprintf(err, size,
			 "WEFT_PLACE=%s is no policy: allowed are auto, compact, spread, "
			 "core, llc, node:N, cpus:LIST (as 0-3,8), near:DEVICE",
			 text);
}

int wf_wish_parse(const char *root, const char *text, struct wf_wish *ret_wish, char *err,
		  size_t err_size)
{
	const char *t = text && *text ? text : rows[0].name, *colon = strchr(t, ':');
	const struct row *row = find(t, colon ? (size_t)(colon - t) : strlen(t));
	struct wf_wish w = {.policy = row ? row->policy : WF_POLICY_AUTO, .node = -1};
	int rc = row && row->argument == !!colon ? 0 : -EINVAL;

	if (!rc && colon)
		rc = argument_parse(root, &w, colon + 1);
	if (!rc) {
		*ret_wish = w;
		return 0;
	}
	wf_wish_fini(&w);
	if (rc == -ENOMEM)
		return rc;
	explain(rc, text, err, err_size);
	return -EINVAL;
}

void wf_wish_fini(struct wf_wish *wish)
{
	free(wish->cpu);
	wish->cpu = NULL;
}
