/* SPDX-License-Identifier: MIT */
/*
 * Operations. A call op lives on its coroutine's stack and ends at its one completion,
 * nowhere else; until then the kernel may write to what it names. Stream ops are in
 * stream.h. op.def is the table of both.
 */
#ifndef WF_RING_OP_H
#define WF_RING_OP_H

#include <stdint.h>

#include "../co/co.h"
#include "uapi.h"

enum wf_op_code {
#define WF_OP(name, opcode, prep, done, flags) WF_OP_##name,
#include "op.def"
	WF_OP_COUNT,
};

enum {
	WF_OP_RES_IS_FD = 1,
	WF_OP_RESTARTABLE = 2,
	WF_OP_FILLS = 4,
	WF_OP_FILLS_STATX = 8,
	WF_OP_WAITS = 16,
};

struct wf_op {
	struct wf_co *co; /* parked until the completion */
	enum wf_op_code code;
	int fd;
	int32_t res;
	uint32_t len;
	uint32_t flags; /* msg_flags, open_flags, poll events ...: the sqe's rw_flags */
	uint64_t addr, off;
};

struct wf_op_row {
	const char *name;
	uint8_t opcode, flags;
	void (*prep)(struct io_uring_sqe *sqe, const struct wf_op *op);
	int32_t (*done)(int32_t res);
};

extern const struct wf_op_row wf_op_rows[WF_OP_COUNT];

/* The completion came: set op->res. */
void wf_op_complete(struct wf_op *op, int32_t res);

/* Whether FUTEX_WAIT may be started. addr: the word; off: it sleeps while the word is that, else
 * -EAGAIN at once. */
bool wf_can_futex(void);

#endif
