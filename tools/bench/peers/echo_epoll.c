/* SPDX-License-Identifier: MIT */
/*
 * Echo server, raw epoll: level-triggered, one recv and one send an event, 256 events a
 * wait. What a send leaves over waits in the connection for EPOLLOUT.
 */
#include <sys/epoll.h>
#include <unistd.h>

#include "peer.h"

struct conn {
	size_t left, at;
	char buf[1024];
};

static struct conn *conns[MAX_CONNS];
static int ep;

static void watch(int op, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	epoll_ctl(ep, op, fd, &ev);
}

static void drop(int fd)
{
	free(conns[fd]);
	conns[fd] = NULL;
	close(fd);
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= MAX_CONNS || !(conns[fd] = calloc(1, sizeof(struct conn)))) {
			close(fd);
			continue;
		}
		watch(EPOLL_CTL_ADD, fd, EPOLLIN);
	}
}

static void put(int fd, struct conn *c, int was_blocked)
{
	ssize_t n = send(fd, c->buf + c->at, c->left, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		drop(fd);
		return;
	}
	if (n > 0) {
		c->at += (size_t)n;
		c->left -= (size_t)n;
	}
	if (c->left && !was_blocked)
		watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
	else if (!c->left && was_blocked)
		watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void ready(int fd, uint32_t events)
{
	struct conn *c = conns[fd];
	ssize_t n;

	if (events & EPOLLOUT) {
		put(fd, c, 1);
		return;
	}
	n = recv(fd, c->buf, sizeof(c->buf), 0);
	if (n > 0) {
		c->at = 0;
		c->left = (size_t)n;
		put(fd, c, 0);
	} else if (n == 0 || errno != EAGAIN) {
		drop(fd);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event ev[256];
	int listener = peer_listen(argc > 1 ? argv[1] : "7777", SOCK_NONBLOCK);

	ep = epoll_create1(EPOLL_CLOEXEC);
	watch(EPOLL_CTL_ADD, listener, EPOLLIN);
	for (;;) {
		int n = epoll_wait(ep, ev, 256, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == listener)
				accept_all(listener);
			else
				ready(ev[i].data.fd, ev[i].events);
		}
	}
}
