/* SPDX-License-Identifier: MIT */
/* What a completion says: user_data (enum wf_ud, uapi.h) both ways, and the buffer. */
#ifndef WF_RING_UD_H
#define WF_RING_UD_H

#include "bufs.h"
#include "fd.h"
#include "op.h"

static inline uint64_t wf_ud_stream(const struct wf_fd *f, uint16_t gen)
{
	return (uint64_t)(uintptr_t)f | (uint64_t)gen << 48 | WF_UD_STREAM;
}

static inline uint64_t wf_ud_op(const struct wf_op *op)
{
	return (uint64_t)(uintptr_t)op | WF_UD_OP;
}

/* The op or descriptor that a completion is about. */
static inline void *wf_ud_target(const struct io_uring_cqe *cqe)
{
	uint64_t address = cqe->user_data & (((uint64_t)1 << 48) - 1);

	return (void *)(uintptr_t)(address & ~(uint64_t)WF_UD_MASK);
}

/* The buffer that the kernel chose, or WF_BUF_NONE. */
static inline uint16_t wf_cqe_buffer(const struct io_uring_cqe *cqe)
{
	return cqe->flags & IORING_CQE_F_BUFFER
		       ? (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT)
		       : WF_BUF_NONE;
}

#endif
