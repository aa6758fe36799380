/* SPDX-License-Identifier: MIT */
/* The state machine of streams; stream.h draws it. Independent of the engine. */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "../base/sys.h"

enum { ACCEPT_BOUND = 256 }; /* connections accepted ahead of need, a listener */

/* Give a buffer back to the ring it belongs to, from whichever worker. */
static void give(struct wf_ring *here, struct wf_ring *home, uint16_t bid)
{
	if (here == home)
		wf_bufs_give_owner(&home->bufs, bid);
	else
		wf_bufs_give_any(&home->bufs, bid);
}

/* Readahead, f locked. */

static void append(struct wf_ring *home, struct wf_fd *f, uint16_t bid)
{
	struct wf_buf *info = home->bufs.info;

	info[bid].next = WF_BUF_NONE;
	if (f->first == WF_BUF_NONE)
		f->first = bid;
	else
		info[f->last].next = bid;
	f->last = bid;
	f->held += info[bid].len;
	f->n_held++;
}

static size_t consume(struct wf_ring *here, struct wf_fd *f, char *buf, size_t len)
{
	struct wf_bufs *b = &f->home->bufs;
	size_t done = 0;

	while (f->first != WF_BUF_NONE && done < len) {
		uint16_t bid = f->first;
		struct wf_buf *info = &b->info[bid];
		uint32_t n = info->len < len - done ? info->len : (uint32_t)(len - done);

		memcpy(buf + done, wf_bufs_data(b, bid), n);
		done += n;
		info->off += n;
		info->len -= n;
		f->held -= n;
		if (info->len)
			break;
		f->first = info->next;
		f->n_held--;
		give(here, f->home, bid);
	}
	return done;
}

static size_t peek(const struct wf_fd *f, void *buf, size_t len)
{
	const struct wf_bufs *b = &f->home->bufs;
	const struct wf_buf *info = &b->info[f->first];
	size_t n = info->len < len ? info->len : len;

	memcpy(buf, wf_bufs_data(b, f->first), n);
	return n;
}

/* Queued connections, f locked: a list through their own entries. */

static void queue_connection(struct wf_fd *f, int fd)
{
	if (f->conn_first < 0)
		f->conn_first = fd;
	else
		wf_fd_peek(f->conn_last)->conn_next = fd;
	f->conn_last = fd;
	f->n_held++;
}

static int take_connection(struct wf_fd *f)
{
	int fd = f->conn_first;
	struct wf_fd *conn = wf_fd_peek(fd);

	f->conn_first = conn->conn_next;
	conn->conn_next = -1;
	f->n_held--;
	return fd;
}

void wf_stream_drop(struct wf_ring *here, struct wf_fd *f)
{
	while (f->conn_first >= 0)
		wf_sys.close(take_connection(f));
	while (f->first != WF_BUF_NONE) {
		uint16_t bid = f->first;
		f->first = f->home->bufs.info[bid].next;
		give(here, f->home, bid);
	}
	f->held = f->n_held = 0;
}

/* A listener's errors are told once, so that accept goes on after -EMFILE, and so are those
 * of a receive that may work later. */
static ssize_t take_error(struct wf_fd *f)
{
	int err = f->err;

	if (f->state & WF_FD_LISTENER || err == -ENOTCONN || err == -ENOMEM)
		f->err = 0;
	return err;
}

ssize_t wf_stream_take(struct wf_ring *here, struct wf_fd *f,
		       const struct wf_want_what *w)
{
	bool some = f->first != WF_BUF_NONE || f->conn_first >= 0;

	if (w->want == WF_WANT_READABLE && (some || f->state & WF_FD_EOF))
		return POLLIN | (f->state & WF_FD_EOF ? POLLRDHUP : 0);
	if (some && w->want == WF_WANT_BYTES)
		return (ssize_t)consume(here, f, w->buf, w->len);
	if (some && w->want == WF_WANT_PEEK)
		return (ssize_t)peek(f, w->buf, w->len);
	if (some)
		return take_connection(f);
	if (f->state & WF_FD_EOF)
		return 0;
	return f->err ? take_error(f) : -EAGAIN;
}

static void arm(struct wf_ring *r, struct wf_fd *f)
{
	f->home = r;
	f->gen++;
	f->state |= WF_FD_ARMED;
	r->in_flight++;
	r->engine->stream_start(r, f);
}

/* What is left goes to streams that are armed already. */
static bool buffers_low(const struct wf_ring *r)
{
	return r->bufs.n_free < r->bufs.n / 8;
}

bool wf_stream_want(struct wf_ring *here, struct wf_fd *f)
{
	/* Armed or ending: home's next completion sees the waiter. */
	if (f->state & WF_FD_ARMED)
		return true;
	if (!(f->state & WF_FD_LISTENER) && buffers_low(here))
		return false;
	arm(here, f);
	return true;
}

void wf_stream_stop(struct wf_ring *here, struct wf_fd *f)
{
	if ((f->state & (WF_FD_ARMED | WF_FD_CANCELLING)) != WF_FD_ARMED)
		return;
	f->state |= WF_FD_CANCELLING;
	wf_count(&here->count.cancels, 1u); /* statistics: relaxed */
	here->engine->stream_cancel(here, f);
}

static void stop_one(struct wf_fd *f, void *ring)
{
	wf_spin_lock(&f->lock);
	if (f->home == ring && f->state & WF_FD_ARMED)
		wf_stream_stop(ring, f);
	wf_spin_unlock(&f->lock);
}

void wf_stream_stop_all(struct wf_ring *home)
{
	wf_fd_for_each(stop_one, home);
}

