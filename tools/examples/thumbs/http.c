/* SPDX-License-Identifier: MIT */
/* Requests and answers. The parsing is http-parser's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <http_parser.h>
#include <weft.h>

#include "thumbs.h"

static int refuse(struct request *req, unsigned status)
{
	req->status = status;
	req->keep_alive = false;
	return 1;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct request *req = p->data;
	size_t have = strlen(req->path);

	if (have + len >= sizeof(req->path))
		return refuse(req, 414);
	memcpy(req->path + have, at, len);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct request *req = p->data;

	if (len > UPLOAD_MAX - req->body_len)
		return refuse(req, 413);
	if (req->body_len + len > req->body_cap) {
		size_t cap = req->body_cap ? req->body_cap : 64 << 10;
		while (cap < req->body_len + len)
			cap *= 2;
		char *body = realloc(req->body, cap);
		if (!body)
			return refuse(req, 503);
		req->body = body;
		req->body_cap = cap;
	}
	memcpy(req->body + req->body_len, at, len);
	req->body_len += len;
	return 0;
}

static int on_complete(http_parser *p)
{
	struct request *req = p->data;

	snprintf(req->method, sizeof(req->method), "%s",
		 http_method_str((enum http_method)p->method));
	req->keep_alive = http_should_keep_alive(p);
	req->done = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_url = on_url, .on_body = on_body, .on_message_complete = on_complete};

/* Returns how much of it was used. */
static size_t parse(http_parser *p, const char *buf, size_t len)
{
	struct request *req = p->data;
	size_t used = http_parser_execute(p, &settings, buf, len);

	if (!req->done && HTTP_PARSER_ERRNO(p) != HPE_OK && !req->status)
		refuse(req, 400);
	return used;
}

int request_read(int fd, char *buf, size_t cap, size_t *io_len, struct request *req)
{
	http_parser p;

	*req = (struct request){0};
	http_parser_init(&p, HTTP_REQUEST);
	p.data = req;
	for (;;) {
		size_t used = *io_len ? parse(&p, buf, *io_len) : 0;
		*io_len -= used;
		memmove(buf, buf + used, *io_len);
		if (req->done || req->status)
			return 0;
		ssize_t n = weft_recv(fd, buf + *io_len, cap - *io_len, 0);
		if (n <= 0)
			return n ? (int)n : -ECONNRESET;
		*io_len += (size_t)n;
	}
}

int reply(int fd, unsigned status, const char *type, const void *body, size_t len,
	  bool keep_alive)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: "
			 "%zu\r\nConnection: %s\r\n\r\n",
			 status, http_status_str((enum http_status)status), type, len,
			 keep_alive ? "keep-alive" : "close");
	ssize_t rc = weft_send_all(fd, head, (size_t)n, len ? MSG_MORE : 0);

	if (rc >= 0 && len)
		rc = weft_send_all(fd, body, len, 0);
	return rc < 0 ? (int)rc : 0;
}
