/* SPDX-License-Identifier: MIT */
/*
 * From bytes to struct request. http-parser does the parsing; the callbacks note where
 * the parts lie in the buffer, and refuse what is too large.
 */
#include <strings.h>

#include "httpd.h"

static struct work *work_of(http_parser *p)
{
	return p->data;
}

/* Stop the parser: the request is to be answered with status. */
static int refuse(struct request *req, unsigned status)
{
	req->status = (uint16_t)status;
	return -1;
}

/* Add a piece that was found at `at`. Pieces of one part are neighbours, but for the
 * folded header lines of old, which we need not accept. */
static int slice_add(struct work *w, struct slice *s, const char *at, size_t len)
{
	size_t from = (size_t)(at - w->in) - w->base;

	if (s->len == 0)
		s->at = (uint16_t)from;
	else if (from != (size_t)s->at + s->len)
		return refuse(&w->req, 400);
	s->len = (uint16_t)(s->len + len);
	return 0;
}

static int on_begin(http_parser *p)
{
	work_of(p)->req.begun = true;
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct work *w = work_of(p);

	if (w->req.url.len + len > URI_MAX)
		return refuse(&w->req, 414);
	return slice_add(w, &w->req.url, at, len);
}

static int on_field(http_parser *p, const char *at, size_t len)
{
	struct work *w = work_of(p);

	if (w->req.value) {
		w->req.value = NULL;
		w->req.field.len = 0;
	}
	return slice_add(w, &w->req.field, at, len);
}

/* Where the value of the header w->req.field is to be kept. */
static struct slice *value_slot(struct work *w)
{
	static const struct {
		const char *name;
		size_t slot;
	} wanted[] = {
		{"Range", offsetof(struct request, range)},
		{"If-Range", offsetof(struct request, if_range)},
		{"If-None-Match", offsetof(struct request, if_none)},
		{"If-Modified-Since", offsetof(struct request, if_modified)},
	};
	struct request *req = &w->req;
	const char *name = work_at(w, req->field);

	if (req->field.len == 4 && !strncasecmp(name, "Host", 4))
		req->hosts++;
	if (req->field.len == 6 && !strncasecmp(name, "Expect", 6))
		req->expect = true;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (req->field.len == strlen(wanted[i].name) &&
		    !strncasecmp(name, wanted[i].name, req->field.len))
			return (void *)((char *)req + wanted[i].slot);
	return &req->ignored;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	struct work *w = work_of(p);

	if (!w->req.value) {
		w->req.value = value_slot(w);
		w->req.value->len = 0;
	}
	return slice_add(w, w->req.value, at, len);
}

static int on_head(http_parser *p)
{
	struct work *w = work_of(p);
	struct request *req = &w->req;
	bool sized = p->flags & F_CONTENTLENGTH && p->content_length > 0;
	bool body = sized || p->flags & F_CHUNKED;
	bool known = p->method == HTTP_GET || p->method == HTTP_HEAD;

	req->head_done = true;
	if (p->http_major != 1)
		return refuse(req, 505);
	if (req->hosts > 1 || (req->hosts == 0 && p->http_minor > 0))
		return refuse(req, 400);
	if (sized && p->content_length > BODY_MAX)
		return refuse(req, 413);
	if (body && req->expect)
		return refuse(req, known ? 417 : 405);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct work *w = work_of(p);
	struct request *req = &w->req;

	if (!req->keep)
		req->keep = (uint16_t)((size_t)(at - w->in) - w->base);
	req->body += len;
	return req->body > BODY_MAX ? refuse(req, 413) : 0;
}

static int on_complete(http_parser *p)
{
	struct request *req = &work_of(p)->req;

	req->close = !http_should_keep_alive(p);
	if (p->method != HTTP_GET && p->method != HTTP_HEAD)
		req->status = 405;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_begin,
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/* http-parser says the same of an unknown method and of garbage. */
static unsigned bad_method(const struct work *w)
{
	for (unsigned i = w->base; i < w->len && w->in[i] != ' '; i++)
		if (w->in[i] < 'A' || w->in[i] > 'Z')
			return 400;
	return w->in[w->base] == ' ' ? 400 : 501;
}

static unsigned bad_status(const struct work *w)
{
	switch (HTTP_PARSER_ERRNO(&w->parser)) {
	case HPE_INVALID_METHOD:
		return bad_method(w);
	case HPE_HEADER_OVERFLOW:
		return 431;
	case HPE_INVALID_TRANSFER_ENCODING:
		return 501;
	default:
		return 400;
	}
}

/* The request goes on: make room for the rest. True: there is none, and so it is bad. */
static bool request_room(struct work *w)
{
	struct request *req = &w->req;

	if (req->head_done) { /* the rest is a body, which nobody wants: reuse its place
			       */
		if (!req->keep)
			req->keep = (uint16_t)(w->pos - w->base);
		w->pos = w->len = w->base + req->keep;
	}
	memmove(w->in, w->in + w->base, w->len - w->base);
	w->pos -= w->base;
	w->len -= w->base;
	w->base = 0;
	if (w->len < sizeof(w->in))
		return false;
	req->close = true;
	refuse(req, 431);
	return true;
}

static void request_init(struct work *w)
{
	memset(&w->req, 0, sizeof(w->req));
	http_parser_init(&w->parser, HTTP_REQUEST);
	w->parser.data = w;
}

bool request_parse(struct work *w)
{
	struct request *req = &w->req;
	size_t n;

	if (w->pos == w->base)
		request_init(w);
	if (req->status) /* since it was looked at last */
		return true;
	if (w->pos == w->len)
		return false;
	n = http_parser_execute(&w->parser, &settings, w->in + w->pos, w->len - w->pos);
	w->pos += (unsigned)n;
	if (HTTP_PARSER_ERRNO(&w->parser) == HPE_PAUSED)
		return true;
	if (HTTP_PARSER_ERRNO(&w->parser) != HPE_OK) {
		if (!req->status)
			req->status = (uint16_t)bad_status(w);
		req->close = true;
		return true;
	}
	if (!req->begun) /* only the empty lines that may precede a request */
		w->base = w->pos;
	return request_room(w);
}

int request_late(struct work *w)
{
	w->req.close = true;
	w->req.status = 408;
	return 0;
}

void request_next(struct work *w)
{
	w->base = w->pos;
	w->due = 0;
}
