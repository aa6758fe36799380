/* SPDX-License-Identifier: MIT */
/*
 * Channels of elements of one size, between coroutines on any workers and plain threads:
 * many senders, many receivers, first come, first served. An element is copied; who waits
 * gets it straight from the other side's memory.
 */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include "base.h"

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

enum weft_select_op { WEFT_SELECT_SEND = 1, WEFT_SELECT_RECV };

struct weft_select {
	enum weft_select_op op;
	struct weft_chan *chan; /* NULL: this case never comes */
	void *elem;             /* to send from, or to receive into */
};

enum { WEFT_SELECT_MAX = 32 };

/*
 * [waits] Do exactly one of the n cases and return its index; *ret_rc is what the send or
 * receive alone would have returned: 0 or -EPIPE. Among cases that can go on one is chosen
 * at random. block false: -EAGAIN when none can. Bound the wait with a deadline scope.
 *   -EINVAL n is 0 or over WEFT_SELECT_MAX, or a case makes no sense
 *   -ECANCELED, -ETIMEDOUT: none was done
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
