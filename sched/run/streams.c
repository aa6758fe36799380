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
static bool streams(const struct wf_worker *w, const struct wf_fd *f)
{
	if (f->state & WF_FD_LISTENER)
		return w->ring.accepts_ahead;
	if (f->state & (WF_FD_ARMED | WF_FD_EOF) || f->first != WF_BUF_NONE)
		return true;
	return (f->state & WF_FD_STREAM) && w->ring.bufs.ring;
}

/* f locked. To do without the stream the descriptor is counted from here on: its number
 * cannot come to mean another connection in between. */
static ssize_t do_without(struct wf_fd *f)
{
	ssize_t rc = wf_fd_use(f);

	wf_bug(rc != 0);
	return -ENOSYS;
}

/* f locked and released: park until the stream has something. -ENOSYS, counted: it cannot
 * be armed for lack of buffers. */
static ssize_t wait_stream(struct wf_worker *w, struct wf_co *me, struct wf_fd *f,
			   const struct wf_want_what *what)
{
	bool busy = f->waiter || f->state & WF_FD_TAKEN;

	if (busy || !wf_stream_want(&w->ring, f)) {
		ssize_t rc = busy ? -EBUSY : do_without(f);
		wf_spin_unlock(&f->lock);
		return rc;
	}
	wf_fd_set_waiter(f, me, wf_co_next_word(me, WF_WAIT_STREAM), what);
	me->wait_obj = f;
	int32_t res = wf_park(w, me, WF_WAIT_STREAM, &f->lock);

	if (res == -ENOBUFS)
		return -ENOSYS; /* counted by the waker */
	if (res != WF_ABORTED)
		return res;
	res = wf_verdict(me);
	return res ? res
		   : -EINTR; /* a timer that came too early: the caller tries again */
}

/* f locked. A result, -EAGAIN: wait; -ENOSYS, counted: no stream here. */
static ssize_t look(struct wf_worker *w, struct wf_fd *f, const struct wf_want_what *what,
		    bool wait)
{
	if (f->state & WF_FD_LISTENER &&
	    (what->want == WF_WANT_BYTES || what->want == WF_WANT_PEEK))
		return -ENOTCONN;
	if (!streams(w, f))
		return do_without(f);
	ssize_t res = wf_stream_take(&w->ring, f, what);

	/* What an idle stream does not have may still be in the socket. */
	return res == -EAGAIN && !wait && !(f->state & WF_FD_ARMED) ? do_without(f) : res;
}

/* Returns a result, or -ENOSYS with the descriptor counted: no stream here, use a call op.
 */
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
		res = wf_fd_lock_open(f);
		if (wf_unlikely(res))
			return res;
		res = look(w, f, what, wait);
		if (res == -EAGAIN && wait)
			res = wait_stream(w, me, f, what);
		else
			wf_spin_unlock(&f->lock);
	} while (wf_unlikely(res == -EINTR));
	return res;
}

/* A receive or accept by a call op, one at a time like those from the stream. The
 * descriptor is counted, and no longer afterwards. */
static ssize_t without_stream(struct wf_op *op)
{
	struct wf_fd *f = wf_fd_get(op->fd);

	wf_spin_lock(&f->lock);
	ssize_t res = f->waiter || f->state & WF_FD_TAKEN ? -EBUSY : 0;
	if (!res)
		f->state |= WF_FD_TAKEN;
	wf_spin_unlock(&f->lock);
	if (!res) {
		do
			res = wf_call(op);
		while (res == -ECONNABORTED && op->code == WF_OP_ACCEPT);
		wf_spin_lock(&f->lock);
		f->state &= (uint16_t)~WF_FD_TAKEN;
		wf_spin_unlock(&f->lock);
	}
	wf_fd_done(f);
	return res;
}

