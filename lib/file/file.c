/* SPDX-License-Identifier: MIT */
#include "weft/file.h"

#include <errno.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "../../sched/sched.h"

static ssize_t rw(enum wf_op_code code, int fd, const void *buf, size_t len, uint64_t off)
{
	struct wf_op op = {.code = code,
			   .fd = fd,
			   .addr = (uintptr_t)buf,
			   .len = (uint32_t)(len < INT32_MAX ? len : INT32_MAX),
			   .off = off};

	return wf_call(&op);
}

int weft_openat(int dir, const char *path, int flags, mode_t mode)
{
	struct wf_op op = {.code = WF_OP_OPENAT,
			   .fd = dir,
			   .addr = (uintptr_t)path,
			   .len = mode,
			   .flags = (uint32_t)flags | O_CLOEXEC};

	return (int)wf_call(&op);
}

int weft_open(const char *path, int flags, mode_t mode)
{
	return weft_openat(AT_FDCWD, path, flags, mode);
}

int weft_openat2(int dir, const char *path, const struct open_how *how)
{
	struct open_how h;

	if (!how)
		return -EINVAL;
	h = *how;
	h.flags |= O_CLOEXEC;
	struct wf_op op = {.code = WF_OP_OPENAT2,
			   .fd = dir,
			   .addr = (uintptr_t)path,
			   .len = sizeof(h),
			   .off = (uintptr_t)&h};
	return (int)wf_call(&op);
}

ssize_t weft_read(int fd, void *buf, size_t len)
{
	if (wf_receives_ahead(fd))
		return len ? wf_recv(fd, buf, len, 0) : 0;
	return rw(WF_OP_READ, fd, buf, len, (uint64_t)-1);
}

ssize_t weft_write(int fd, const void *buf, size_t len)
{
	return rw(WF_OP_WRITE, fd, buf, len, (uint64_t)-1);
}

ssize_t weft_pread(int fd, void *buf, size_t len, off_t offset)
{
	return offset < 0 ? -EINVAL : rw(WF_OP_READ, fd, buf, len, (uint64_t)offset);
}

ssize_t weft_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return offset < 0 ? -EINVAL : rw(WF_OP_WRITE, fd, buf, len, (uint64_t)offset);
}

int weft_fsync(int fd)
{
	struct wf_op op = {.code = WF_OP_FSYNC, .fd = fd};

	return (int)wf_call(&op);
}

int weft_statx(int dir, const char *path, int flags, unsigned mask, struct statx *ret_st)
{
	struct wf_op op = {.code = WF_OP_STATX,
			   .fd = dir,
			   .addr = (uintptr_t)path,
			   .len = mask,
			   .off = (uintptr_t)ret_st,
			   .flags = (uint32_t)flags};

	return (int)wf_call(&op);
}

int weft_close(int fd)
{
	return wf_close(fd);
}
