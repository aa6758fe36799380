/* SPDX-License-Identifier: MIT */
/* Files, and weft_close() for every kind of descriptor. The calls mirror POSIX. */
#ifndef WEFT_FILE_H
#define WEFT_FILE_H

#include <fcntl.h>

#include "base.h"

WEFT_BEGIN_DECLS

struct statx;
struct open_how;

/* [parks] As openat(2) and openat2(2); close-on-exec is added. dir may be AT_FDCWD. */
WEFT_API int weft_open(const char *path, int flags, mode_t mode);
WEFT_API int weft_openat(int dir, const char *path, int flags, mode_t mode);
WEFT_API int weft_openat2(int dir, const char *path, const struct open_how *how);

/* [parks] At the file's own position; pipes and terminals too. 0 at the end of file. */
WEFT_API ssize_t weft_read(int fd, void *buf, size_t len);
WEFT_API ssize_t weft_write(int fd, const void *buf, size_t len);

/* [parks] At an offset, leaving the file's position alone. */
WEFT_API ssize_t weft_pread(int fd, void *buf, size_t len, off_t offset);
WEFT_API ssize_t weft_pwrite(int fd, const void *buf, size_t len, off_t offset);

/* [parks] As fsync(2). Running disk writes cannot be cancelled: a deadline is late then.
 */
WEFT_API int weft_fsync(int fd);

/* [parks] As statx(2); include <sys/stat.h> with _GNU_SOURCE for the struct. */
WEFT_API int weft_statx(int dir, const char *path, int flags, unsigned mask,
			struct statx *ret_st);

/*
 * [waits] Close fd. Coroutines parked on it get -EBADF; operations in flight are
 * cancelled and waited for on every ring before the number is free, so a later descriptor
 * with the same number never sees their bytes. Never cancelled, always takes effect:
 * -EBADF: it was not open, or is being closed      -EIO, -ENOSPC, -EDQUOT: it is closed, but
 * the file system says that something written earlier is lost
 */
WEFT_API int weft_close(int fd);

WEFT_END_DECLS

#endif
