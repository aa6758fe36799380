/* SPDX-License-Identifier: MIT */
/* Sockets: making, naming, connecting, accepting. */
#include <errno.h>
#include <netinet/in.h>

#include "../../sched/sched.h"
#include "weft/net.h"

#define RESULT(call) ((call) < 0 ? -errno : 0)

int weft_socket(int domain, int type, int protocol)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	return wf_descriptor(fd, (type & 0xf) == SOCK_STREAM);
}

int weft_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return RESULT(bind(fd, addr, len));
}

int weft_listen(int fd, int backlog)
{
	int rc = RESULT(listen(fd, backlog));

	return rc ? rc : wf_listening(fd);
}

int weft_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return RESULT(setsockopt(fd, level, name, val, len));
}

int weft_getsockopt(int fd, int level, int name, void *ret_val, socklen_t *len)
{
	return RESULT(getsockopt(fd, level, name, ret_val, len));
}

int weft_accept(int fd, struct sockaddr_storage *ret_peer)
{
	int conn = wf_accept(fd);

	if (conn >= 0 && ret_peer) {
		socklen_t len = sizeof(*ret_peer);
		if (getpeername(conn, (struct sockaddr *)ret_peer, &len))
			ret_peer->ss_family = AF_UNSPEC; /* it has gone already */
	}
	return conn;
}

int weft_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct wf_op op = {
		.code = WF_OP_CONNECT, .fd = fd, .addr = (uintptr_t)addr, .off = len};

	return (int)wf_call(&op);
}

int weft_shutdown(int fd, int how)
{
	return wf_shutdown(fd, how);
}

int weft_fd_adopt(int fd)
{
	return wf_adopt(fd);
}

ssize_t weft_fd_release(int fd, void *buf, size_t len)
{
	return wf_release(fd, buf, len);
}
