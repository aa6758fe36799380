/* SPDX-License-Identifier: MIT */
/* What to answer: files, parts of files, nothing new, listings, errors. */
#include <errno.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "httpd.h"

/* --- heads ------------------------------------------------------------------------- */

static void head_begin(struct work *w, struct text *t, unsigned status)
{
	*t = (struct text){.data = w->out + w->out_len,
			   .cap = sizeof(w->out) - w->out_len};
	local_get()->count.requests++;
	local_get()->count.by_class[status / 100]++;
}

static void head_status(struct text *t, unsigned status)
{
	text_str(t, "HTTP/1.1 ");
	text_num(t, status, 10);
	text_str(t, " ");
	text_str(t, http_status_str(status));
	text_str(t, "\r\n");
}

static void head_length(struct text *t, uint64_t len)
{
	text_str(t, "Content-Length: ");
	text_num(t, len, 10);
	text_str(t, "\r\n");
}

/* The date changes once a second; format it no more often. */
static void head_date(struct text *t)
{
	struct local *here = local_get();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec != here->date_at) {
		struct text date = {.data = here->date, .cap = sizeof(here->date)};

		text_str(&date, "Date: ");
		text_date(&date, now.tv_sec);
		text_str(&date, "\r\n");
		here->date_at = now.tv_sec;
	}
	text_add(t, here->date, sizeof(here->date) - 1);
}

/* Put what every head ends with, and count it as gathered. */
static void head_end(struct work *w, struct text *t)
{
	if (atomic_load_explicit(&draining, memory_order_relaxed))
		w->req.close = true;
	head_date(t);
	if (w->req.close)
		text_str(t, "Connection: close\r\n");
	else if (w->parser.http_minor == 0)
		text_str(t, "Connection: keep-alive\r\n");
	text_str(t, "\r\n");
	w->out_len += t->len; /* it fits: respond() saw to HEAD_ROOM */
}

/* --- errors and redirects ---------------------------------------------------------- */

static int respond_status(struct work *w, unsigned status)
{
	const char *what = http_status_str(status);
	struct text t;

	head_begin(w, &t, status);
	head_status(&t, status);
	head_length(&t, strlen(what) + 1);
	text_str(&t, "Content-Type: text/plain; charset=utf-8\r\n");
	if (status == 405)
		text_str(&t, "Allow: GET, HEAD\r\n");
	if (status == 503)
		text_str(&t, "Retry-After: 1\r\n");
	head_end(w, &t);
	if (w->parser.method == HTTP_HEAD && w->req.head_done)
		return 0;
	send_body(w, what, strlen(what));
	return send_body(w, "\n", 1);
}

static int respond_errno(struct work *w, int err)
{
	switch (-err) {
	case ECANCELED:
	case ETIMEDOUT:
		return err;
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP: /* among these are links that lead out */
	case EXDEV:
		return respond_status(w, 404);
	case EACCES:
	case EPERM:
		return respond_status(w, 403);
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return respond_status(w, 503);
	default:
		return respond_status(w, 500);
	}
}

/* A directory was asked for without its slash, and relative links in it would break. */
static int respond_redirect(struct work *w)
{
	const char *path = work_at(w, w->req.path);
	struct text t;

	head_begin(w, &t, 301);
	head_status(&t, 301);
	head_length(&t, 0);
	text_str(&t, "Location: /");
	text_add(&t, path, w->req.path.len);
	text_str(&t, "/");
	text_add(&t, work_at(w, w->req.query), w->req.query.len);
	text_str(&t, "\r\n");
	head_end(w, &t);
	return 0;
}

/* --- files ------------------------------------------------------------------------- */

static bool slice_is(const struct work *w, struct slice value, const struct file *f,
		     struct slice part)
{
	return value.len == part.len &&
	       !memcmp(work_at(w, value), f->head + part.at, part.len);
}

static bool not_modified(const struct work *w, const struct file *f)
{
	const struct request *req = &w->req;
	const char *none = work_at(w, req->if_none);
	time_t since;

	if (req->if_none.len) /* a list of tags, some of them perhaps W/ */
		return *none == '*' ||
		       memmem(none, req->if_none.len, f->head + f->tag.at, f->tag.len);
	if (!req->if_modified.len)
		return false;
	if (slice_is(w, req->if_modified, f, f->modified))
		return true;
	since = date_parse(work_at(w, req->if_modified), req->if_modified.len);
	return since != -1 && f->mtime < (since + 1) * 1000000000LL;
}

static const char *number(const char *s, const char *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (s == end || *s < '0' || *s > '9')
		return NULL;
	for (; s < end && *s >= '0' && *s <= '9'; s++)
		value = value > UINT64_MAX / 10 - 10 ? value
						     : value * 10 + (uint64_t)(*s - '0');
	*ret_value = value;
	return s;
}

