/* SPDX-License-Identifier: MIT */
/*
 * The files, cached: small ones with their content, the others as open descriptors. Each
 * worker has its own cache and looks whether a file has changed at most twice a second.
 *
 * Only the reference counts are atomic. A table is used by its worker alone: a lookup
 * does not park, and a coroutine that must (to look at the disk) is pinned meanwhile.
 */
#include <errno.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "httpd.h"

#define BODY_CACHED 65536           /* larger files are sent from their descriptor */
#define BYTES_MAX   (64u << 20)     /* of a worker's cache */
#define FILES_MAX   8192            /* of a worker's cache */
#define FRESH       (500 * WEFT_MS) /* after this long a file is looked at again */
#define STALE       (900 * WEFT_MS) /* and is not served before that was done */
#define YOUNG_NS                                                                         \
	20000000 /* changed so shortly before it was read that another                   \
		    change may have left the same time stamp */

struct cache {
	struct file *chains[2 * FILES_MAX];
	struct file *newest, *oldest;
	size_t bytes;
	unsigned files, fds;
};

/* --- MIME types -------------------------------------------------------------------- */

static const char *mime_type(const char *path)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{"html", "text/html; charset=utf-8"},
		{"htm", "text/html; charset=utf-8"},
		{"css", "text/css; charset=utf-8"},
		{"js", "text/javascript; charset=utf-8"},
		{"mjs", "text/javascript; charset=utf-8"},
		{"txt", "text/plain; charset=utf-8"},
		{"md", "text/markdown; charset=utf-8"},
		{"csv", "text/csv; charset=utf-8"},
		{"xml", "application/xml"},
		{"json", "application/json"},
		{"pdf", "application/pdf"},
		{"wasm", "application/wasm"},
		{"gz", "application/gzip"},
		{"zip", "application/zip"},
		{"tar", "application/x-tar"},
		{"svg", "image/svg+xml"},
		{"png", "image/png"},
		{"jpg", "image/jpeg"},
		{"jpeg", "image/jpeg"},
		{"gif", "image/gif"},
		{"webp", "image/webp"},
		{"avif", "image/avif"},
		{"ico", "image/vnd.microsoft.icon"},
		{"woff", "font/woff"},
		{"woff2", "font/woff2"},
		{"ttf", "font/ttf"},
		{"mp3", "audio/mpeg"},
		{"ogg", "audio/ogg"},
		{"mp4", "video/mp4"},
		{"webm", "video/webm"},
	};
	const char *name = strrchr(path, '/');
	const char *dot = strrchr(name ? name : path, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(*types); i++)
		if (!strcasecmp(dot + 1, types[i].suffix))
			return types[i].type;
	return "application/octet-stream";
}

/* --- one file ---------------------------------------------------------------------- */

static const char *file_path(const struct file *f)
{
	return f->head + f->head_len;
}

