/* SPDX-License-Identifier: MIT */
/*
 * A client that sends and sends to a server which does not read: flooder PORT.
 *
 * Every 10 ms it resets its connection and opens the next one, sends one byte, by which the
 * server knows it (weft_echo's hole), and then all that fits. PORT 0: to a listener of its
 * own that does not read either, which costs this side the same.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PERIOD_US = 10000, BLOCK = 16 * 1024, SNDBUF = 64 * 1024, SECONDS = 600 };

static struct sockaddr_in to = {.sin_family = AF_INET};
static int sink = -1;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void open_sink(void)
{
	socklen_t len = sizeof(to);

	sink = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(sink, (struct sockaddr *)&to, len) || listen(sink, 8) ||
	    getsockname(sink, (struct sockaddr *)&to, &len))
		die("sink");
}

static int dial(void)
{
	const struct linger reset = {1, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	/* small, so that what it takes from the pingers' core comes in small pieces */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SNDBUF}, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return fd;
}

static void flood(void)
{
	static char block[BLOCK];
	int fd = dial(), peer = sink < 0 ? -1 : accept(sink, NULL, NULL);

	if (send(fd, block, 1, MSG_NOSIGNAL) != 1)
		die("send");
	for (int i = 0; i < 10; i++) {
		usleep(PERIOD_US / 10); /* at first, so that the byte comes alone */
		while (send(fd, block, BLOCK, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			;
	}
	close(fd);
	if (peer >= 0)
		close(peer);
}

int main(int argc, char **argv)
{
	uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 0);

	alarm(SECONDS);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(port);
	if (!port)
		open_sink();
	for (;;)
		flood();
}
