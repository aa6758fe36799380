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

/* Nobody may use it any more. NULL is allowed. */
WEFT_API void weft_chan_free(struct weft_chan *chan);

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

WEFT_END_DECLS

#endif
