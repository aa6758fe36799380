/* SPDX-License-Identifier: MIT */
/*
 * What weft knows of a descriptor, in a table indexed by its number. Entries are never
 * freed.
 *
 * A stream (multishot receive or accept) belongs to the ring `home` until its last
 * completion; readahead lies in that ring's buffers. Both may be used from any worker
 * under `lock`; only the arming and cancelling requests need home's own thread.
 *
 * FD1  lock guards everything here but refs. waiter and what.buf: store_relaxed under it <->
 * load_relaxed by home without it, which only fetches what they point to.
 * FD2  refs: add_seq in wf_fd_use, then look for CLOSING  <->  or_seq of CLOSING in
 * close, then look at the count. Either the user sees CLOSING and backs off, or the
 * closer sees the user and waits: no request is in flight when the number is given back.
 * or_seq of GONE before close(2), and_seq after it: who meets GONE waits that long, since
 * the number may have been given out anew already. model: tests/model/fd.pml
 * FD3  chunks: cas_seq publishes a zeroed chunk  <->  load_acquire in wf_fd_peek.
 */
#ifndef WF_RING_FD_H
#define WF_RING_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/spin.h"
#include "../co/co.h"

struct wf_ring;

enum wf_fd_state {
	WF_FD_STREAM = 1 << 0,     /* may receive or accept ahead of need */
	WF_FD_LISTENER = 1 << 1,   /* the stream is an accept */
	WF_FD_ARMED = 1 << 2,      /* the stream's request is with the kernel */
	WF_FD_CANCELLING = 1 << 3, /* and was asked to end */
	WF_FD_EOF = 1 << 4,
	WF_FD_CHAIN = 1 << 6,    /* msg is on its way through the workers */
	WF_FD_CHAINED = 1 << 8,  /* and has been: every ring was asked */
	WF_FD_TAKEN = 1 << 5,    /* a receive or accept without the stream is under way */
	WF_FD_NONBLOCK = 1 << 7, /* weft set O_NONBLOCK, for system calls made directly */
};

#define WF_FD_CLOSING (1u << 31)
#define WF_FD_GONE    (1u << 30) /* nothing of ours is left, close(2) is under way */

enum wf_want { WF_WANT_BYTES, WF_WANT_PEEK, WF_WANT_READABLE, WF_WANT_CONNECTION };

/* What somebody wants of a stream. */
struct wf_want_what {
	void *buf;
	uint32_t len;
	enum wf_want want;
};

/* A receive touches the first cache line only. */
struct wf_fd {
	struct wf_spin lock; /* FD1 */
	uint32_t refs;       /* FD2 */
	uint16_t gen;   /* counts arms: completions of an earlier life do not match */
	uint16_t state; /* enum wf_fd_state */
	uint16_t first, last; /* readahead: buffers of home, WF_BUF_NONE: none */
	uint32_t held;        /* readahead bytes */
	uint16_t n_held;      /* readahead buffers, or queued connections */
	int16_t err; /* what ended the stream; kept for receives, told once for accepts */
	struct wf_ring *home;
	struct wf_co *waiter;
	uint64_t waiter_word;
	struct wf_want_what what; /* the waiter's */

	int fd;
	int conn_first, conn_last, conn_next; /* listener's queue; link in a listener's */
	struct wf_co *closer, *releaser;
	uint64_t closer_word, releaser_word;
	struct wf_msg msg;
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct wf_fd, fd) == 64, "a receive would touch two cache lines");

/* f locked, no waiter. */
static inline void wf_fd_set_waiter(struct wf_fd *f, struct wf_co *co, uint64_t word,
				    const struct wf_want_what *what)
{
	wf_atomic_store_relaxed(&f->waiter, co); /* FD1 relaxed: locked */
	f->waiter_word = word;
	wf_atomic_store_relaxed(&f->what.buf, what->buf); /* FD1 relaxed: locked */
	f->what.len = what->len;
	f->what.want = what->want;
}

/* f locked. */
static inline struct wf_co *wf_fd_take_waiter(struct wf_fd *f)
{
	struct wf_co *co = f->waiter;

	wf_atomic_store_relaxed(&f->waiter,
				(struct wf_co *)NULL); /* FD1 relaxed: locked */
	return co;
}

/* Each entry that was ever made. */
void wf_fd_for_each(void (*fn)(struct wf_fd *f, void *arg), void *arg);

enum {
	WF_FD_CHUNK_LOG2 = 8,
	WF_FD_CHUNK = 1 << WF_FD_CHUNK_LOG2,
	WF_FD_CHUNKS = 1 << 14
};

extern struct wf_fd *wf_fd_chunks[WF_FD_CHUNKS]; /* FD3 */

/* The entry of a number if there is one. */
static inline struct wf_fd *wf_fd_peek(int fd)
{
	unsigned c = (unsigned)fd >> WF_FD_CHUNK_LOG2; /* huge for a negative number */

	if (wf_unlikely(c >= WF_FD_CHUNKS))
		return NULL;
	struct wf_fd *chunk = wf_atomic_load_acquire(&wf_fd_chunks[c]); /* FD3 */

	return wf_likely(chunk != NULL) ? &chunk[fd & (WF_FD_CHUNK - 1)] : NULL;
}

struct wf_fd *wf_fd_open(int fd);

/* The same, made if need be. NULL: negative, too high, or no memory. */
static inline struct wf_fd *wf_fd_get(int fd)
{
	struct wf_fd *f = wf_fd_peek(fd);

	return wf_likely(f != NULL) ? f : wf_fd_open(fd);
}

/*
 * A number was given out by the kernel to us. Returns the number to use: the same, or,
 * when an earlier life of it has requests in flight (somebody closed it behind our back),
 * a duplicate under another number. -EMFILE, -ENOMEM: fd was closed.
 */
int wf_fd_born(int fd, bool stream);

/* Lock, if it is open: 0, or -EBADF without the lock. */
int wf_fd_lock_open(struct wf_fd *f);

/* Count a call op in flight. -EBADF: being closed. NULL entries are not counted. */
int wf_fd_use(struct wf_fd *f);

/* Returns true when a closer must be woken. */
bool wf_fd_unuse(struct wf_fd *f);

#endif
