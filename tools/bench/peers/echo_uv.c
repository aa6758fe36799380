/* SPDX-License-Identifier: MIT */
/* Echo server, libuv: uv_try_write() first, uv_write() of a copy for what is left. */
#include <uv.h>

#include "peer.h"

struct out {
	uv_write_t req;
	char data[];
};

static char scratch[65536]; /* one is enough: reads are handled before the next alloc */

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	(void)h;
	(void)size;
	*buf = uv_buf_init(scratch, sizeof(scratch));
}

static void on_close(uv_handle_t *h)
{
	free(h);
}

static void on_written(uv_write_t *req, int status)
{
	(void)status;
	free(req);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	uv_buf_t b = uv_buf_init(buf->base, n > 0 ? (unsigned)n : 0);
	struct out *o;
	int sent;

	if (n < 0)
		uv_close((uv_handle_t *)s, on_close);
	if (n <= 0)
		return;
	sent = uv_try_write(s, &b, 1);
	if (sent == (int)n)
		return;
	if (sent < 0)
		sent = 0;
	o = malloc(sizeof(*o) + (size_t)(n - sent));
	memcpy(o->data, b.base + sent, (size_t)(n - sent));
	b = uv_buf_init(o->data, (unsigned)(n - sent));
	uv_write(&o->req, s, &b, 1, on_written);
}

static void on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *c = malloc(sizeof(*c));

	(void)status;
	uv_tcp_init(listener->loop, c);
	if (uv_accept(listener, (uv_stream_t *)c))
		uv_close((uv_handle_t *)c, on_close);
	else
		uv_read_start((uv_stream_t *)c, on_alloc, on_read);
}

int main(int argc, char **argv)
{
	uv_tcp_t listener;

	uv_tcp_init(uv_default_loop(), &listener);
	uv_tcp_open(&listener, peer_listen(argc > 1 ? argv[1] : "7777", SOCK_NONBLOCK));
	uv_listen((uv_stream_t *)&listener, 4096, on_connection);
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
