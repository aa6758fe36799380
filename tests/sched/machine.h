/* SPDX-License-Identifier: MIT */
/*
 * Machines that we do not have: hwloc's synthetic topologies, and below /tmp a root directory
 * with the few files of /sys and /proc that are read.
 */
#ifndef WF_TESTS_MACHINE_H
#define WF_TESTS_MACHINE_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sched/place/place.h"

/* A new root directory; the caller gives root_remove() its name. */
static inline const char *root_make(void)
{
	static char root[32];

	strcpy(root, "/tmp/weft-place-XXXXXX");
	cr_assert_not_null(mkdtemp(root));
	return root;
}

static inline int root_remove_one(const char *path, const struct stat *st, int flag,
				  struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void root_remove(const char *root)
{
	cr_assert_eq(nftw(root, root_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* All directories above path, which begins with a slash. */
static inline void root_mkdirs(const char *root, const char *path)
{
	char dir[256];

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(dir, sizeof(dir), "%s%.*s", root, (int)(p - path), path);
		mkdir(dir, 0700);
	}
}

static inline void root_write(const char *root, const char *path, const char *text)
{
	char full[256];

	root_mkdirs(root, path);
	snprintf(full, sizeof(full), "%s%s", root, path);
	FILE *f = fopen(full, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

/* As sysfs does: the target begins at the same root. */
static inline void root_link(const char *root, const char *path, const char *target)
{
	char full[256], to[256];

	root_mkdirs(root, path);
	snprintf(full, sizeof(full), "%s%s", root, path);
	snprintf(to, sizeof(to), "%s%s", root, target);
	cr_assert_eq(symlink(to, full), 0);
}

#endif
