/* SPDX-License-Identifier: MIT */
/* The parts of the thumbnail service. */
#ifndef THUMBS_H
#define THUMBS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	UPLOAD_MAX = 16 << 20, /* bytes */
	THUMB_MAX = 64 << 10,
	THUMB_SIDE = 160, /* pixels */
};

struct request {
	char method[8], path[64]; /* cut */
	char *body;               /* the caller frees it */
	size_t body_len, body_cap;
	unsigned status; /* not 0: answer with this at once */
	bool keep_alive, done;
};

/* [parks] Read one request. `buf` holds what was read ahead, *io_len bytes, before and after. 0;
 * -ECONNRESET: there is none any more. */
int request_read(int fd, char *buf, size_t cap, size_t *io_len, struct request *req);

/* [parks] Answer. */
int reply(int fd, unsigned status, const char *type, const void *body, size_t len,
	  bool keep_alive);

/* Make a JPEG of at most THUMB_SIDE pixels a side out of one of any size: its length, or
 * -EBADMSG: it is none; -EMSGSIZE: the result does not fit. Takes milliseconds, and trusts its
 * input no more than libjpeg does. */
ssize_t thumbnail(const void *jpeg, size_t len, void *out, size_t cap);

#endif
