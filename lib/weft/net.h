/* SPDX-License-Identifier: MIT */
/*
 * Sockets. The calls mirror POSIX on plain int descriptors.
 *
 * A stream socket that weft made (weft_socket, weft_accept, the tcp calls) is received
 * from ahead of need: the kernel delivers into a worker's buffers while nobody is
 * waiting, at most readahead_bytes a connection. Hence use such a descriptor only through
 * weft, or first take it back with weft_fd_release(). Every other descriptor is read only
 * on demand until weft_fd_adopt().
 *
 * One receiver and one accepter at a time per descriptor (-EBUSY). Writing to a closed
 * connection is -EPIPE, never a signal.
 */
#ifndef WEFT_NET_H
#define WEFT_NET_H

#include <sys/socket.h>

#include "base.h"

WEFT_BEGIN_DECLS

struct weft_tcp_options {
	size_t size;     /* sizeof(struct weft_tcp_options) */
	int backlog;     /* listen; 0: 4096 (the kernel cuts it at somaxconn) */
	bool reuse_port; /* SO_REUSEPORT: several listeners share one port */
	bool delay;      /* leave Nagle's algorithm on; TCP_NODELAY is set otherwise */
	bool v6_only;    /* IPV6_V6ONLY */
	unsigned keepalive_sec; /* SO_KEEPALIVE with this idle time; 0: off */
	int sndbuf, rcvbuf;     /* SO_SNDBUF, SO_RCVBUF in bytes; 0: the kernel's */
};

/*
 * Listen on a numeric address ("127.0.0.1", "::", NULL for any) and port (0: the kernel
 * chooses; weft_tcp_port() tells). Returns the descriptor, close-on-exec. Accepted
 * sockets inherit the options. Does not park.  -EINVAL no such address  -EADDRINUSE
 */
WEFT_API int weft_tcp_listen(const char *host, uint16_t port,
			     const struct weft_tcp_options *opt);

/* [parks] Connect to a numeric address and port; returns the descriptor. -ECONNREFUSED
 * ... */
WEFT_API int weft_tcp_dial(const char *host, uint16_t port,
			   const struct weft_tcp_options *opt);

/* The local port of a bound socket, host byte order. */
WEFT_API int weft_tcp_port(int fd);

/* As socket(2), always close-on-exec. Does not park. -EMFILE, -ENFILE ... */
WEFT_API int weft_socket(int domain, int type, int protocol);
WEFT_API int weft_bind(int fd, const struct sockaddr *addr, socklen_t len);
WEFT_API int weft_listen(int fd, int backlog);

/* As setsockopt(2) and getsockopt(2), with the error returned. */
WEFT_API int weft_setsockopt(int fd, int level, int name, const void *val, socklen_t len);
WEFT_API int weft_getsockopt(int fd, int level, int name, void *ret_val, socklen_t *len);

/*
 * [parks] Take the next connection from a listening socket. Returns its descriptor,
 * close-on-exec, yours to weft_close(). ret_peer may be NULL. Aborted handshakes are
 * retried, not reported.
 *   -EMFILE, -ENFILE no descriptor, the listener is still good: close something, call
 * again -EBADF the listener was closed      -EBUSY
 */
WEFT_API int weft_accept(int fd, struct sockaddr_storage *ret_peer);

/* [parks] As connect(2). After -ECANCELED, -ETIMEDOUT or -EINTR close the socket. */
WEFT_API int weft_connect(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * [parks] Receive 1..len bytes into buf. Returns the count, or 0 when the peer has
 * finished sending. If data and a deadline race, data wins: bytes taken from the socket
 * are always returned. buf is yours again on return, cancelled or not. flags: 0,
 * MSG_DONTWAIT
 * (-EAGAIN) or MSG_PEEK.
 *   -ECONNRESET peer reset      -EBADF closed meanwhile      -EBUSY
 */
WEFT_API ssize_t weft_recv(int fd, void *buf, size_t len, int flags);

/* [parks] Receive exactly len bytes: len, or what came before the end (0..len-1). */
WEFT_API ssize_t weft_recv_all(int fd, void *buf, size_t len);

/* [parks] Send up to len bytes; returns the count. flags: MSG_MORE, MSG_DONTWAIT. One
 * sender at a time, or the bytes interleave.  -EPIPE, -ECONNRESET */
WEFT_API ssize_t weft_send(int fd, const void *buf, size_t len, int flags);

/* [parks] Send all len bytes. On an error some may have been sent. Returns len. */
WEFT_API ssize_t weft_send_all(int fd, const void *buf, size_t len, int flags);

/* [parks] As sendmsg(2), for iovecs and control data. May send less than asked. */
WEFT_API ssize_t weft_sendmsg(int fd, const struct msghdr *msg, int flags);

/*
 * [parks] Send count bytes of file `in` from *offset (advanced) on to socket `fd`, from
 * the page cache without copying through user space. Returns the bytes sent: less than
 * count when the file ended, or when an error, a deadline or a cancel came after some; the
 * next call tells which.
 */
WEFT_API ssize_t weft_sendfile(int fd, int in, off_t *offset, size_t count);

/* [parks] Wait until any of poll(2)'s `events`; returns those that came, or some of them.
 * Bytes that were received ahead, and connections that were accepted ahead, count as
 * POLLIN. -EBUSY: POLLIN while another coroutine receives. */
WEFT_API int weft_poll(int fd, short events);

/* [parks] As shutdown(2). */
WEFT_API int weft_shutdown(int fd, int how);

/* Let weft receive ahead on a stream socket that it did not make. -ENOTSOCK, -EBADF */
WEFT_API int weft_fd_adopt(int fd);

/*
 * [parks] The reverse: stop receiving ahead and hand the descriptor back. Bytes that were
 * already taken from the socket, at most len, go to buf; returns their count.
 * -ENOSPC more than len are held: nothing was changed, call again with more room.
 */
WEFT_API ssize_t weft_fd_release(int fd, void *buf, size_t len);

WEFT_END_DECLS

#endif
