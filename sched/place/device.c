/* SPDX-License-Identifier: MIT */
/*
 * Where a device is attached. /sys/class/net/NAME and /sys/class/block/NAME are links into
 * the tree of devices; the bus that the device sits on, some levels above it, has a file
 * numa_node. Partitions and queues of a device lie below it, so the way up finds theirs too.
 */
#include "policy.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number in dir/numa_node; -1: none. */
static int node_file(const char *dir)
{
	char path[PATH_MAX + 16];
	int node = -1;

	snprintf(path, sizeof(path), "%s/numa_node", dir);
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &node) != 1)
		node = -1;
	fclose(f);
	return node;
}

/* The first that a directory from dir upwards tells, below `top`. */
static int climb(char *dir, size_t top)
{
	int node = node_file(dir);

	while (node < 0) {
		char *slash = strrchr(dir, '/');
		if (!slash || (size_t)(slash - dir) <= top)
			break;
		*slash = '\0';
		node = node_file(dir);
	}
	return node < 0 ? -1 : node;
}

int wf_device_node(const char *root, const char *name, int *ret_node)
{
	static const char *const class[] = {"net", "block"};
	char path[PATH_MAX], real[PATH_MAX];

	if (!*name || strchr(name, '/') || name[0] == '.')
		return -ENODEV;
	for (unsigned i = 0; i < sizeof(class) / sizeof(class[0]); i++) {
		int n = snprintf(path, sizeof(path), "%s/sys/class/%s/%s", root, class[i],
				 name);
		if (n < 0 || n >= (int)sizeof(path) || !realpath(path, real))
			continue;
		*ret_node = climb(real, strlen(root) + strlen("/sys/devices"));
		return 0;
	}
	return -ENODEV;
}
