/* SPDX-License-Identifier: MIT */
/*
 * Closing. The number goes back to the kernel only when nothing of ours refers to it:
 *
 *	mark CLOSING (nothing new begins), wake the waiter with -EBADF
 *	ask every ring to cancel what it has in flight, wait until nothing has
 *	forget readahead and queued connections, then close(2)
 *
 * The request to cancel travels as one message from worker to worker (`chain`), since
 * only its own thread may use a ring. Most descriptors have nothing in flight, or a stream at
 * home, and need no message; who has but a stream elsewhere sends one to its home.
 */
#include <errno.h>
#include <unistd.h>

#include "../base/sys.h"
#include "../ring/stream.h"
#include "../sched.h"
#include "io.h"
#include "switch.h"

static void on_chain(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_fd *f = wf_container_of(msg, struct wf_fd, msg);
	struct wf_worker *next = wf_worker_from(w->id + 1);

	w->ring.engine->cancel_fd(&w->ring, f->fd);
	wf_spin_lock(&f->lock);
	if (f->home == &w->ring)
		wf_stream_stop(&w->ring, f);
	if (!next) {
		f->state = (uint16_t)((f->state & ~WF_FD_CHAIN) | WF_FD_CHAINED);
		wf_fd_wake_closer(&w->ring, f);
	}
	wf_spin_unlock(&f->lock);
	if (next)
		wf_send(next, msg);
}

static void on_stop_stream(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_fd *f = wf_container_of(msg, struct wf_fd, msg);

	wf_spin_lock(&f->lock);
	f->state &= (uint16_t)~WF_FD_CHAIN;
	if (f->home == &w->ring)
		wf_stream_stop(&w->ring, f);
	wf_fd_wake_closer(&w->ring, f);
	wf_spin_unlock(&f->lock);
}

bool wf_fd_wish(struct wf_msg *msg, struct wf_wish *ret_wish)
{
	if (msg->fn != on_stop_stream)
		return false;
	struct wf_fd *f = wf_container_of(msg, struct wf_fd, msg);

	wf_spin_lock(&f->lock);
	*ret_wish = (struct wf_wish){.f = f, .gen = f->gen};
	wf_spin_unlock(&f->lock);
	return true;
}

void wf_fd_asked(struct wf_ring *here, struct wf_fd *f)
{
	wf_spin_lock(&f->lock);
	f->state &= (uint16_t)~WF_FD_CHAIN;
	wf_fd_wake_closer(here, f);
	wf_spin_unlock(&f->lock);
}

void wf_fd_ask_home(struct wf_fd *f)
{
	f->state |= WF_FD_CHAIN;
	f->msg.fn = on_stop_stream;
	wf_send(wf_container_of(f->home, struct wf_worker, ring), &f->msg);
}

void wf_fd_await_stream_end(struct wf_worker *w, struct wf_co *me, struct wf_fd *f)
{
	bool here = f->home == &w->ring;

	f->releaser = me;
	f->releaser_word = wf_co_next_word(me, WF_WAIT_HARD);
	me->wait_obj = f;
	if (here)
		wf_stream_stop(&w->ring, f);
	else if (!(f->state & (WF_FD_CHAIN | WF_FD_CANCELLING)))
		wf_fd_ask_home(f);
	wf_park(w, me, WF_WAIT_HARD, &f->lock);
}

/* f locked, CLOSING: no call op is in flight, so none ever will be. */
static bool only_streams(struct wf_fd *f)
{
	return wf_atomic_load_seq(&f->refs) == WF_FD_CLOSING; /* FD2 */
}

