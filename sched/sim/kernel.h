/* SPDX-License-Identifier: MIT */
/*
 * The kernel's part: requests of all rings, in order of submission, done one at a time in an
 * order of the dice, each by a plain system call on the real descriptor, once that would not
 * wait. A request may be tried late, succeed in part, or (streams) end early; its completion
 * may come late, and overtake others but those of its own stream.
 *
 * What a request may do depends on what others did; so when none could go on, nothing is tried
 * again before a worker has run.
 */
#ifndef WF_SIM_KERNEL_H
#define WF_SIM_KERNEL_H

#include "sim.h"

struct wf_sim_cqe {
	enum wf_ud kind;
	void *target; /* struct wf_op, struct wf_fd */
	uint64_t seq; /* of its request */
	uint64_t due;
	int32_t res;
	uint16_t gen, bid;
	bool more;
};

struct wf_sim_ring {
	struct wf_sim_cqe *cqe; /* in order of completion */
	unsigned n, room;
	uint16_t buf_head; /* the next buffer that was shown */
	bool called;       /* somebody ended its next wait */
};

void wf_kernel_open(void);
void wf_kernel_close(void);

void wf_kernel_op(struct wf_ring *r, struct wf_op *op);
void wf_kernel_stream(struct wf_ring *r, struct wf_fd *f);
/* Of what was submitted to r before. */
void wf_kernel_cancel_op(struct wf_ring *r, const struct wf_op *op);
void wf_kernel_cancel_stream(struct wf_ring *r, const struct wf_fd *f);
void wf_kernel_cancel_fd(struct wf_ring *r, int fd);

/* A worker has run: what was in vain may be tried again. */
void wf_kernel_stir(void);
/* Whether a step may do anything. */
bool wf_kernel_may_move(void);
void wf_kernel_step(void);
/* The next time at which a request may be tried, or a completion of r is due; WF_NEVER. */
uint64_t wf_kernel_next(void);
uint64_t wf_kernel_next_due(const struct wf_ring *r);
/* When nothing else is left: whether a descriptor that others serve has become ready. */
bool wf_kernel_await(void);

/* Whether a completion of r is due. */
bool wf_kernel_came(const struct wf_ring *r);
/* Take one that is due, by the dice. */
bool wf_kernel_take(struct wf_ring *r, struct wf_sim_cqe *ret_cqe);

#endif
