/* SPDX-License-Identifier: MIT */
/*
 * Operations made as plain system calls, because io_uring would hand them to a kernel
 * thread (tens of microseconds) although they do not block: shutdown, and sendfile on a
 * descriptor that was made non-blocking, which waits for room through the ring.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "../base/sys.h"
#include "../sched.h"
#include "io.h"

enum {
	SENDFILE_MAX = 512 * 1024
}; /* a call: page cache or not, the worker is busy with it */

int wf_shutdown(int fd, int how)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	int rc = wf_may_begin(w, w->current);
	return rc ? rc : wf_sys.shutdown(fd, how);
}

static int make_nonblocking(struct wf_fd *f)
{
	int rc = 0;

	wf_spin_lock(&f->lock);
	if (!(f->state & WF_FD_NONBLOCK)) {
		int flags = fcntl(f->fd, F_GETFL);
		if (flags < 0 || fcntl(f->fd, F_SETFL, flags | O_NONBLOCK))
			rc = -errno;
		else
			f->state |= WF_FD_NONBLOCK;
	}
	wf_spin_unlock(&f->lock);
	return rc;
}

/* f counted. */
static ssize_t send_all(struct wf_fd *f, int in, off_t *offset, size_t count)
{
	size_t done = 0;
	ssize_t n = make_nonblocking(f);

	while (!n && done < count) {
		size_t some = count - done < SENDFILE_MAX ? count - done : SENDFILE_MAX;

		n = wf_sys.sendfile(f->fd, in, offset, some);
		if (n == 0)
			break; /* the file has ended */
		if (n == -EAGAIN)
			n = wf_poll(f->fd, POLLOUT);
		else if (n > 0)
			done += (size_t)n;
		if (n > 0 || n == -EINTR)
			n = done < count ? wf_yield()
					 : 0; /* others wait; so may the end */
	}
	return n < 0 && !done ? n : (ssize_t)done;
}

ssize_t wf_sendfile(int fd, int in, off_t *offset, size_t count)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_fd *f = wf_fd_get(fd);

	if (!w || !w->current)
		return wf_no_coroutine();
	if (!f)
		return fd < 0 ? -EBADF : -ENOMEM;
	ssize_t n = wf_may_begin(w, w->current);
	if (!n)
		n = wf_fd_use(f);
	if (!n)
		n = send_all(f, in, offset, count);
	else if (n != -EBADF)
		return n;
	wf_fd_done(f);
	return n;
}
