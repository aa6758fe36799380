/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../base/sys.h"

#define RESULT(call)                                                                     \
	({                                                                               \
		__typeof__(call) r_ = (call);                                            \
		(int32_t)(r_ < 0 ? -errno : r_);                                         \
	})

static void *address(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

short wf_plain_events(const struct wf_op *op)
{
	switch (op->code) {
	case WF_OP_ACCEPT:
	case WF_OP_RECV:
	case WF_OP_READ:
	case WF_OP_RECV_STREAM:
	case WF_OP_ACCEPT_STREAM:
		return POLLIN;
	case WF_OP_CONNECT:
	case WF_OP_SEND:
	case WF_OP_SENDMSG:
	case WF_OP_WRITE:
		return POLLOUT;
	case WF_OP_POLL:
		return (short)op->flags;
	default:
		return 0;
	}
}

static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

static int32_t try_poll(const struct wf_op *op)
{
	struct pollfd p = {.fd = op->fd, .events = (short)op->flags};
	int n = RESULT(poll(&p, 1, 0));

	if (n <= 0)
		return n ? n : -EAGAIN;
	return p.revents & POLLNVAL ? -EBADF : p.revents;
}

int32_t wf_plain_accept(int fd)
{
	return ready(fd, POLLIN) ? RESULT(accept4(fd, NULL, NULL, SOCK_CLOEXEC))
				 : -EAGAIN;
}

/* connect(2) has no flag that says not to wait. */
static int32_t try_connect(const struct wf_op *op)
{
	int flags = fcntl(op->fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (!(flags & O_NONBLOCK))
		fcntl(op->fd, F_SETFL, flags | O_NONBLOCK);
	int32_t rc = RESULT(connect(op->fd, address(op->addr), (socklen_t)op->off));
	if (!(flags & O_NONBLOCK))
		fcntl(op->fd, F_SETFL, flags);
	return rc == -EALREADY ? -EAGAIN : rc;
}

/* As much of the message as fits into `most` bytes: its first piece that is not empty. */
static int32_t try_sendmsg(const struct wf_op *op, uint32_t most)
{
	struct msghdr msg = *(const struct msghdr *)address(op->addr);
	struct iovec piece;

	while (msg.msg_iovlen > 1 && msg.msg_iov->iov_len == 0) {
		msg.msg_iov++;
		msg.msg_iovlen--;
	}
	if (msg.msg_iovlen && most != UINT32_MAX) {
		piece = *msg.msg_iov;
		if (piece.iov_len > most)
			piece.iov_len = most;
		msg.msg_iov = &piece;
		msg.msg_iovlen = 1;
	}
	return RESULT(sendmsg(op->fd, &msg, (int)op->flags | MSG_DONTWAIT));
}

static int32_t rw(const struct wf_op *op, uint32_t len, int flags)
{
	struct iovec v = {.iov_base = address(op->addr), .iov_len = len};
	off_t off = (off_t)op->off;

	return op->code == WF_OP_READ ? RESULT(preadv2(op->fd, &v, 1, off, flags))
				      : RESULT(pwritev2(op->fd, &v, 1, off, flags));
}

/* What is no file may wait. Not everything has a flag against it: then poll tells, and a
 * page is what fits for certain. */
static int32_t try_rw_waiting(const struct wf_op *op, uint32_t len)
{
	int32_t rc = rw(op, len, RWF_NOWAIT);

	if (rc != -EOPNOTSUPP)
		return rc;
	if (!ready(op->fd, wf_plain_events(op)))
		return -EAGAIN;
	return rw(op, op->code == WF_OP_WRITE && len > 4096 ? 4096 : len, 0);
}

static int32_t try_rw(const struct wf_op *op, uint32_t len)
{
	struct stat st;

	if (fstat(op->fd, &st))
		return -errno;
	if (S_ISSOCK(st.st_mode) && op->off == (uint64_t)-1)
		return (int32_t)(op->code == WF_OP_READ
					 ? wf_sys.recv(op->fd, address(op->addr), len,
						       MSG_DONTWAIT)
					 : wf_sys.send(op->fd, address(op->addr), len,
						       MSG_DONTWAIT | MSG_NOSIGNAL));
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode)
		       ? rw(op, len, 0)
		       : try_rw_waiting(op, len);
}

static int32_t try_file(const struct wf_op *op)
{
	switch (op->code) {
	case WF_OP_OPENAT:
		return RESULT(openat(op->fd, address(op->addr), (int)op->flags,
				     (mode_t)op->len));
	case WF_OP_OPENAT2:
		return RESULT(syscall(__NR_openat2, op->fd, address(op->addr),
				      address(op->off), (size_t)op->len));
	case WF_OP_FSYNC:
		return RESULT(fsync(op->fd));
	case WF_OP_STATX:
		return RESULT(statx(op->fd, address(op->addr), (int)op->flags, op->len,
				    address(op->off)));
	default:
		return 0; /* NOP */
	}
}

int32_t wf_plain_try(const struct wf_op *op, uint32_t most)
{
	const uint32_t len = op->len < most ? op->len : most;

	switch (op->code) {
	case WF_OP_ACCEPT:
		return wf_plain_accept(op->fd);
	case WF_OP_CONNECT:
		return try_connect(op);
	case WF_OP_RECV:
		return (int32_t)wf_sys.recv(op->fd, address(op->addr), len,
					    (int)op->flags | MSG_DONTWAIT);
	case WF_OP_SEND:
		return (int32_t)wf_sys.send(op->fd, address(op->addr), len,
					    (int)op->flags | MSG_DONTWAIT);
	case WF_OP_SENDMSG:
		return try_sendmsg(op, most);
	case WF_OP_POLL:
		return try_poll(op);
	case WF_OP_READ:
	case WF_OP_WRITE:
		return try_rw(op, len);
	default:
		return try_file(op);
	}
}

bool wf_plain_divides(int fd)
{
	struct stat st;
	int type;
	socklen_t len = sizeof(type);

	if (fstat(fd, &st))
		return false;
	if (S_ISSOCK(st.st_mode))
		return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
		       type == SOCK_STREAM;
	return S_ISFIFO(st.st_mode);
}
