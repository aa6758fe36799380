/* SPDX-License-Identifier: MIT */
/*
 * httpd: serves a directory over HTTP/1.1. One coroutine per connection, written as if it
 * blocked. The rooms, in the order to read them:
 *
 *	main.c     options, listeners, signals, drain, counters
 *	conn.c     the life of a connection: wait, read, answer, again
 *	request.c  bytes in, struct request out (the parsing is http-parser's)
 *	respond.c  what to answer
 *	files.c    the files, cached
 *	send.c     the answers' way out
 *	text.c     numbers, dates, escaping
 *
 * What an idle connection costs is one page of stack: whatever is large lies in a struct
 * work, which a connection holds only while it has a request in hand.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <stdatomic.h>
#include <pthread.h>

#include <http_parser.h>
#include <weft.h>

#include "text.h"

#define URI_MAX   4096            /* longer: 414 */
#define IN_MAX    8192            /* request line and headers; longer: 431 */
#define BODY_MAX  65536           /* a request's body, read and dropped; longer: 413 */
#define OUT_MAX   16384           /* answers that are gathered before they are sent */
#define HEAD_ROOM (URI_MAX + 512) /* the longest answer without its body */

/* Set before the runtime starts, constant afterwards. */
struct config {
	const char *host;
	uint16_t port;
	unsigned max_conns;      /* 0: as many as descriptors are allowed */
	unsigned max_cached_fds; /* a worker */
	weft_time idle;          /* a connection may stay without a request */
	weft_time header;        /* from a request's first byte to its last */
	weft_time send;          /* a client may take nothing of an answer */
	weft_time drain;         /* from SIGTERM to the end */
	int root;                /* the directory */
	int signals;             /* a signalfd for SIGTERM and SIGINT */
};
extern struct config config;

/* --- main.c ------------------------------------------------------------------------ */

struct counters {
	uint64_t requests, bytes, by_class[6], connections, refused;
};

struct cache;

/*
 * One for each worker, so that nothing needs a lock: it is used only by the coroutine
 * that runs on the worker. Hence a pointer to it is good until the next call that parks,
 * unless the coroutine is pinned.
 */
struct local {
	struct counters count;
	struct cache *cache;
	struct work *spare; /* work.next */
	unsigned n_spare;
	time_t date_at;
	char date[sizeof("Date: \r\n") + DATE_LEN];

	/* This much is shared: connections end on any worker. */
	pthread_mutex_t lock;
	struct conn *conns;
} __attribute__((aligned(128)));

struct local *local_get(void);

extern atomic_bool draining;
extern atomic_uint open_conns; /* and those that are being refused */

/* --- request.c --------------------------------------------------------------------- */

/* Part of a request, as an offset from its first byte: the input buffer moves. */
struct slice {
	uint16_t at, len;
};

struct request {
	struct slice url, path, query; /* the latter two: parts of url */
	struct slice field, range, if_range, if_modified, if_none;
	struct slice *value; /* of the header that is being read, if we want it */
	struct slice ignored;
	uint64_t body;   /* bytes seen */
	uint16_t hosts;  /* Host headers */
	uint16_t keep;   /* bytes of in[] that hold the head, once a body has begun */
	uint16_t status; /* not 0: it is bad, answer this */
	bool begun, head_done, expect;
	bool close; /* after the answer */
};

struct work {
	struct work *next;
	int fd;
	unsigned base, pos,
		len; /* in[]: the request begins at base, is parsed up to pos */
	unsigned path_len;
	size_t out_len;
	weft_time now; /* as of the last wait: the clock is not free */
	weft_time due; /* when the request has to be whole; 0: not begun */
	struct http_parser parser;
	struct request req;
	char in[IN_MAX];
	char path[URI_MAX + sizeof("index.html")]; /* decoded, below the root */
	char out[OUT_MAX];
};

static inline const char *work_at(const struct work *w, struct slice s)
{
	return w->in + w->base + s.at;
}

/* Parse what is in the buffer. True: w->req is a whole request, or has a bad status. */
bool request_parse(struct work *w);

/* The rest did not come in time. It is bad then; returns 0. */
int request_late(struct work *w);

/* It was answered: look for the next one behind it. */
void request_next(struct work *w);

/* --- respond.c --------------------------------------------------------------------- */

/* [parks] Answer w->req. A negative errno: the connection is of no use any more. */
int respond(struct work *w);

/* --- send.c ------------------------------------------------------------------------ */

/*
 * [parks] Answers gather in w->out until a flush. Each call fails with -ETIMEDOUT when
 * the client took nothing for config.send.
 */
int send_flush(struct work *w);
int send_body(struct work *w, const void *data, size_t len); /* after the gathered */
int send_file(struct work *w, int fd, off_t offset, size_t len);

/* --- files.c ----------------------------------------------------------------------- */

/* A file as it was when it was last looked at. Reference counted; constant but for that.
 */
struct file {
	struct file *next;          /* in its hash chain */
	struct file *newer, *older; /* in order of use */
	atomic_uint refs;
	uint32_t hash;
	int fd;                       /* or -1: the content is at body */
	bool cached, checking, young; /* the cache's business */
	weft_time checked;
	int64_t mtime, ctime; /* ns */
	uint64_t ino, size;
	const char *body;
	struct slice common;        /* of head: the headers that all its answers share */
	struct slice modified, tag; /* of head: values of Last-Modified and ETag */
	uint16_t head_len, path_len;
	char head[]; /* of a 200; then the path, NUL, the body */
};

/*
 * [parks] Find the regular file `path`, which is relative to the root and never leads out
 * of it. It is at most a second behind the disk.
 *   -EISDIR a directory   -EACCES neither file nor directory   and those of openat2()
 */
int file_get(const char *path, size_t len, weft_time now, struct file **ret_f);
void file_put(struct file *f); /* [parks] */

/* [parks] Open below the root. */
int file_open(const char *path, int flags);

/* [parks] Give back every descriptor of this worker's cache that is not in use. */
void files_shed(void);

struct cache *cache_open(void);
void cache_free(struct cache *c); /* after the runtime has stopped */

/* --- conn.c ------------------------------------------------------------------------ */

/* The coroutines of an accepted connection. arg: the descriptor, as an integer. */
int conn_run(void *arg);
int conn_refuse(void *arg); /* 503 */

/* Wake the idle ones, which then see `draining`. */
void conns_wake(struct local *all, int n);

#endif
