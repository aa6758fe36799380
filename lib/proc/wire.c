/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(WF_WIRE_FDS * sizeof(int))];
};

int wf_wire_send(int sock, const void *msg, size_t len, const int *fds, unsigned n)
{
	union control control = {0};
	struct iovec iov = {(void *)(uintptr_t)msg, len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t rc;

	if (n > WF_WIRE_FDS)
		return -EINVAL;
	if (n) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	do
		rc = sendmsg(sock, &h, MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

/* Take what came; close what there is no room for. */
static unsigned take_fds(struct msghdr *h, int *fds, unsigned room)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < room)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

ssize_t wf_wire_recv(int sock, void *msg, size_t cap, int *fds, unsigned *n)
{
	union control control;
	struct iovec iov = {msg, cap};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	ssize_t rc;

	do
		rc = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	*n = take_fds(&h, fds, *n);
	return rc;
}
