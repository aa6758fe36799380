/* SPDX-License-Identifier: MIT */
/*
 * What the oldest liburing that we build with (2.3) lacks, under names of our own, and
 * the layout that we rely on. Whether the running kernel has them is asked in feat.c.
 */
#ifndef WF_RING_UAPI_H
#define WF_RING_UAPI_H

#include <assert.h>
#include <liburing.h>
#include <stddef.h>
#include <string.h>

#define WF_FEAT_MIN_TIMEOUT       (1u << 15) /* 6.12: wait for many, or so long for one */
#define WF_URING_FUTEX_WAIT       51u /* 6.7; its fd is WF_FUTEX_U32, its mask in addr3 */
#define WF_FUTEX_U32              2
#define WF_FUTEX_ANY              0xffffffffu
#define WF_REGISTER_SEND_MSG_RING 31u /* 6.13: a message without a ring of one's own */

static_assert(sizeof(struct io_uring_getevents_arg) == 24, "argument of enter");
static_assert(sizeof(struct io_uring_sqe) == 64, "sqe layout");
static_assert(offsetof(struct io_uring_sqe, off) == 8, "sqe layout");
static_assert(offsetof(struct io_uring_sqe, addr) == 16, "sqe layout");
static_assert(offsetof(struct io_uring_sqe, len) == 24, "sqe layout");
static_assert(offsetof(struct io_uring_sqe, user_data) == 32, "sqe layout");
static_assert(offsetof(struct io_uring_sqe, buf_group) == 40, "sqe layout");
static_assert(sizeof(struct io_uring_cqe) == 16, "cqe layout");

/* Where old headers have padding. */
static inline void wf_set_min_wait_us(struct io_uring_getevents_arg *arg, uint32_t us)
{
	memcpy((char *)arg + 12, &us, sizeof(us));
}

/*
 * user_data: a pointer with a kind in its low bits, and for streams the generation of the
 * descriptor's state above the address.
 */
enum wf_ud {
	WF_UD_OP = 0,     /* struct wf_op, on a parked coroutine's stack */
	WF_UD_STREAM = 1, /* struct wf_fd with generation */
	WF_UD_WAKE = 2,   /* the eventfd: look at the inbox */
	WF_UD_NONE = 3,   /* nobody waits: a message that wakes, the result of a cancel */
	WF_UD_RELAY = 4,  /* struct wf_ring that a message was sent to */
	WF_UD_MASK = 7,
};

#endif
