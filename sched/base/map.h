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

#endif
