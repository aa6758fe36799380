/* SPDX-License-Identifier: MIT */
/*
 * Channels of elements of one size, between coroutines on any workers and plain threads:
 * many senders, many receivers, first come, first served. An element is copied; who waits
 * gets it straight from the other side's memory.
 */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include "base.h"
#include "time.h"

WEFT_BEGIN_DECLS

struct weft_chan;

/*
 * A channel that holds up to `capacity` elements. 0: it holds none, and a send waits for its
 * receiver. Yours, until weft_chan_free().
 *   -EINVAL elem_size is over 65536, or all of it over SIZE_MAX / 2      -ENOMEM
 */
WEFT_API int weft_chan_new(size_t elem_size, uint32_t capacity,
			   struct weft_chan **ret_chan);

/*
 * Nobody may use it any more: whoever sent, received or selected has returned. NULL is allowed.
 *   -EBUSY, misuse (see weft/sync.h): somebody waits in it; it stays as it is
 */
WEFT_API int weft_chan_free(struct weft_chan *chan);

/*
 * [waits] 0; -EPIPE: it is closed, and the element was not taken. After -ECANCELED and
 * -ETIMEDOUT it was not taken either.
 */
WEFT_API int weft_chan_send(struct weft_chan *chan, const void *elem);

/* [waits] 0; -EPIPE: it is closed, and what it held has been received. */
WEFT_API int weft_chan_recv(struct weft_chan *chan, void *ret_elem);

/* The same without waiting: -EAGAIN */
WEFT_API int weft_chan_trysend(struct weft_chan *chan, const void *elem);
WEFT_API int weft_chan_tryrecv(struct weft_chan *chan, void *ret_elem);

/*
 * No more elements: sends fail, also those that wait; receivers get what is held, then
 * -EPIPE. -EPIPE: it was closed before
 */
WEFT_API int weft_chan_close(struct weft_chan *chan);

/* How many elements it holds; a hint while others use it. */
WEFT_API uint32_t weft_chan_len(const struct weft_chan *chan);

/*
 * SEND, RECV   of `elem`; rc 0 or -EPIPE
 * FD           when descriptor `fd` is ready for any of poll(2)'s `events`, as weft_poll() tells:
 *              bytes and connections that came ahead count. rc: those that came; or -EBADF:
 *              it is none, or was closed meanwhile; -EBUSY: POLLIN, and another coroutine receives
 * TIMER        at the time `at`; rc 0
 */
enum weft_select_op {
	WEFT_SELECT_SEND = 1,
	WEFT_SELECT_RECV,
	WEFT_SELECT_FD,
	WEFT_SELECT_TIMER
};

struct weft_select {
	enum weft_select_op op;
	struct weft_chan *chan; /* SEND, RECV. NULL: this case never comes */
	void *elem;             /* SEND, RECV: to send from, or to receive into */
	int fd;                 /* FD. negative: this case never comes */
	short events;           /* FD */
	weft_time at;           /* TIMER. WEFT_NEVER: this case never comes */
};

enum { WEFT_SELECT_MAX = 32 };

/*
 * [waits] Do exactly one of the n cases and return its index; *ret_rc (may be NULL) is its rc, for
 * channels what the send or receive alone would have returned. Among cases that can go on one is
 * chosen at random. block false: -EAGAIN when none can. A deadline or a cancelled scope around the
 * call bounds it. Takes 7 KiB of stack. Descriptors that it has to wait for cost a coroutine each;
 * nothing was read of them, and when it returns nothing waits for them any more.
 *   -EINVAL n is 0 or over WEFT_SELECT_MAX, or a case makes no sense
 *   -ECANCELED, -ETIMEDOUT: none was done
 *   -EPERM descriptors without waiting in a plain thread: poll(2) does that
 *   -EAGAIN, -ENOMEM also: no coroutine can be had for a descriptor; none was done
 */
WEFT_API int weft_select(const struct weft_select *cases, unsigned n, bool block,
			 int *ret_rc);

/*
 * The newest value of something, for any number of watchers: who looks seldom misses what came
 * in between, and nobody holds up the setter. The value is copied under a spin lock, so it is
 * small: a pointer or an index where there is more.
 */
struct weft_watch {
	uint64_t opaque[8];
};

enum { WEFT_WATCH_MAX = 1024 };

/* `value` holds the newest one, and its first contents are version 0; both are the caller's and
 * outlive every call. -EINVAL size is over WEFT_WATCH_MAX */
WEFT_API int weft_watch_init(struct weft_watch *watch, void *value, size_t size);

/* Never waits. -EPIPE: it is closed */
WEFT_API int weft_watch_set(struct weft_watch *watch, const void *value);

/*
 * [waits] Until there is another version than *io_version; its value and number are stored
 * (ret_value may be NULL). Begin with 0 for all that comes, or with UINT64_MAX to get what is
 * there at once. -EPIPE: it is closed and there is nothing new
 */
WEFT_API int weft_watch_wait(struct weft_watch *watch, uint64_t *io_version,
			     void *ret_value);

/* The same without waiting: -EAGAIN */
WEFT_API int weft_watch_get(struct weft_watch *watch, uint64_t *io_version,
			    void *ret_value);

/* No more values: all that wait go on. -EPIPE: it was closed before */
WEFT_API int weft_watch_close(struct weft_watch *watch);

WEFT_END_DECLS

#endif
