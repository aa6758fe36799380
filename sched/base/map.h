/* SPDX-License-Identifier: MIT */
#ifndef WF_BASE_MAP_H
#define WF_BASE_MAP_H

#include <stddef.h>

/*
 * Anonymous memory in small pages, each of which will lie on the node of who touches it first;
 * NULL: there is none. A huge page would reach into what is mapped beside it, perhaps another
 * worker's, and all of it lie on one node.
 */
void *wf_map(size_t bytes);

/* No number behind the name. */
enum { WF_MAP_SHARED = -1 };

/*
 * The whole mapping at addr is called "weft WHAT N" from now on, or "weft WHAT", so that
 * /proc/PID/maps and `weft topo` can tell ours from the rest. Any thread; one system call.
 * A kernel without names (before 5.17, or without CONFIG_ANON_VMA_NAME, as Debian's) refuses:
 * then the name is noted, a line "FROM-TO weft WHAT N" each, in a file without a path that
 * /proc/PID/fd shows as "/memfd:weft mappings". Neither is an error where it cannot be had:
 * names are for who looks from outside.
 */
void wf_map_name(void *addr, size_t bytes, const char *what, int n);

/* What was noted is void: what has a name is about to be unmapped. */
void wf_map_names_end(void);

#endif
