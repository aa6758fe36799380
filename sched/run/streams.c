/* SPDX-License-Identifier: MIT */
/* Receiving and accepting: from the stream where there can be one, else by a call op. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "../base/sys.h"
#include "../ring/stream.h"
#include "../sched.h"
#include "io.h"
#include "switch.h"

/* f locked. */
static bool streams(const struct wf_worker *w, const struct wf_fd *f, enum wf_want want)
{
	if (want == WF_WANT_CONNECTION)
		return w->ring.accepts_ahead;
	if (f->state & (WF_FD_ARMED | WF_FD_EOF) || f->first != WF_BUF_NONE)
		return true;
	return (f->state & WF_FD_STREAM) && w->ring.bufs.ring;
}

/* f locked and released: park until the stream has something. -ENOSYS: it cannot be armed
 * for lack of buffers. */
static ssize_t wait_stream(struct wf_worker *w, struct wf_co *me, struct wf_fd *f,
			   const struct wf_want_what *what)
{
	bool busy = f->waiter || f->state & WF_FD_TAKEN;

	if (busy || !wf_stream_want(&w->ring, f)) {
		wf_spin_unlock(&f->lock);
		return busy ? -EBUSY : -ENOSYS;
	}
	wf_fd_set_waiter(f, me, wf_co_next_word(me, WF_WAIT_STREAM), what);
	me->wait_obj = f;
	int32_t res = wf_park(w, me, WF_WAIT_STREAM, &f->lock);

	if (res == -ENOBUFS)
		return -ENOSYS;
	if (res != WF_ABORTED)
		return res;
	res = wf_verdict(me);
	return res ? res
		   : -EINTR; /* a timer that came too early: the caller tries again */
}

/* Returns a result, or -ENOSYS: no stream here, use a call op. */
static ssize_t from_stream(int fd, const struct wf_want_what *what, bool wait)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;
	struct wf_fd *f = wf_fd_get(fd);

	if (wf_unlikely(!me))
		return wf_no_coroutine();
	if (wf_unlikely(!f))
		return fd < 0 ? -EBADF : -ENOMEM;
	ssize_t res = wf_may_begin(w, me);
	if (wf_unlikely(res))
		return res;
	do {
		w = wf_worker_self();
		wf_spin_lock(&f->lock);
		if (wf_atomic_load_seq(&f->refs) & WF_FD_CLOSING) /* FD2 */
			res = -EBADF;
		else if (!streams(w, f, what->want))
			res = -ENOSYS;
		else
			res = wf_stream_take(&w->ring, f, what);
		if (res == -EAGAIN && wait)
			res = wait_stream(w, me, f, what);
		else
			wf_spin_unlock(&f->lock);
	} while (wf_unlikely(res == -EINTR));
	return res;
}

/* A receive or accept by a call op, one at a time like those from the stream. */
static ssize_t without_stream(struct wf_op *op)
{
	struct wf_fd *f = wf_fd_get(op->fd);
	ssize_t res = wf_fd_use(f); /* to the end: TAKEN is of this life */

	if (!res) {
		wf_spin_lock(&f->lock);
		res = f->waiter || f->state & WF_FD_TAKEN ? -EBUSY : 0;
		if (!res)
			f->state |= WF_FD_TAKEN;
		wf_spin_unlock(&f->lock);
	}
	if (!res) {
		res = wf_call(op);
		wf_spin_lock(&f->lock);
		f->state &= (uint16_t)~WF_FD_TAKEN;
		wf_spin_unlock(&f->lock);
	}
	wf_fd_done(f);
	return res;
}

static ssize_t peek(int fd, void *buf, size_t len)
{
	struct wf_fd *f = wf_fd_get(fd);
	ssize_t n = -EAGAIN;

	wf_spin_lock(&f->lock);
	if (f->first != WF_BUF_NONE) {
		const struct wf_buf *info = &f->home->bufs.info[f->first];
		n = info->len < len ? (ssize_t)info->len : (ssize_t)len;
		memcpy(buf, wf_bufs_data(&f->home->bufs, f->first), (size_t)n);
	} else if (f->state & WF_FD_EOF) {
		n = 0;
	} else if (f->err) {
		n = f->err;
	}
	wf_spin_unlock(&f->lock);
	return n;
}

ssize_t wf_recv(int fd, void *buf, size_t len, int flags)
{
	struct wf_want_what what = {.want = flags & MSG_PEEK ? WF_WANT_READABLE
							     : WF_WANT_BYTES,
				    .buf = buf,
				    .len = (uint32_t)(len < INT32_MAX ? len : INT32_MAX)};
	ssize_t res = from_stream(fd, &what, !(flags & MSG_DONTWAIT));

	if (res >= 0 && flags & MSG_PEEK)
		return peek(fd, buf, len);
	if (res != -ENOSYS)
		return res;
	struct wf_op op = {.code = WF_OP_RECV,
			   .fd = fd,
			   .addr = (uintptr_t)buf,
			   .len = what.len,
			   .flags = (uint32_t)flags};
	return without_stream(&op);
}