ssize_t wf_recv(int fd, void *buf, size_t len, int flags)
{
	struct wf_want_what what = {.want = flags & MSG_PEEK ? WF_WANT_PEEK
							     : WF_WANT_BYTES,
				    .buf = buf,
				    .len = (uint32_t)(len < INT32_MAX ? len : INT32_MAX)};
	ssize_t res = from_stream(fd, &what, !(flags & MSG_DONTWAIT));

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

static bool listens(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes;
}

int wf_listening(int fd)
{
	if (wf_atomic_load_acquire(&wf_rt.forked)) /* RT1 */
		return 0;
	struct wf_fd *f = wf_fd_get(fd);

	if (!f)
		return fd < 0 ? -EBADF : -ENOMEM;
	int rc = wf_fd_lock_open(f);
	if (rc)
		return rc;
	if (!(f->state & (WF_FD_ARMED | WF_FD_LISTENER)) && listens(fd)) {
		f->state = (uint16_t)((f->state & ~WF_FD_EOF) | WF_FD_LISTENER);
		f->err = 0; /* of receives, before it listened */
	}
	rc = f->state & WF_FD_LISTENER ? 0 : -EINVAL;
	wf_spin_unlock(&f->lock);
	return rc;
}

int wf_accept(int fd)
{
	struct wf_want_what what = {.want = WF_WANT_CONNECTION};
	int rc = wf_listening(fd);

	if (wf_unlikely(rc))
		return rc;
	ssize_t res = from_stream(fd, &what, true);

	if (res != -ENOSYS)
		return (int)res;
	struct wf_op op = {.code = WF_OP_ACCEPT, .fd = fd};
	res = without_stream(&op);
	if (res >= 0)
		wf_adopt((int)res);
	return (int)res;
}

/* f counted. Lock it when its stream is at rest; an error is returned without the lock. */
static int lock_at_rest(struct wf_co *me, struct wf_fd *f)
{
	for (;;) {
		struct wf_worker *w = wf_worker_self();
		int rc = wf_fd_lock_open(f);

		if (rc)
			return rc;
		if (f->waiter || f->releaser || f->state & WF_FD_TAKEN) {
			wf_spin_unlock(&f->lock);
			return -EBUSY;
		}
		if (!(f->state & WF_FD_ARMED))
			return 0;
		wf_fd_await_stream_end(w, me, f);
	}
}

/* f counted. POLLIN beside other events: the kernel sees only what was not received ahead,
 * so that is looked at with the stream at rest. 0: ask the kernel. */
static int poll_ahead(struct wf_co *me, struct wf_fd *f)
{
	struct wf_want_what what = {.want = WF_WANT_READABLE};
	int rc = lock_at_rest(me, f);

	if (rc)
		return rc;
	ssize_t got = wf_stream_take(NULL, f, &what);
	wf_spin_unlock(&f->lock);
	return got == -EAGAIN ? 0 : (int)got;
}

static int poll_many(int fd, short events)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_fd *f = wf_fd_get(fd);

	if (!w || !w->current)
		return wf_no_coroutine();
	if (!f)
		return fd < 0 ? -EBADF : -ENOMEM;
	int res = (int)wf_may_begin(w, w->current);
	if (res)
		return res;
	res = wf_fd_use(f);
	if (!res && events & POLLIN)
		res = poll_ahead(w->current, f);
	if (!res) {
		struct wf_op op = {
			.code = WF_OP_POLL, .fd = fd, .flags = (uint32_t)events};
		res = (int)wf_call(&op);
	}
	wf_fd_done(f);
	return res;
}

int wf_poll(int fd, short events)
{
	struct wf_want_what what = {.want = WF_WANT_READABLE};

	if (events != POLLIN)
		return poll_many(fd, events);
	ssize_t res = from_stream(fd, &what, true);
	if (res != -ENOSYS)
		return (int)res;
	struct wf_op op = {.code = WF_OP_POLL, .fd = fd, .flags = POLLIN};
	res = wf_call(&op);
	wf_fd_done(wf_fd_get(fd));
	return (int)res;
}

/* What the kernel alone can tell. */
static int ask_kernel(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n = wf_sys.poll(&p, 1, 0);

	if (n <= 0)
		return n;
	return p.revents & POLLNVAL ? -EBADF : p.revents;
}

/* As wf_poll, without waiting: 0 if it would. Bytes that an armed stream is about to deliver are not
 * looked for: they come by themselves. */
int wf_poll_now(int fd, short events)
{
	struct wf_want_what what = {.want = WF_WANT_READABLE};

	if (events & POLLIN) {
		ssize_t res = from_stream(fd, &what, false);

		if (res == -EAGAIN)
			events &= (short)~POLLIN;
		else if (res == -ENOSYS)
			wf_fd_done(wf_fd_get(fd));
		else
			return (int)res;
	}
	return events ? ask_kernel(fd, events) : 0;
}

bool wf_receives_ahead(int fd)
{
	struct wf_fd *f = wf_fd_peek(fd);

	if (!f)
		return false;
	wf_spin_lock(&f->lock);
	bool ahead = f->state & (WF_FD_STREAM | WF_FD_ARMED) || f->first != WF_BUF_NONE;
	wf_spin_unlock(&f->lock);
	return ahead;
}

int wf_adopt(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return -errno;
	if (wf_atomic_load_acquire(&wf_rt.forked)) /* RT1 */
		return 0;
	struct wf_fd *f = wf_fd_get(fd);
	if (!f)
		return -ENOMEM;
	wf_spin_lock(&f->lock);
	if (type == SOCK_STREAM)
		f->state |= WF_FD_STREAM;
	wf_spin_unlock(&f->lock);
	return listens(fd) ? wf_listening(fd) : 0;
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

	if (!res)
		res = lock_at_rest(me, f);
	if (!res) {
		res = take_back(wf_worker_self(), f, buf, len);
		wf_spin_unlock(&f->lock);
	}
	wf_fd_done(f);
	return res;
}
