/* SPDX-License-Identifier: MIT */
/* The simulated engine: what a worker sees of it. */
#include <errno.h>
#include <stdlib.h>

#include "../base/sys.h"
#include "../ring/feat.h"
#include "../ring/stream.h"
#include "dice.h"
#include "kernel.h"
#include "threads.h"

static int sim_open(struct wf_ring *r, const struct wf_conf *conf)
{
	r->sim = wf_sys.calloc(1, sizeof(*r->sim));
	if (!r->sim)
		return -ENOMEM;
	r->of = r;
	r->wake_fd = r->enter_fd = -1;
	r->accepts_ahead = wf_has(WF_FEAT_ACCEPT_MULTI);
	r->readahead_bytes = (uint32_t)conf->readahead_bytes;
	if (!wf_has(WF_FEAT_BUF_RING) || !wf_has(WF_FEAT_RECV_MULTI))
		return 0;
	int rc = wf_bufs_open(&r->bufs, WF_BUFS_NO_RING, (uint32_t)conf->recv_buffers,
			      (uint32_t)conf->recv_buffer_bytes);
	if (rc) {
		free(r->sim);
		r->sim = NULL;
	}
	return rc;
}

static void sim_close(struct wf_ring *r)
{
	wf_assert(r->in_flight == 0);
	wf_bufs_close(&r->bufs);
	free(r->sim->cqe);
	free(r->sim);
	r->sim = NULL;
}

static void sim_start(struct wf_ring *r, struct wf_op *op)
{
	r->in_flight++;
	wf_count(&r->count.sqes, 1u); /* statistics: relaxed */
	wf_kernel_op(r, op);
	wf_thread_pause(); /* its coroutine holds no lock, and has not parked yet */
}

static void sim_stream_start(struct wf_ring *r, struct wf_fd *f)
{
	wf_count(&r->count.sqes, 1u); /* statistics: relaxed */
	wf_kernel_stream(r, f);
}

static void sim_cancel(struct wf_ring *r, struct wf_op *op)
{
	wf_kernel_cancel_op(r, op);
}

static void sim_stream_cancel(struct wf_ring *r, struct wf_fd *f)
{
	wf_kernel_cancel_stream(r, f);
}

static void reap_op(struct wf_ring *r, const struct wf_sim_cqe *cqe)
{
	struct wf_op *op = cqe->target;

	wf_op_complete(op, cqe->res);
	r->in_flight--;
	wf_co_claim_owned(op->co);
	wf_ring_ready(r, op->co);
}

static void reap_stream(struct wf_ring *r, const struct wf_sim_cqe *cqe)
{
	if (cqe->bid != WF_BUF_NONE)
		wf_bufs_taken(&r->bufs);
	wf_stream_complete(r, cqe->target, cqe->gen, cqe->res, cqe->bid, cqe->more);
}

static void reap(struct wf_ring *r)
{
	struct wf_sim_cqe cqe;

	while (wf_kernel_take(r, &cqe)) {
		wf_note(WF_EV_REAP, r->id, cqe.res);
		wf_count(&r->count.cqes, 1u); /* statistics: relaxed */
		if (cqe.kind == WF_UD_OP)
			reap_op(r, &cqe);
		else
			reap_stream(r, &cqe);
	}
}

static void sim_poll(struct wf_ring *r, uint64_t wait_ns)
{
	wf_bufs_collect(&r->bufs);
	wf_count(&r->count.enters, 1u); /* statistics: relaxed */
	if (wait_ns == 0)
		wf_thread_pause();
	else
		wf_thread_wait_ring(r, wait_ns);
	reap(r);
}

static bool sim_came(const struct wf_ring *r)
{
	return wf_kernel_came(r) ||
	       wf_atomic_load_relaxed(&r->bufs.remote); /* BR1 relaxed: a glance */
}

/* Each look is a moment at which another worker may go on. */
static bool sim_busy(const struct wf_ring *r)
{
	(void)r;
	return true;
}

/* All sleep is in the ring: its ends are what the dice decide on. */
static bool sim_at_rest(const struct wf_ring *r)
{
	(void)r;
	return false;
}

static void sim_wake(struct wf_ring *target, struct wf_ring *from)
{
	(void)from;
	wf_thread_call(target);
}

/* There is no monitor under simulation, so nothing is lent. */
const struct wf_engine wf_engine_sim = {
	.name = "sim",
	.open = sim_open,
	.close = sim_close,
	.start = sim_start,
	.cancel = sim_cancel,
	.cancel_fd = wf_kernel_cancel_fd,
	.stream_start = sim_stream_start,
	.stream_cancel = sim_stream_cancel,
	.at_rest = sim_at_rest,
	.poll = sim_poll,
	.came = sim_came,
	.busy = sim_busy,
	.wake = sim_wake,
};
