/* SPDX-License-Identifier: MIT */
/* Call ops: one request, one completion, the coroutine parked in between. */
#include "io.h"
#include "switch.h"

#include <errno.h>
#include <poll.h>

#include "../base/sys.h"
#include "../ring/stream.h"
#include "../sched.h"

int wf_descriptor(int fd, bool stream)
{
	/* RT1: in a forked child locks may be held by threads that are not there */
	return wf_atomic_load_acquire(&wf_rt.forked) ? fd : wf_fd_born(fd, stream);
}

void wf_fd_done(struct wf_fd *f)
{
	if (wf_likely(!wf_fd_unuse(f)))
		return;
	struct wf_worker *w = wf_worker_self();

	wf_spin_lock(&f->lock);
	wf_fd_wake_closer(&w->ring, f); /* into ring.ready: the loop takes it */
	wf_spin_unlock(&f->lock);
}

/* Start op here and park until its completion. */
static int32_t run(struct wf_op *op, struct wf_co *me)
{
	struct wf_worker *w = wf_worker_self();

	wf_assert(me);
	op->co = me;
	me->wait_obj = op;
	w->ring.engine->start(&w->ring, op);
	wf_park(w, me, WF_WAIT_OP, NULL);
	return op->res;
}

static bool closing(const struct wf_fd *f)
{
	return f && wf_atomic_load_seq(&f->refs) & WF_FD_CLOSING; /* FD2 */
}

/* Somebody wants the call to end, and has asked for it once already. */
static bool unwanted(const struct wf_co *me, const struct wf_fd *f)
{
	return wf_verdict(me) || closing(f);
}

/* Park until op's descriptor is ready for it. */
static int32_t wait_ready(const struct wf_op *op, struct wf_co *me)
{
	const bool reads = op->code == WF_OP_RECV || op->code == WF_OP_READ ||
			   op->code == WF_OP_ACCEPT;
	struct wf_op poll = {
		.code = WF_OP_POLL, .fd = op->fd, .flags = reads ? POLLIN : POLLOUT};
	int32_t res = run(&poll, me);

	return res < 0 && res != -EINTR ? res : 0;
}

/* op ended without a result of its own: -EINTR; -ECANCELED, perhaps for a duplicate of its
 * descriptor that was closed; or -EAGAIN, which some kernels let through where the
 * descriptor is O_NONBLOCK. */
static bool did_nothing(const struct wf_op *op)
{
	const unsigned flags = wf_op_rows[op->code].flags;

	if (op->res == -EAGAIN)
		return flags & WF_OP_WAITS && !(op->flags & MSG_DONTWAIT);
	return (op->res == -EINTR || op->res == -ECANCELED) && flags & WF_OP_RESTARTABLE;
}

/* Nothing is made again once the call is unwanted: kernel threads that are told to stop
 * say EINTR, and nobody would cancel a second try. */
static int32_t run_until_done(struct wf_op *op, struct wf_co *me, const struct wf_fd *f)
{
	while (run(op, me), wf_unlikely(op->res < 0) && did_nothing(op)) {
		if (unwanted(me, f))
			return -ECANCELED;
		int32_t rc = op->res == -EAGAIN ? wait_ready(op, me) : 0;
		if (unwanted(me, f))
			return -ECANCELED;
		if (rc)
			return rc;
	}
	return wf_unlikely(op->res == -EINTR) && unwanted(me, f) ? -ECANCELED : op->res;
}

/* Why an op was cancelled: by us, by time, or because its descriptor was closed. */
static int32_t cancelled(const struct wf_co *me, struct wf_fd *f)
{
	int rc = wf_verdict(me);

	if (rc)
		return rc;
	return closing(f) ? -EBADF : -ECANCELED;
}

/* Whether op.fd is what the op works on, rather than a directory to start from. */
static bool counts_fd(const struct wf_op *op)
{
	return op->code != WF_OP_OPENAT && op->code != WF_OP_OPENAT2 &&
	       op->code != WF_OP_STATX && op->code != WF_OP_NOP &&
	       op->code != WF_OP_FUTEX_WAIT;
}

/* Begin a call on op->fd: 0 with *ret_f counted (or NULL), else an error. */
static int begin(const struct wf_op *op, struct wf_co **ret_me, struct wf_fd **ret_f)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	*ret_me = me;
	if (wf_unlikely(!me))
		return wf_no_coroutine();
	int rc = wf_may_begin(w, me);
	if (wf_unlikely(rc))
		return rc;
	struct wf_fd *f = counts_fd(op) ? wf_fd_get(op->fd) : NULL;
	if (wf_unlikely(!f && counts_fd(op)))
		return op->fd < 0 ? -EBADF : -ENOMEM;
	rc = wf_fd_use(f);
	if (wf_unlikely(rc))
		wf_fd_done(f);
	*ret_f = f;
	return rc;
}

ssize_t wf_call(struct wf_op *op)
{
	struct wf_co *me = NULL;
	struct wf_fd *f = NULL;
	int32_t res = begin(op, &me, &f);

	if (wf_unlikely(res))
		return res;
	res = run_until_done(op, me, f);
	if (wf_unlikely(res == -ECANCELED))
		res = cancelled(me, f);
	wf_fd_done(f);
	return res;
}

/* The descriptor stays counted between the rounds: its number cannot come to mean another
 * connection half way. */
ssize_t wf_call_all(struct wf_op *op, size_t len)
{
	struct wf_co *me = NULL;
	struct wf_fd *f = NULL;
	size_t done = 0;
	int32_t res = begin(op, &me, &f);

	if (wf_unlikely(res))
		return res;
	for (;;) {
		op->len = (uint32_t)(len - done < INT32_MAX ? len - done : INT32_MAX);
		res = run_until_done(op, me, f);
		if (wf_unlikely(res <= 0))
			break;
		done += (size_t)res;
		if (wf_likely(done == len))
			break;
		op->addr += (uint32_t)res;
		if (unwanted(me, f)) {
			res = -ECANCELED;
			break;
		}
	}
	if (wf_unlikely(res == -ECANCELED))
		res = cancelled(me, f);
	wf_fd_done(f);
	return res < 0 ? res : (ssize_t)done;
}
