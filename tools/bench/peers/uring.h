/* SPDX-License-Identifier: MIT */
/* What the bare liburing loops share: the ring and its user data. Written for 2.3. */
#ifndef BENCH_URING_H
#define BENCH_URING_H

#include <liburing.h>

#include "peer.h"

enum tag { TAG_ACCEPT, TAG_RECV, TAG_SEND, TAG_CLOSE };

static struct io_uring ring;

/* user_data: tag in the top byte, a buffer id below it, the file slot in the low half. */
static inline uint64_t pack(enum tag tag, unsigned bid, unsigned slot)
{
	return (uint64_t)tag << 56 | (uint64_t)bid << 32 | slot;
}

static inline struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	while (!sqe) {
		io_uring_submit(&ring);
		sqe = io_uring_get_sqe(&ring);
	}
	return sqe;
}

static inline void ring_open(unsigned sq, unsigned cq)
{
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER |
					     IORING_SETUP_DEFER_TASKRUN |
					     IORING_SETUP_SUBMIT_ALL |
					     IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
				    .cq_entries = cq};
	int err = io_uring_queue_init_params(sq, &ring, &p);

	if (err < 0)
		die("io_uring_setup", -err);
	io_uring_register_ring_fd(&ring);
	err = io_uring_register_files_sparse(&ring, MAX_CONNS);
	if (err < 0)
		die("io_uring_register_files_sparse", -err);
}

static inline void arm_accept(int listener)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_multishot_accept_direct(sqe, listener, NULL, NULL, 0);
	io_uring_sqe_set_data64(sqe, pack(TAG_ACCEPT, 0, 0));
}

static inline void close_slot(unsigned slot)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_close_direct(sqe, slot);
	io_uring_sqe_set_data64(sqe, pack(TAG_CLOSE, 0, slot));
}

#endif