/* The descriptor stays counted between the rounds: its number cannot come to mean another
 * connection half way. */
ssize_t wf_recv_all(int fd, void *buf, size_t len)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_fd *f = wf_fd_get(fd);
	size_t done = 0;

	if (!w || !w->current)
		return wf_no_coroutine();
	if (!f)
		return fd < 0 ? -EBADF : -ENOMEM;
	ssize_t n = wf_fd_use(f);

	while (!n && done < len) {
		n = wf_recv(fd, (char *)buf + done, len - done, 0);
		if (n == 0)
			break;
		if (n > 0) {
			done += (size_t)n;
			n = 0;
		}
	}
	wf_fd_done(f);
	return n ? n : (ssize_t)done;
}

/* The descriptor becomes a listener at its first accept. */
static int begin_listening(int fd)
{
	struct wf_fd *f = wf_fd_get(fd);

	if (!f)
		return fd < 0 ? -EBADF : -ENOMEM;
	wf_spin_lock(&f->lock);
	if (!(f->state & WF_FD_ARMED))
		f->state |= WF_FD_LISTENER;
	int rc = f->state & WF_FD_LISTENER ? 0 : -EINVAL;
	wf_spin_unlock(&f->lock);
	return rc;
}

static int accept_one(int fd)
{
	struct wf_op op = {.code = WF_OP_ACCEPT, .fd = fd};
	ssize_t res;

	do
		res = without_stream(&op);
	while (res == -ECONNABORTED);
	if (res >= 0)
		wf_adopt((int)res);
	return (int)res;
}

int wf_accept(int fd)
{
	struct wf_want_what what = {.want = WF_WANT_CONNECTION};
	int rc = begin_listening(fd);

	if (wf_unlikely(rc))
		return rc;
	ssize_t res = from_stream(fd, &what, true);

	return res == -ENOSYS ? accept_one(fd) : (int)res;
}

int wf_poll(int fd, short events)
{
	struct wf_want_what what = {.want = WF_WANT_READABLE};

	if (events == POLLIN) {
		ssize_t res = from_stream(fd, &what, true);
		if (res != -ENOSYS)
			return (int)res;
	}
	struct wf_op op = {.code = WF_OP_POLL, .fd = fd, .flags = (uint32_t)events};
	return (int)wf_call(&op);
}

int wf_adopt(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return -errno;
	struct wf_fd *f = wf_fd_get(fd);
	if (!f)
		return -ENOMEM;
	wf_spin_lock(&f->lock);
	if (type == SOCK_STREAM)
		f->state |= WF_FD_STREAM;
	wf_spin_unlock(&f->lock);
	return 0;
}

/* f locked, its stream at rest. Take all of the readahead, or -ENOSPC. */
static ssize_t take_back(struct wf_worker *w, struct wf_fd *f, void *buf, size_t len)
{
	if (f->held > len)
		return -ENOSPC;
	struct wf_want_what what = {.want = WF_WANT_BYTES,
				    .buf = buf,
				    .len = (uint32_t)(len < INT32_MAX ? len : INT32_MAX)};
	ssize_t n = f->first == WF_BUF_NONE ? 0 : wf_stream_take(&w->ring, f, &what);

	f->state &= (uint16_t) ~(WF_FD_STREAM | WF_FD_EOF | WF_FD_CHAINED);
	f->err = 0;
	return n;
}

ssize_t wf_release(int fd, void *buf, size_t len)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;
	struct wf_fd *f = wf_fd_peek(fd);

	if (!me)
		return wf_no_coroutine();
	if (!f)
		return fd < 0 ? -EBADF : 0;
	ssize_t res = wf_fd_use(f); /* a closer waits for us */

	while (!res) {
		w = wf_worker_self();
		wf_spin_lock(&f->lock);
		if (wf_atomic_load_seq(&f->refs) & WF_FD_CLOSING) /* FD2 */
			res = -EBADF;
		else if (f->waiter || f->releaser)
			res = -EBUSY;
		if (!res && f->state & WF_FD_ARMED) {
			wf_fd_await_stream_end(w, me, f);
			continue;
		}
		if (!res)
			res = take_back(w, f, buf, len);
		wf_spin_unlock(&f->lock);
		break;
	}
	wf_fd_done(f);
	return res;
}
