/* SPDX-License-Identifier: MIT */
/* The README's program: a TCP echo server on port 7000. */
#include <weft.h>

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[4096];
	ssize_t n;

	while ((n = weft_recv(fd, buf, sizeof(buf), 0)) > 0 &&
	       weft_send_all(fd, buf, (size_t)n, 0) == n)
		;
	return weft_close(fd);
}

static int serve(void *arg)
{
	int fd, listener = weft_tcp_listen(NULL, 7000, arg);

	while ((fd = weft_accept(listener, NULL)) >= 0)
		if (weft_spawn(echo, (void *)(intptr_t)fd, NULL, NULL) < 0)
			weft_close(fd);
	return fd;
}

int main(void)
{
	return weft_run(serve, NULL, NULL) < 0;
}
