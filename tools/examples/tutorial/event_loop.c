/* SPDX-License-Identifier: MIT */
/* A server and its clients on the workers' rings: the calls that wait look like any others. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <weft.h>

static int serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char line[64];
	ssize_t n;

	while ((n = weft_recv(fd, line, sizeof(line), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			line[i] = (char)toupper((unsigned char)line[i]);
		if (weft_send_all(fd, line, (size_t)n, 0) < 0)
			break;
	}
	return weft_close(fd);
}

static int accept_all(void *arg)
{
	int fd, listener = *(int *)arg;

	while ((fd = weft_accept(listener, NULL)) >= 0)
		if (weft_spawn(serve, (void *)(intptr_t)fd, NULL, NULL) < 0)
			weft_close(fd);
	return 0; /* cancelled when run() returns */
}

struct client {
	int port, i;
	char answer[64];
};

static int ask(void *arg)
{
	struct client *c = arg;
	int fd = weft_tcp_dial("127.0.0.1", (uint16_t)c->port, NULL);

	if (fd < 0)
		return fd;
	int n = snprintf(c->answer, sizeof(c->answer), "hello from client %d\n", c->i);
	weft_send_all(fd, c->answer, (size_t)n, 0);
	weft_recv_all(fd, c->answer, (size_t)n);
	return weft_close(fd);
}

static int run(void *arg)
{
	int listener = weft_tcp_listen("127.0.0.1", 0, NULL);
	struct client client[5];
	struct weft_co *co[5];

	(void)arg;
	if (weft_spawn(accept_all, &listener, NULL, NULL) < 0)
		return 1;
	for (int i = 0; i < 5; i++) {
		client[i] = (struct client){.port = weft_tcp_port(listener), .i = i};
		if (weft_spawn(ask, &client[i], NULL, &co[i]) < 0)
			return 1;
	}
	for (int i = 0; i < 5; i++) {
		weft_join(co[i], NULL);
		fputs(client[i].answer, stdout);
	}
	return weft_close(listener);
}

int main(void)
{
	return weft_run(run, NULL, NULL);
}
