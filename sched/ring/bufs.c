/* SPDX-License-Identifier: MIT */
#include "bufs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/assert.h"
#include "../base/atomic.h"
#include "../base/map.h"
#include "../base/sys.h"

enum { LINE = 64, FIRST_GOAL = 128 };

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static int map_all(struct wf_bufs *b)
{
	b->ring = wf_map(b->n * sizeof(struct io_uring_buf));
	b->mem = wf_map((size_t)b->n * b->stride);
	b->info = wf_sys.calloc(b->n, sizeof(*b->info));
	return b->ring && b->mem && b->info ? 0 : -ENOMEM;
}

size_t wf_bufs_charge(uint32_t n)
{
	return wf_pages(power_of_two(n) * sizeof(struct io_uring_buf));
}

int wf_bufs_open(struct wf_bufs *b, int ring_fd, uint32_t n, uint32_t bytes)
{
	/* an odd number of lines apart: in the cache they do not compete for one place */
	*b = (struct wf_bufs){.n = power_of_two(n),
			      .bytes = bytes,
			      .stride = (bytes + LINE - 1) / LINE * LINE | LINE,
			      .goal = FIRST_GOAL,
			      .spare = WF_BUF_NONE};
	int rc = map_all(b);
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)b->ring,
				       .ring_entries = b->n};

	if (!rc && ring_fd != WF_BUFS_NO_RING)
		rc = wf_sys.ring_register(ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1);
	if (rc) {
		wf_bufs_close(b);
		return rc;
	}
	/* A forked child must not share what the kernel writes to. */
	wf_sys.madvise(b->ring, b->n * sizeof(struct io_uring_buf), MADV_DONTFORK);
	wf_sys.madvise(b->mem, (size_t)b->n * b->stride, MADV_DONTFORK);
	for (uint32_t i = 0; i < b->n; i++)
		wf_bufs_give_owner(b, (uint16_t)i);
	return 0;
}

void wf_bufs_name(struct wf_bufs *b, unsigned worker)
{
	wf_map_name(b->ring, b->n * sizeof(struct io_uring_buf), "buffers", (int)worker);
	wf_map_name(b->mem, (size_t)b->n * b->stride, "buffers", (int)worker);
}

void wf_bufs_close(struct wf_bufs *b)
{
	if (b->ring)
		wf_sys.munmap(b->ring, b->n * sizeof(struct io_uring_buf));
	if (b->mem)
		wf_sys.munmap(b->mem, (size_t)b->n * b->stride);
	free(b->info);
	memset(b, 0, sizeof(*b));
}

static void show(struct wf_bufs *b, uint16_t bid)
{
	io_uring_buf_ring_add(b->ring, b->mem + (uint64_t)bid * b->stride, b->bytes, bid,
			      (int)b->n - 1, 0);
	io_uring_buf_ring_advance(b->ring, 1);
	b->n_shown++;
}

static void show_spares(struct wf_bufs *b)
{
	while (b->n_shown < b->goal && b->spare != WF_BUF_NONE) {
		uint16_t bid = b->spare;
		b->spare = b->info[bid].next;
		show(b, bid);
	}
}

void wf_bufs_taken(struct wf_bufs *b)
{
	b->n_free--;
	b->n_shown--;
	if (wf_unlikely(b->n_shown + b->goal / 2 < b->goal))
		show_spares(b);
}

void wf_bufs_taken_any(struct wf_bufs *b)
{
	wf_count(&b->owed, 1u); /* BR2 relaxed */
}

void wf_bufs_short(struct wf_bufs *b)
{
	if (b->spare != WF_BUF_NONE)
		b->goal *= 2;
	show_spares(b);
}

void wf_bufs_give_owner(struct wf_bufs *b, uint16_t bid)
{
	wf_assert(bid < b->n &&
		  b->n_free < b->n + wf_atomic_load_relaxed(&b->owed)); /* BR2 relaxed */
	b->n_free++;
	if (wf_likely(b->n_shown < b->goal)) {
		show(b, bid);
		return;
	}
	b->info[bid].next = b->spare;
	b->spare = bid;
}

void wf_bufs_give_any(struct wf_bufs *b, uint16_t bid)
{
	uint32_t head =
		wf_atomic_load_relaxed(&b->remote); /* BR1 relaxed: the cas checks */

	do
		b->info[bid].next = head ? (uint16_t)(head - 1) : WF_BUF_NONE;
	while (!wf_atomic_cas_release(&b->remote, &head, bid + 1u)); /* BR1 */
}

void wf_bufs_settle(struct wf_bufs *b)
{
	while (b->owed) {
		b->owed--;
		wf_bufs_taken(b);
	}
}

void wf_bufs_collect(struct wf_bufs *b)
{
	if (!wf_atomic_load_relaxed(&b->remote)) /* BR1 relaxed: a glance */
		return;
	uint32_t head = wf_atomic_xchg_acquire(&b->remote, 0u); /* BR1 */
	uint16_t bid = head ? (uint16_t)(head - 1) : WF_BUF_NONE;

	while (bid != WF_BUF_NONE) {
		uint16_t next = b->info[bid].next;
		wf_bufs_give_owner(b, bid);
		bid = next;
	}
}
