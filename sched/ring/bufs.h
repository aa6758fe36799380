/* SPDX-License-Identifier: MIT */
/*
 * One ring's receive buffers: a ring shared with the kernel, which takes the next buffer
 * for each run of bytes. Only the ring's own thread may give buffers to the kernel; other
 * workers leave theirs on a list that the owner collects.
 *
 * BR1  remote: cas_release in wf_bufs_give_any  <->  xchg_acquire in wf_bufs_collect.
 *      The owner sees the links. It takes the whole list, so there is no ABA.
 *      model: tests/model/bufs.pml
 * BR2  owed: counted up, relaxed, by who reaps for the owner  <->  counted down by the owner
 *      when that is over. LO1 (loan.h) orders the two.
 */
#ifndef WF_RING_BUFS_H
#define WF_RING_BUFS_H

#include <stdbool.h>
#include <stdint.h>

#include "uapi.h"

#define WF_BUF_NONE UINT16_MAX

struct wf_buf {
	uint16_t next;     /* in a connection's readahead, or in the remote list */
	uint32_t off, len; /* the bytes not yet consumed */
};

/*
 * The kernel goes round through the buffers that it is shown. So it is shown few, `goal`
 * of them, which stay in the cache; the free ones behind them are a stack. A burst that
 * finds none doubles the goal.
 */
struct wf_bufs {
	struct io_uring_buf_ring *ring; /* NULL: this ring has none */
	char *mem;
	struct wf_buf *info;
	uint32_t n, bytes; /* of them, of each */
	uint32_t stride;   /* from one to the next */
	uint32_t n_free,
		n_shown; /* owner only: not in use; of these, shown to the kernel */
	uint32_t goal;   /* for n_shown */
	uint16_t spare;  /* owner only: first of those free and not shown */
	uint32_t remote; /* BR1: 1 + first returned by others */
	uint32_t owed;   /* BR2: taken, but not yet told */
};

/* Instead of a ring: whoever plays the kernel looks at b->ring itself. */
#define WF_BUFS_NO_RING INT32_MIN

/* Register with the ring behind ring_fd. -ENOMEM: less is possible (memlock). */
int wf_bufs_open(struct wf_bufs *b, int ring_fd, uint32_t n, uint32_t bytes);
/* For who looks at the process from outside; base/map.h. */
void wf_bufs_name(struct wf_bufs *b, unsigned worker);
void wf_bufs_close(struct wf_bufs *b);

/* What the kernel charges for a list of n, in bytes of locked memory. */
size_t wf_bufs_charge(uint32_t n);

static inline char *wf_bufs_data(const struct wf_bufs *b, uint16_t bid)
{
	return b->mem + (uint64_t)bid * b->stride + b->info[bid].off;
}

/* Owner: the kernel took one; show it another. */
void wf_bufs_taken(struct wf_bufs *b);

/* Who reaps for the owner: the same, told when it settles. */
void wf_bufs_taken_any(struct wf_bufs *b);

/* Owner: the kernel found none. */
void wf_bufs_short(struct wf_bufs *b);

void wf_bufs_give_owner(struct wf_bufs *b, uint16_t bid);
void wf_bufs_give_any(struct wf_bufs *b, uint16_t bid);

/* Owner, nobody reaps for it any more: be told. */
void wf_bufs_settle(struct wf_bufs *b);

/* Owner: hand the kernel what others returned. */
void wf_bufs_collect(struct wf_bufs *b);

#endif