/*
 * "bytes=5-9", "bytes=5-" or "bytes=-5" as [*ret_from, *ret_to). Returns the status: 206,
 * 416, or 200 where the header is to be ignored: malformed, or several ranges.
 */
static unsigned range_parse(const char *s, size_t len, uint64_t size, uint64_t *ret_from,
			    uint64_t *ret_to)
{
	const char *end = s + len;
	uint64_t from = 0, last = UINT64_MAX - 1;
	bool suffix;

	if (len < 7 || strncasecmp(s, "bytes=", 6) != 0)
		return 200;
	s += 6;
	suffix = *s == '-';
	if (!suffix)
		s = number(s, end, &from);
	if (!s || s == end || *s++ != '-')
		return 200;
	if (suffix || s < end)
		s = number(s, end, &last);
	if (s != end || (!suffix && last < from))
		return 200;
	if (suffix) {
		from = last < size ? size - last : 0;
		last = last ? UINT64_MAX - 1 : 0;
		from = last ? from : size;
	}
	if (from >= size)
		return 416;
	*ret_from = from;
	*ret_to = last < size ? last + 1 : size;
	return 206;
}

static unsigned file_status(const struct work *w, const struct file *f,
			    uint64_t *ret_from, uint64_t *ret_to)
{
	const struct request *req = &w->req;

	*ret_from = 0;
	*ret_to = f->size;
	if (not_modified(w, f))
		return 304;
	if (!req->range.len || w->parser.method != HTTP_GET)
		return 200;
	if (req->if_range.len && !slice_is(w, req->if_range, f, f->tag) &&
	    !slice_is(w, req->if_range, f, f->modified))
		return 200;
	return range_parse(work_at(w, req->range), req->range.len, f->size, ret_from,
			   ret_to);
}

static void head_file(struct work *w, const struct file *f, unsigned status,
		      uint64_t from, uint64_t to)
{
	struct text t;

	head_begin(w, &t, status);
	if (status == 200) {
		text_add(&t, f->head, f->head_len);
		head_end(w, &t);
		return;
	}
	head_status(&t, status);
	if (status == 206) {
		head_length(&t, to - from);
		text_str(&t, "Content-Range: bytes ");
		text_num(&t, from, 10);
		text_str(&t, "-");
		text_num(&t, to - 1, 10);
		text_str(&t, "/");
		text_num(&t, f->size, 10);
		text_str(&t, "\r\n");
	} else if (status == 416) {
		head_length(&t, 0);
		text_str(&t, "Content-Range: bytes */");
		text_num(&t, f->size, 10);
		text_str(&t, "\r\n");
	}
	text_add(&t, f->head + f->common.at, f->common.len);
	head_end(w, &t);
}

static int respond_file(struct work *w, const struct file *f)
{
	uint64_t from, to;
	unsigned status = file_status(w, f, &from, &to);

	head_file(w, f, status, from, to);
	if (w->parser.method == HTTP_HEAD || status == 304 || status == 416 || from == to)
		return 0;
	if (f->body)
		return send_body(w, f->body + from, to - from);
	return send_file(w, f->fd, (off_t)from, to - from);
}

/* --- listings ---------------------------------------------------------------------- */

struct names {
	char **all; /* directories end in '/' */
	size_t n;
};

static int names_add(struct names *names, const struct dirent64 *e)
{
	char **all = names->all;
	char *name;

	if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
		return 0;
	if ((names->n & (names->n - 1)) == 0) {
		all = realloc(all, (names->n ? 2 * names->n : 1) * sizeof(*all));
		if (!all)
			return -ENOMEM;
		names->all = all;
	}
	name = malloc(strlen(e->d_name) + 2);
	if (!name)
		return -ENOMEM;
	strcpy(name, e->d_name);
	strcat(name, e->d_type == DT_DIR ? "/" : "");
	all[names->n++] = name;
	return 0;
}

/* Reading a directory has no io_uring operation; it blocks, as briefly as its disk does.
 */
