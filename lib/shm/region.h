/* SPDX-License-Identifier: MIT */
/*
 * A region as it is mapped: before its first byte lies as much private memory as mutexes may
 * take of it, so that each of these has private words of this process at a fixed distance, which the
 * kernel's robust lists ask for (keeper.h) and which no other process can reach.
 */
#ifndef WEFT_SHM_REGION_H
#define WEFT_SHM_REGION_H

#include "../../sched/sched.h"
#include "weft/shm.h"

enum { SHADOW = WEFT_SHM_MUTEXES };

struct weft_shm {
	int fd;
	size_t bytes;
	char *base;
};

/* [offset, offset + len) begins at a multiple of 64 and lies in the region, behind its head: there;
 * else NULL. */
void *weft__shm_object(struct weft_shm *shm, size_t offset, size_t len);

#endif