static int64_t stamp_ns(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct slice text_value(struct text *t, const char *name,
			       void (*add)(struct text *t, const struct statx *st),
			       const struct statx *st)
{
	struct slice value;

	text_str(t, name);
	value.at = (uint16_t)t->len;
	add(t, st);
	value.len = (uint16_t)(t->len - value.at);
	text_str(t, "\r\n");
	return value;
}

static void add_modified(struct text *t, const struct statx *st)
{
	text_date(t, st->stx_mtime.tv_sec);
}

static void add_tag(struct text *t, const struct statx *st)
{
	text_str(t, "\"");
	text_num(t, (uint64_t)stamp_ns(st->stx_mtime), 16);
	text_str(t, "-");
	text_num(t, st->stx_size, 16);
	text_str(t, "\"");
}

/* All of a 200's head that does not depend on the request. */
static void file_head(struct file *f, struct text *t, const char *path,
		      const struct statx *st)
{
	text_str(t, "HTTP/1.1 200 OK\r\nContent-Length: ");
	text_num(t, st->stx_size, 10);
	text_str(t, "\r\n");
	f->common.at = (uint16_t)t->len;
	text_str(t, "Content-Type: ");
	text_str(t, mime_type(path));
	text_str(t, "\r\n");
	f->modified = text_value(t, "Last-Modified: ", add_modified, st);
	f->tag = text_value(t, "ETag: ", add_tag, st);
	text_str(t, "Accept-Ranges: bytes\r\n");
	f->common.len = (uint16_t)(t->len - f->common.at);
	f->head_len = (uint16_t)t->len;
}

static struct file *file_new(const char *path, size_t len, const struct statx *st)
{
	size_t body = st->stx_size <= BODY_CACHED ? st->stx_size : 0;
	struct file *f = malloc(sizeof(*f) + 512 + len + 1 + body);
	struct text t;
	struct timespec now;

	if (!f)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	*f = (struct file){
		.fd = -1,
		.mtime = stamp_ns(st->stx_mtime),
		.ctime = stamp_ns(st->stx_ctime),
		.ino = st->stx_ino,
		.size = st->stx_size,
		.path_len = (uint16_t)len,
	};
	atomic_init(&f->refs, 1);
	f->young = now.tv_sec * 1000000000LL + now.tv_nsec - f->ctime < YOUNG_NS;
	t = (struct text){.data = f->head, .cap = 512};
	file_head(f, &t, path, st);
	memcpy(f->head + f->head_len, path, len + 1);
	if (st->stx_size <= BODY_CACHED)
		f->body = f->head + f->head_len + len + 1;
	return f;
}

static bool file_same(const struct file *f, const struct statx *st)
{
	return f->mtime == stamp_ns(st->stx_mtime) &&
	       f->ctime == stamp_ns(st->stx_ctime) && f->ino == st->stx_ino &&
	       f->size == st->stx_size;
}

static void file_ref(struct file *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
}

void file_put(struct file *f)
{
	if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) > 1)
		return;
	if (f->fd >= 0)
		weft_close(f->fd);
	free(f);
}

/* --- the table --------------------------------------------------------------------- */

static uint32_t path_hash(const char *path, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 16777619u;
	return hash;
}

static struct file **chain_of(struct cache *c, uint32_t hash)
{
	return &c->chains[hash % (2 * FILES_MAX)];
}

static struct file *cache_find(struct cache *c, const char *path, size_t len,
			       uint32_t hash)
{
	struct file *f = *chain_of(c, hash);

	while (f && (f->hash != hash || f->path_len != len ||
		     memcmp(file_path(f), path, len) != 0))
		f = f->next;
	return f;
}

static void order_add(struct cache *c, struct file *f)
{
	f->newer = NULL;
	f->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = f;
	c->newest = f;
}

static void order_remove(struct cache *c, struct file *f)
{
	*(f->newer ? &f->newer->older : &c->newest) = f->older;
	*(f->older ? &f->older->newer : &c->oldest) = f->newer;
}

static void order_renew(struct cache *c, struct file *f)
{
	if (c->newest == f)
		return;
	order_remove(c, f);
	order_add(c, f);
}

static size_t file_cost(const struct file *f)
{
	return sizeof(*f) + 512 + f->path_len + (f->body ? f->size : 0);
}

/* The caller owns the cache's reference then. */
static void cache_take(struct cache *c, struct file *f)
{
	struct file **p = chain_of(c, f->hash);

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	order_remove(c, f);
	f->cached = false;
	c->bytes -= file_cost(f);
	c->fds -= f->fd >= 0;
	c->files--;
}

/* [parks] */
static void cache_drop(struct cache *c, struct file *f)
{
	if (!f->cached)
		return;
	cache_take(c, f);
	file_put(f);
}

static bool cache_over(const struct cache *c)
{
	return c->bytes > BYTES_MAX || c->files > FILES_MAX ||
	       c->fds > config.max_cached_fds;
}

/* [parks] Put f in, instead of another one of the same path. */
static void cache_add(struct cache *c, struct file *f)
{
	struct file *old = cache_find(c, file_path(f), f->path_len, f->hash);

	file_ref(f);
	f->cached = true;
	f->next = *chain_of(c, f->hash);
	*chain_of(c, f->hash) = f;
	order_add(c, f);
	c->bytes += file_cost(f);
	c->fds += f->fd >= 0;
	c->files++;
	if (old)
		cache_drop(c, old);
	while (cache_over(c))
		cache_drop(c, c->oldest);
}