static void await_end(struct wf_worker *w, struct wf_co *me, struct wf_fd *f)
{
	bool chain = false, home = f->home == &w->ring;

	f->closer = me;
	f->closer_word = wf_co_next_word(me, WF_WAIT_HARD);
	me->wait_obj = f;
	if (f->state & WF_FD_ARMED && home) {
		wf_stream_stop(&w->ring, f);
	} else if (f->state & WF_FD_ARMED && only_streams(f)) {
		if (!(f->state & (WF_FD_CHAIN | WF_FD_CANCELLING)))
			wf_fd_ask_home(f);
	} else if (!(f->state & (WF_FD_CHAIN | WF_FD_CHAINED))) {
		/* Once is enough: an op that began before CLOSING was set is on its ring
		 * before the message is, and none begins after. */
		f->state |= WF_FD_CHAIN;
		f->msg.fn = on_chain;
		chain = true;
	}
	if (chain)
		wf_send(wf_worker_from(0), &f->msg);
	wf_park(w, me, WF_WAIT_HARD, &f->lock);
}

/* f locked. Whether something of ours still refers to the number. */
static bool in_use(struct wf_fd *f)
{
	return f->state & (WF_FD_ARMED | WF_FD_CHAIN) || !only_streams(f);
}

/* Take part in nothing more: 0, or -EBADF when somebody else is closing it. */
static int begin_close(struct wf_worker *w, struct wf_fd *f)
{
	int rc = wf_fd_lock_open(f);

	if (rc)
		return rc;
	wf_atomic_or_seq(&f->refs, WF_FD_CLOSING); /* FD2 */
	wf_stream_wake(&w->ring, f, -EBADF);
	wf_spin_unlock(&f->lock);
	return 0;
}

/* f locked, CLOSING, not in use. Releases the lock. */
static int give_back(struct wf_fd *f)
{
	f->state = 0;
	f->err = 0;
	f->home = NULL;
	wf_atomic_or_seq(&f->refs, WF_FD_CLOSING | WF_FD_GONE); /* FD2 */
	wf_spin_unlock(&f->lock);
	int rc = wf_sys.close(f->fd);

	wf_atomic_and_seq(&f->refs, ~(WF_FD_CLOSING | WF_FD_GONE)); /* FD2 */
	return rc;
}

static int close_here(struct wf_worker *w, struct wf_co *me, struct wf_fd *f)
{
	int rc = begin_close(w, f);

	if (rc)
		return rc;
	for (;;) {
		w = wf_worker_self();
		wf_spin_lock(&f->lock);
		if (!in_use(f))
			break;
		await_end(w, me, f);
	}
	wf_stream_drop(&w->ring, f);
	return give_back(f);
}

static int close_entry(void *fd)
{
	return wf_close((int)(intptr_t)fd);
}

/* A plain thread closes through a coroutine if there is anything to wait for; a runtime
 * that is being stopped ends what is in flight by itself. */
static int close_foreign(struct wf_fd *f, int fd)
{
	uint32_t none = 0;
	void *co;
	int status = 0, rc = wf_fd_lock_open(f);

	if (rc)
		return rc;
	if (!(f->n_held || f->state & (WF_FD_ARMED | WF_FD_CHAIN)) &&
	    wf_atomic_cas_seq(&f->refs, &none, WF_FD_CLOSING)) /* FD2 */
		return give_back(f);
	wf_spin_unlock(&f->lock);
	while ((rc = wf_spawn_into(NULL, __builtin_return_address(0), close_entry,
				   (void *)(intptr_t)fd, NULL, &co)) == -EAGAIN ||
	       rc == -ENOMEM)
		wf_sys.nap(1000); /* until a coroutine has ended: a close takes effect */
	if (rc == -ESHUTDOWN)
		return wf_sys.close(fd);
	if (!rc)
		rc = wf_join(co, &status);
	return rc ? rc : status;
}

static int close_in_thread(int fd)
{
	if (!wf_visit())
		return wf_sys.close(fd);
	struct wf_fd *f = wf_fd_peek(fd);
	int rc = f ? close_foreign(f, fd) : wf_sys.close(fd);

	wf_leave();
	return rc;
}

int wf_close(int fd)
{
	struct wf_worker *w = wf_worker_self();

	if (fd < 0)
		return -EBADF;
	if (!w || !w->current)
		return close_in_thread(fd);
	struct wf_fd *f = wf_fd_peek(fd);

	return f ? close_here(w, w->current, f) : wf_sys.close(fd);
}
