/* SPDX-License-Identifier: MIT */
/* TCP by numeric address, with the options that servers want. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "../options.h"
#include "weft/file.h"
#include "weft/net.h"

/* NULL host: the IPv6 wildcard, which takes IPv4 too. */
static int parse(const char *host, uint16_t port, struct sockaddr_storage *ret_addr,
		 socklen_t *ret_len)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};

	memset(ret_addr, 0, sizeof(*ret_addr));
	if (!host || inet_pton(AF_INET6, host, &a6.sin6_addr) == 1) {
		memcpy(ret_addr, &a6, sizeof(a6));
		*ret_len = sizeof(a6);
		return 0;
	}
	if (inet_pton(AF_INET, host, &a4.sin_addr) != 1)
		return -EINVAL;
	memcpy(ret_addr, &a4, sizeof(a4));
	*ret_len = sizeof(a4);
	return 0;
}

static int set(int fd, int level, int name, int value)
{
	return value ? weft_setsockopt(fd, level, name, &value, sizeof(value)) : 0;
}

static int apply(int fd, int family, const struct weft_tcp_options *o)
{
	int rc = set(fd, IPPROTO_TCP, TCP_NODELAY, !o->delay);

	if (!rc && family == AF_INET6)
		rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, o->v6_only);
	if (!rc)
		rc = set(fd, SOL_SOCKET, SO_KEEPALIVE, o->keepalive_sec != 0);
	if (!rc)
		rc = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)o->keepalive_sec);
	if (!rc)
		rc = set(fd, SOL_SOCKET, SO_SNDBUF, o->sndbuf);
	if (!rc)
		rc = set(fd, SOL_SOCKET, SO_RCVBUF, o->rcvbuf);
	return rc;
}

/* A socket for host with the options applied, and where to bind or connect it. */
static int open_socket(const char *host, uint16_t port,
		       const struct weft_tcp_options *opt,
		       struct weft_tcp_options *ret_opt,
		       struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
	int rc = weft__options_copy(ret_opt, sizeof(*ret_opt), opt);

	if (!rc)
		rc = parse(host, port, ret_addr, ret_len);
	if (rc)
		return rc;
	int fd = weft_socket(ret_addr->ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	rc = apply(fd, ret_addr->ss_family, ret_opt);
	if (rc)
		weft_close(fd);
	return rc ? rc : fd;
}

int weft_tcp_listen(const char *host, uint16_t port, const struct weft_tcp_options *opt)
{
	struct weft_tcp_options o;
	struct sockaddr_storage addr;
	socklen_t len = 0;
	int fd = open_socket(host, port, opt, &o, &addr, &len);

	if (fd < 0)
		return fd;
	int rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!rc)
		rc = set(fd, SOL_SOCKET, SO_REUSEPORT, o.reuse_port);
	if (!rc)
		rc = weft_bind(fd, (struct sockaddr *)&addr, len);
	if (!rc)
		rc = weft_listen(fd, o.backlog ? o.backlog : 4096);
	if (rc)
		weft_close(fd);
	return rc ? rc : fd;
}

int weft_tcp_dial(const char *host, uint16_t port, const struct weft_tcp_options *opt)
{
	struct weft_tcp_options o;
	struct sockaddr_storage addr;
	socklen_t len = 0;
	int fd = open_socket(host, port, opt, &o, &addr, &len);

	if (fd < 0)
		return fd;
	int rc = weft_connect(fd, (struct sockaddr *)&addr, len);
	if (rc)
		weft_close(fd);
	return rc ? rc : fd;
}

int weft_tcp_port(int fd)
{
	struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return -errno;
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	return addr.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&addr)->sin_port)
					 : -EAFNOSUPPORT;
}
