/* SPDX-License-Identifier: MIT */
/* The answers' way out: gathered, so that pipelined ones leave together. */
#include <errno.h>
#include <sys/uio.h>

#include "httpd.h"

/* Send once, with a deadline: a client that takes nothing in that time is stalled. */
static ssize_t send_some(struct work *w, struct iovec *iov, size_t n_iov)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n_iov};
	struct weft_deadline scope;
	ssize_t r;

	weft_deadline_open(&scope, w->now + config.send);
	if (n_iov == 1)
		r = weft_send(w->fd, iov->iov_base, iov->iov_len, 0);
	else
		r = weft_sendmsg(w->fd, &msg, 0);
	weft_deadline_close(&scope);
	w->now = weft_now();
	if (r > 0)
		local_get()->count.bytes += (uint64_t)r;
	return r;
}

static int send_all(struct work *w, struct iovec *iov, size_t n_iov)
{
	while (n_iov) {
		ssize_t r = send_some(w, iov, n_iov);
		size_t sent = (size_t)r;

		if (r < 0)
			return (int)r;
		while (n_iov && sent >= iov->iov_len) {
			sent -= iov->iov_len;
			iov++;
			n_iov--;
		}
		if (n_iov) {
			iov->iov_base = (char *)iov->iov_base + sent;
			iov->iov_len -= sent;
		}
	}
	return 0;
}

int send_flush(struct work *w)
{
	struct iovec iov = {w->out, w->out_len};

	w->out_len = 0;
	return iov.iov_len ? send_all(w, &iov, 1) : 0;
}

int send_body(struct work *w, const void *data, size_t len)
{
	struct iovec iov[2] = {{w->out, w->out_len}, {(void *)data, len}};

	if (len <= sizeof(w->out) - w->out_len && len <= sizeof(w->out) / 2) {
		memcpy(w->out + w->out_len, data, len);
		w->out_len += len;
		return 0;
	}
	w->out_len = 0;
	return send_all(w, iov, 2);
}

int send_file(struct work *w, int fd, off_t offset, size_t len)
{
	off_t end = offset + (off_t)len;
	/* Without MSG_MORE: under BBR the head in front of the first pages more than doubles
	 * the cost (100 KiB over loopback: 25 us instead of 10), under CUBIC it is all one. */
	int r = send_flush(w);

	while (r == 0 && offset < end) {
		struct weft_deadline scope;
		off_t start = offset;
		ssize_t n;

		weft_deadline_open(&scope, w->now + config.send);
		n = weft_sendfile(w->fd, fd, &offset, (size_t)(end - offset));
		weft_deadline_close(&scope);
		w->now = weft_now();
		local_get()->count.bytes += (uint64_t)(offset - start);
		if (offset == start)
			r = n < 0 ? (int)n : -EIO; /* the file shrank */
		else if (n < 0 && n != -ETIMEDOUT)
			r = (int)n;
	}
	return r;
}