static int names_read(struct names *names, int fd)
{
	char *buf = malloc(32768);
	ssize_t n = buf ? 1 : -ENOMEM;
	int r = 0;

	while (n > 0 && r == 0) {
		n = getdents64(fd, buf, 32768);
		for (ssize_t at = 0; at < n && r == 0;) {
			const void *e = buf + at;

			r = names_add(names, e);
			at += ((const struct dirent64 *)e)->d_reclen;
		}
	}
	free(buf);
	return n < 0 ? -EIO : r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_write(struct text *t, const char *title, const struct names *names)
{
	text_str(t, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>/");
	text_html(t, title);
	text_str(t, "</title></head>\n<body><h1>/");
	text_html(t, title);
	text_str(t, "</h1>\n<ul>\n");
	if (*title)
		text_str(t, "<li><a href=\"../\">../</a></li>\n");
	for (size_t i = 0; i < names->n; i++) {
		char *name = names->all[i];
		size_t len = strlen(name);
		bool dir = name[len - 1] == '/';

		name[len - dir] = '\0';
		text_str(t, "<li><a href=\"");
		text_url(t, name);
		text_str(t, dir ? "/\">" : "\">");
		text_html(t, name);
		text_str(t, dir ? "/</a></li>\n" : "</a></li>\n");
	}
	text_str(t, "</ul></body></html>\n");
}

static int listing_make(struct work *w, struct text *ret_page)
{
	struct text page = {.grows = true};
	struct names names = {0};
	int fd = file_open(*w->path ? w->path : ".", O_RDONLY | O_DIRECTORY);
	int r = fd;

	if (fd >= 0) {
		r = names_read(&names, fd);
		weft_close(fd);
	}
	if (r >= 0) {
		if (names.n)
			qsort(names.all, names.n, sizeof(*names.all), by_name);
		listing_write(&page, w->path, &names);
		r = page.lost ? -ENOMEM : 0;
	}
	while (names.n)
		free(names.all[--names.n]);
	free(names.all);
	if (r < 0)
		free(page.data);
	else
		*ret_page = page;
	return r;
}

static int respond_listing(struct work *w)
{
	struct text page, t;
	int r = listing_make(w, &page);

	if (r < 0)
		return respond_errno(w, r);
	head_begin(w, &t, 200);
	head_status(&t, 200);
	head_length(&t, page.len);
	text_str(&t, "Content-Type: text/html; charset=utf-8\r\n");
	head_end(w, &t);
	if (w->parser.method != HTTP_HEAD)
		r = send_body(w, page.data, page.len);
	free(page.data);
	return r;
}

/* --- which of them ----------------------------------------------------------------- */

/* ".." has no business here; openat2() would stop it at the root, but not before. */
static bool path_climbs(const char *path)
{
	for (const char *s = path; (s = strstr(s, "..")) != NULL; s += 2)
		if ((s == path || s[-1] == '/') && (s[2] == '/' || s[2] == '\0'))
			return true;
	return false;
}

/* The parts of the target: "/a?b" or "http://host/a?b". False: malformed. */
static bool url_split(struct work *w)
{
	struct request *req = &w->req;
	const char *url = work_at(w, req->url);
	struct http_parser_url parts;

	http_parser_url_init(&parts);
	if (http_parser_parse_url(url, req->url.len, 0, &parts) != 0)
		return false;
	if (parts.field_set & 1 << UF_PATH) {
		req->path.at = (uint16_t)(req->url.at + parts.field_data[UF_PATH].off);
		req->path.len = parts.field_data[UF_PATH].len;
	}
	if (parts.field_set & 1 << UF_QUERY) { /* with its question mark */
		req->query.at =
			(uint16_t)(req->url.at + parts.field_data[UF_QUERY].off - 1);
		req->query.len = (uint16_t)(parts.field_data[UF_QUERY].len + 1);
	}
	while (req->path.len && *work_at(w, req->path) == '/') {
		req->path.at++; /* all of them: "//name" in a redirect is another host */
		req->path.len--;
	}
	return true;
}

/* Decode the path below the root to w->path. */
static bool path_decode(struct work *w)
{
	int n = url_split(w)
			? url_decode(w->path, work_at(w, w->req.path), w->req.path.len)
			: -1;

	if (n < 0)
		return false;
	w->path_len = (unsigned)n;
	return w->path[0] != '/' && !path_climbs(w->path);
}

static int respond_path(struct work *w)
{
	bool dir = w->path_len == 0 || w->path[w->path_len - 1] == '/';
	struct file *f;
	int r;

	if (dir)
		strcpy(w->path + w->path_len, "index.html");
	r = file_get(w->path, strlen(w->path), w->now, &f);
	if (r == 0) {
		r = respond_file(w, f);
		file_put(f);
		return r;
	}
	w->path[w->path_len] = '\0';
	if (dir && (r == -ENOENT || r == -EISDIR))
		return respond_listing(w);
	return r == -EISDIR ? respond_redirect(w) : respond_errno(w, r);
}

int respond(struct work *w)
{
	int r = 0;

	if (sizeof(w->out) - w->out_len < HEAD_ROOM)
		r = send_flush(w);
	if (r < 0)
		return r;
	if (w->req.status)
		return respond_status(w, w->req.status);
	if (!path_decode(w))
		return respond_status(w, 400);
	return respond_path(w);
}