struct cache *cache_open(void)
{
	return calloc(1, sizeof(struct cache));
}

void cache_free(struct cache *c)
{
	while (c && c->oldest) {
		struct file *f = c->oldest;

		cache_take(c, f);
		if (f->fd >= 0)
			close(f->fd); /* weft has stopped */
		free(f);
	}
	free(c);
}

void files_shed(void)
{
	struct cache *c = local_get()->cache;
	struct file *f;

	weft_pin();
	do {
		for (f = c->oldest; f && f->fd < 0;)
			f = f->newer;
		if (f)
			cache_drop(c, f);
	} while (f);
	weft_unpin();
}

/* --- the disk ---------------------------------------------------------------------- */

int file_open(const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int r;

	for (int tries = 0; tries < 3; tries++) {
		r = weft_openat2(config.root, path, &how);
		if (r == -EMFILE || r == -ENFILE)
			files_shed();
		else if (r != -EAGAIN) /* something was renamed just then */
			break;
	}
	return r;
}

/* [parks] Read all of a small file. */
static int file_fill(struct file *f, int fd)
{
	char *body = (char *)f->body;
	uint64_t at = 0;

	while (at < f->size) {
		ssize_t n = weft_pread(fd, body + at, f->size - at, (off_t)at);

		if (n <= 0)
			return n < 0 ? (int)n : -EAGAIN; /* it shrank just now */
		at += (uint64_t)n;
	}
	return 0;
}

/* [parks] From an open descriptor, which f then owns if the file is large. */
static int file_make(const char *path, size_t len, int *fd, struct file **ret_f)
{
	struct statx st;
	struct file *f;
	int r = weft_statx(*fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st);

	if (r < 0)
		return r;
	if (!S_ISREG(st.stx_mode))
		return S_ISDIR(st.stx_mode) ? -EISDIR : -EACCES;
	fcntl(*fd, F_SETFL, 0); /* O_NONBLOCK was there in case it is a FIFO */
	f = file_new(path, len, &st);
	if (!f)
		return -ENOMEM;
	if (f->body) {
		r = file_fill(f, *fd);
	} else {
		f->fd = *fd;
		*fd = -1;
	}
	if (r < 0)
		free(f);
	else
		*ret_f = f;
	return r;
}

/* [parks] */
static int file_load(struct cache *c, const char *path, size_t len, uint32_t hash,
		     struct file **ret_f)
{
	weft_time now = weft_now();
	int fd = file_open(path, O_RDONLY);
	int r = fd < 0 ? fd : file_make(path, len, &fd, ret_f);

	if (fd >= 0)
		weft_close(fd);
	if (r < 0)
		return r;
	(*ret_f)->hash = hash;
	(*ret_f)->checked = now;
	cache_add(c, *ret_f);
	return 0;
}

/* Good enough without a look at the disk, perhaps because somebody is just looking. */
static bool file_fresh(const struct file *f, weft_time now)
{
	return now < f->checked + (f->checking ? STALE : FRESH);
}

/* [parks] Whether f is still what is on the disk. */
static bool file_check(struct file *f)
{
	weft_time now = weft_now();
	struct statx st;
	int r;

	f->checking = true;
	r = weft_statx(config.root, file_path(f), 0, STATX_BASIC_STATS, &st);
	f->checking = false;
	if (r < 0 || f->young || !file_same(f, &st))
		return false;
	f->checked = now;
	return true;
}

int file_get(const char *path, size_t len, weft_time now, struct file **ret_f)
{
	struct cache *c = local_get()->cache;
	uint32_t hash = path_hash(path, len);
	struct file *f = cache_find(c, path, len, hash);
	int r = 0;

	if (f) {
		file_ref(f);
		order_renew(c, f);
		*ret_f = f;
		if (file_fresh(f, now))
			return 0;
	}
	weft_pin();
	if (!f || !file_check(f)) {
		if (f) {
			cache_drop(c, f);
			file_put(f);
		}
		r = file_load(c, path, len, hash, ret_f);
	}
	weft_unpin();
	return r;
}