void wf_stream_wake(struct wf_ring *here, struct wf_fd *f, ssize_t res)
{
	struct wf_co *co = wf_fd_take_waiter(f);

	if (!co || !wf_co_claim(co, f->waiter_word))
		return;
	co->result = (int32_t)res;
	wf_ring_ready(here, co);
}

void wf_fd_wake_closer(struct wf_ring *here, struct wf_fd *f)
{
	struct wf_co *closer = f->closer, *releaser = f->releaser;

	f->closer = f->releaser = NULL;
	if (closer && wf_co_claim(closer, f->closer_word))
		wf_ring_ready(here, closer);
	if (releaser && wf_co_claim(releaser, f->releaser_word))
		wf_ring_ready(here, releaser);
}

/* The waiter, made ours: from here nobody else resumes it, so its stack may be written.
 */
static struct wf_co *claim_waiter(struct wf_fd *f)
{
	struct wf_co *co = wf_fd_take_waiter(f);

	return co && wf_co_claim(co, f->waiter_word) ? co : NULL;
}

/* The common case: somebody waits with room for all, and nothing is before it. */
static bool hand_over(struct wf_ring *here, struct wf_fd *f, struct wf_co *co,
		      uint16_t bid, uint32_t len)
{
	struct wf_bufs *b = &f->home->bufs;

	if (f->first != WF_BUF_NONE || f->what.want != WF_WANT_BYTES || len > f->what.len)
		return false;
	memcpy(f->what.buf, b->mem + (uint64_t)bid * b->stride, len);
	give(here, f->home, bid);
	co->result = (int32_t)len;
	wf_ring_ready(here, co);
	return true;
}

/* A quarter is left; a rescuer cannot tell. */
static bool few_left(const struct wf_ring *here, const struct wf_ring *home)
{
	return here == home && home->bufs.n_free < home->bufs.n / 4;
}

static void got_bytes(struct wf_ring *here, struct wf_fd *f, uint16_t bid, uint32_t len)
{
	struct wf_ring *home = f->home;
	struct wf_co *co = claim_waiter(f);

	wf_kernel_wrote(home->bufs.mem + (uint64_t)bid * home->bufs.stride, len);
	if (wf_likely(co && hand_over(here, f, co, bid, len)))
		return;
	home->bufs.info[bid] = (struct wf_buf){.len = len, .next = WF_BUF_NONE};
	append(home, f, bid);
	if (co) {
		co->result = (int32_t)wf_stream_take(here, f, &f->what);
		wf_ring_ready(here, co);
	}
	/* At the bound, or when buffers run low and this connection holds some already:
	 * what is left is for those that hold none. */
	if (f->held >= home->readahead_bytes || (f->n_held > 1 && few_left(here, home)))
		wf_stream_stop(here, f);
}

static void got_connection(struct wf_ring *r, struct wf_fd *f, int fd)
{
	fd = wf_fd_born(fd, true);
	if (fd < 0)
		return;
	queue_connection(f, fd);
	if (f->waiter) {
		struct wf_co *co = claim_waiter(f);
		if (co) {
			co->result = (int32_t)wf_stream_take(r, f, &f->what);
			wf_ring_ready(r, co);
		}
	}
	if (f->n_held >= ACCEPT_BOUND)
		wf_stream_stop(r, f);
}

/* The waiter has to do without the stream. The descriptor is counted for it: the number may
 * not come to mean another connection until it has. */
static void send_away(struct wf_ring *r, struct wf_fd *f)
{
	struct wf_co *co = claim_waiter(f);

	if (!co)
		return;
	int rc = wf_fd_use(f);
	wf_bug(rc != 0); /* a closer would have taken the waiter away */
	co->result = -ENOBUFS;
	wf_ring_ready(r, co);
}

/* The last completion was seen; res is its result. */
static void ended(struct wf_ring *r, struct wf_fd *f, int res)
{
	f->state &= (uint16_t) ~(WF_FD_ARMED | WF_FD_CANCELLING);
	r->in_flight--;
	wf_fd_wake_closer(r, f);
	if (!f->waiter)
		return;
	ssize_t got = wf_stream_take(r, f, &f->what);
	if (got != -EAGAIN)
		wf_stream_wake(r, f, got);
	else if (wf_unlikely(r->leaving))
		wf_stream_wake(r, f, -EINTR); /* it tries again, at another ring */
	else if (res == -ENOBUFS || !wf_stream_want(r, f))
		send_away(r, f);
}

static void starved(struct wf_ring *here)
{
	wf_count(&here->count.starved, 1u); /* statistics: relaxed */
	if (here == here->of)
		wf_bufs_short(&here->bufs);
}

static bool transient(int err)
{
	return err == -ECANCELED || err == -EINTR || err == -EAGAIN ||
	       err == -ECONNABORTED;
}

void wf_stream_complete(struct wf_ring *here, struct wf_fd *f, uint16_t gen, int res,
			uint16_t bid, bool more)
{
	wf_spin_lock(&f->lock); /* FD1 */
	wf_bug(gen != f->gen || f->home != here->of || !(f->state & WF_FD_ARMED));
	if (f->state & WF_FD_LISTENER) {
		if (res >= 0)
			got_connection(here, f, res);
	} else if (res > 0) {
		got_bytes(here, f, bid, (uint32_t)res);
	} else if (bid != WF_BUF_NONE) {
		give(here, here->of, bid);
	}
	if (res == 0 && !(f->state & WF_FD_LISTENER))
		f->state |= WF_FD_EOF;
	else if (res == -ENOBUFS && !(f->state & WF_FD_LISTENER))
		starved(here);
	else if (res < 0 && !transient(res))
		f->err = (int16_t)res;
	if (!more)
		ended(here, f, res);
	wf_spin_unlock(&f->lock);
}
