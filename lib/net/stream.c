/* SPDX-License-Identifier: MIT */
/* Bytes over sockets. */
#include <errno.h>

#include "../../sched/sched.h"
#include "weft/net.h"

ssize_t weft_recv(int fd, void *buf, size_t len, int flags)
{
	if (flags & ~(MSG_DONTWAIT | MSG_PEEK))
		return -EINVAL;
	return len ? wf_recv(fd, buf, len, flags) : 0;
}

ssize_t weft_recv_all(int fd, void *buf, size_t len)
{
	return len ? wf_recv_all(fd, buf, len) : 0;
}

ssize_t weft_send(int fd, const void *buf, size_t len, int flags)
{
	struct wf_op op = {.code = WF_OP_SEND,
			   .fd = fd,
			   .addr = (uintptr_t)buf,
			   .len = (uint32_t)(len < INT32_MAX ? len : INT32_MAX),
			   .flags = (uint32_t)flags | MSG_NOSIGNAL};

	return wf_call(&op);
}

ssize_t weft_send_all(int fd, const void *buf, size_t len, int flags)
{
	struct wf_op op = {.code = WF_OP_SEND,
			   .fd = fd,
			   .addr = (uintptr_t)buf,
			   .flags = (uint32_t)flags | MSG_NOSIGNAL};

	return len ? wf_call_all(&op, len) : 0;
}

ssize_t weft_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct wf_op op = {.code = WF_OP_SENDMSG,
			   .fd = fd,
			   .addr = (uintptr_t)msg,
			   .len = 1,
			   .flags = (uint32_t)flags | MSG_NOSIGNAL};

	return wf_call(&op);
}

ssize_t weft_sendfile(int fd, int in, off_t *offset, size_t count)
{
	return offset ? wf_sendfile(fd, in, offset, count) : -EINVAL;
}

int weft_poll(int fd, short events)
{
	return events ? wf_poll(fd, events) : -EINVAL;
}
