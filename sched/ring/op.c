/* SPDX-License-Identifier: MIT */
/* Requests from operations, and results from completions. */
#include "op.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fd.h"
#include "feat.h"

#define RES_IS_FD   WF_OP_RES_IS_FD
#define RESTARTABLE WF_OP_RESTARTABLE
#define WAITS       WF_OP_WAITS
#define FILLS       WF_OP_FILLS
#define FILLS_STATX WF_OP_FILLS_STATX

static void prep_generic(struct io_uring_sqe *sqe, const struct wf_op *op)
{
	sqe->fd = op->fd;
	sqe->off = op->off;
	sqe->addr = op->addr;
	sqe->len = op->len;
	sqe->rw_flags = (__kernel_rwf_t)op->flags;
}

static void prep_poll(struct io_uring_sqe *sqe, const struct wf_op *op)
{
	sqe->fd = op->fd;
	sqe->poll32_events = op->flags;
#if __BYTE_ORDER == __BIG_ENDIAN
	sqe->poll32_events = __swahw32(sqe->poll32_events);
#endif
}

static void prep_futex_wait(struct io_uring_sqe *sqe, const struct wf_op *op)
{
	sqe->fd = WF_FUTEX_U32; /* and not private: other processes wake it */
	sqe->addr = op->addr;
	sqe->off = op->off;
	sqe->addr3 = WF_FUTEX_ANY;
}

static void prep_accept(struct io_uring_sqe *sqe, const struct wf_op *op)
{
	prep_generic(sqe, op);
	sqe->accept_flags = SOCK_CLOEXEC;
}

static void prep_accept_stream(struct io_uring_sqe *sqe, const struct wf_op *op)
{
	prep_accept(sqe, op);
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
}

static void prep_recv_stream(struct io_uring_sqe *sqe, const struct wf_op *op)
{
	prep_generic(sqe, op);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
}

static int32_t done_plain(int32_t res)
{
	return res;
}

/* A descriptor number begins a new life: its slot must be empty, or it is set aside. */
static int32_t done_fd(int32_t res)
{
	return res < 0 ? res : wf_fd_born(res, false);
}

const struct wf_op_row wf_op_rows[WF_OP_COUNT] = {
#define WF_OP(name, opcode, prep, done, flags)                                           \
	{#name, opcode, flags, prep_##prep, done_##done},
#include "op.def"
};

void wf_op_complete(struct wf_op *op, int32_t res)
{
	const struct wf_op_row *row = &wf_op_rows[op->code];

	op->res = row->done(res);
	if (row->flags & FILLS && res > 0)
		wf_kernel_wrote((void *)(uintptr_t)op->addr, (size_t)res);
	if (row->flags & FILLS_STATX && res == 0)
		wf_kernel_wrote((void *)(uintptr_t)op->off, sizeof(struct statx));
}

bool wf_can_futex(void)
{
	return wf_has(WF_FEAT_FUTEX);
}
