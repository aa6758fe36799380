/* SPDX-License-Identifier: MIT */
/*
 * The io_uring engine: the flag ladder, submission, reaping, waking.
 *
 * With DEFER_TASKRUN nothing completes unless this thread enters the kernel asking for
 * events; the kernel sets SQ_TASKRUN when there is something to come for.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../base/sys.h"
#include "feat.h"
#include "ring.h"
#include "stream.h"
#include "ud.h"

enum {
	POLITE_NS = 2000000,
	CQ_FACTOR = 8,
	MIN_ENTRIES = 8,
	MIN_BUFS = 16,
	PATIENCE = 100,
	MANY = 16,        /* completions, for who lingers */
	LEND_ROUNDS = 64, /* of some 20 completions each */
};

/* Opening. */

static unsigned ladder(int rung)
{
	const unsigned base =
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

	if (rung == 0)
		return base | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		       IORING_SETUP_TASKRUN_FLAG;
	if (rung == 1)
		return base | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	return IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
}

/* What the kernel charges for a ring: the requests; completions, indices, two headers. */
static size_t ring_bytes(unsigned entries)
{
	return wf_pages(entries * sizeof(struct io_uring_sqe)) +
	       wf_pages(entries * (CQ_FACTOR * sizeof(struct io_uring_cqe) + 4) + 512);
}

void wf_ring_fit(struct wf_conf *conf, unsigned rings)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_MEMLOCK, &lim) || lim.rlim_cur == RLIM_INFINITY)
		return;
	size_t share = lim.rlim_cur / 4 * 3 / rings;
	while (conf->sq_entries > MIN_ENTRIES &&
	       ring_bytes((unsigned)conf->sq_entries) + wf_bufs_charge(1) > share)
		conf->sq_entries /= 2;
	size_t own = ring_bytes((unsigned)conf->sq_entries);
	size_t left = share > own ? share - own : 0;
	while (conf->recv_buffers && wf_bufs_charge((uint32_t)conf->recv_buffers) > left)
		conf->recv_buffers /= 2;
}

static int setup_once(struct wf_ring *r, unsigned entries)
{
	int rung = wf_has(WF_FEAT_DEFER_TASKRUN)  ? 0
		   : wf_has(WF_FEAT_COOP_TASKRUN) ? 1
						  : 2;
	struct io_uring_params p = {.flags = ladder(rung),
				    .cq_entries = entries * CQ_FACTOR};

	return wf_sys.ring_init(entries, &r->ur, &p);
}

/*
 * Whether to try again after rc, and with how much: as much for a while, for the kernel may
 * still hold what rings of before had; then less, for another process of this user may have
 * the rest.
 */
static bool try_less(int rc, unsigned tries, unsigned least, unsigned *io_n)
{
	if (tries > PATIENCE && *io_n / 2 >= least)
		*io_n /= 2;
	return wf_sys_try_again(rc, tries);
}

static int setup(struct wf_ring *r, unsigned entries)
{
	unsigned tries = 0;
	int rc;

	do
		rc = setup_once(r, entries);
	while (try_less(rc, tries++, MIN_ENTRIES, &entries));
	return rc;
}

/* We store only the tail at submission, so the index array is the identity, once. Newer
 * liburing has none. */
static void fill_index_array(struct io_uring_sq *sq)
{
	for (unsigned i = 0; sq->array && i < sq->ring_entries; i++)
		sq->array[i] = i;
}

static void arm_eventfd(struct wf_ring *r);

static int open_wake_fd(struct wf_ring *r)
{
	r->wake_fd = -1;
	if (wf_has(WF_FEAT_MSG_RING_SYNC))
		return 0;
	/* plain threads have no ring to send a message from */
	int fd = wf_sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return fd;
	r->wake_fd = fd;
	arm_eventfd(r);
	return 0;
}

static void open_bufs(struct wf_ring *r, const struct wf_conf *conf)
{
	unsigned n = (unsigned)conf->recv_buffers, tries = 0;
	int rc;

	if (!wf_has(WF_FEAT_BUF_RING) || !wf_has(WF_FEAT_RECV_MULTI) || n < MIN_BUFS)
		return;
	do
		rc = wf_bufs_open(&r->bufs, r->ur.ring_fd, n,
				  (uint32_t)conf->recv_buffer_bytes);
	while (try_less(rc, tries++, MIN_BUFS, &n));
	if (!rc)
		wf_bufs_name(&r->bufs, r->id);
}

static int uring_open(struct wf_ring *r, const struct wf_conf *conf)
{
	int rc = setup(r, (unsigned)conf->sq_entries);

	if (rc < 0)
		return rc;
	io_uring_ring_dontfork(&r->ur);
	fill_index_array(&r->ur.sq);
	r->of = r;
	r->enter_fd = r->ur.ring_fd;
	r->enter_flags = 0;
	r->accepts_ahead = wf_has(WF_FEAT_ACCEPT_MULTI);
	r->cancels_now = wf_has(WF_FEAT_SYNC_CANCEL);
	r->polite = wf_on_valgrind();
	if (wf_has(WF_FEAT_RING_FD) && io_uring_register_ring_fd(&r->ur) == 1) {
		r->enter_fd = r->ur.enter_ring_fd;
		r->enter_flags = IORING_ENTER_REGISTERED_RING;
	}
	if (wf_has(WF_FEAT_IOWQ_MAX))
		wf_sys.ring_register(r->ur.ring_fd, IORING_REGISTER_IOWQ_MAX_WORKERS,
				     (unsigned[2]){4, 64}, 2);
	open_bufs(r, conf);
	r->readahead_bytes = (uint32_t)conf->readahead_bytes;
	rc = open_wake_fd(r);
	if (rc < 0) {
		wf_bufs_close(&r->bufs);
		io_uring_queue_exit(&r->ur);
	}
	return rc;
}

static void uring_close(struct wf_ring *r)
{
	wf_assert(r->in_flight == 0);
	io_uring_queue_exit(&r->ur);
	wf_bufs_close(&r->bufs);
	if (r->wake_fd >= 0)
		wf_sys.close(r->wake_fd);
}

/* Submitting. */

static unsigned sq_pending(const struct wf_ring *r)
{
	return r->ur.sq.sqe_tail - io_uring_smp_load_acquire(r->ur.sq.khead);
}

static void publish_sqes(struct wf_ring *r)
{
	if (*r->ur.sq.ktail != r->ur.sq.sqe_tail)
		io_uring_smp_store_release(r->ur.sq.ktail, r->ur.sq.sqe_tail);
}

/* Hand over what was prepared; complete nothing. */
static int submit_only(struct wf_ring *r)
{
	unsigned submit = sq_pending(r);

	publish_sqes(r);
	wf_count(&r->count.enters, 1u);   /* statistics: relaxed */
	wf_count(&r->count.sqes, submit); /* statistics: relaxed */
	return wf_sys.ring_enter(r->enter_fd, submit, 0, r->enter_flags, NULL, 0);
}

static int enter(struct wf_ring *r, unsigned wait, const struct __kernel_timespec *ts)
{
	const bool linger = wait && wf_unlikely(r->linger_us) && wf_has(WF_FEAT_MIN_WAIT);
	struct io_uring_getevents_arg arg = {.ts = (uint64_t)(uintptr_t)ts};
	unsigned submit = sq_pending(r), flags = r->enter_flags | IORING_ENTER_GETEVENTS;

	if (linger)
		wf_set_min_wait_us(&arg, r->linger_us);
	publish_sqes(r);
	wf_count(&r->count.enters, 1u);   /* statistics: relaxed */
	wf_count(&r->count.sqes, submit); /* statistics: relaxed */
	if (ts || linger)
		return wf_sys.ring_enter(r->enter_fd, submit, linger ? MANY : wait,
					 flags | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));
	return wf_sys.ring_enter(r->enter_fd, submit, wait, flags, NULL, 0);
}

/*
 * A free request. When the queue is full, what is there is submitted first. Nothing is
 * reaped here: the caller may hold a descriptor's lock that a completion needs. The
 * kernel keeps completions that find the queue full (NODROP), so none is lost; EAGAIN
 * means that it has no memory for a request just now, and is waited out.
 */
static struct io_uring_sqe *get_sqe(struct wf_ring *r)
{
	struct io_uring_sqe *sqe;

	while (wf_unlikely(!(sqe = io_uring_get_sqe(&r->ur)))) {
		if (submit_only(r) < 0)
			sched_yield();
	}
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

/* The request that was got last is written. */
static void filled(struct wf_ring *r)
{
	wf_atomic_store_release(&r->filled, r->ur.sq.sqe_tail); /* LO2 */
}

static void uring_start(struct wf_ring *r, struct wf_op *op)
{
	const struct wf_op_row *row = &wf_op_rows[op->code];
	struct io_uring_sqe *sqe = get_sqe(r);

	sqe->opcode = row->opcode;
	sqe->user_data = wf_ud_op(op);
	row->prep(sqe, op);
	r->in_flight++;
	filled(r);
}

static struct io_uring_sqe *get_quiet_sqe(struct wf_ring *r)
{
	struct io_uring_sqe *sqe = get_sqe(r);

	sqe->user_data = WF_UD_NONE;
	if (wf_has(WF_FEAT_CQE_SKIP))
		sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
	return sqe;
}

static void cancel_ud(struct wf_ring *r, uint64_t user_data)
{
	struct io_uring_sqe *sqe = get_quiet_sqe(r);

	sqe->opcode = IORING_OP_ASYNC_CANCEL;
	sqe->fd = -1;
	sqe->addr = user_data;
	filled(r);
}

static void uring_cancel(struct wf_ring *r, struct wf_op *op)
{
	cancel_ud(r, wf_ud_op(op));
}

static void uring_cancel_fd(struct wf_ring *r, int fd)
{
	struct io_uring_sqe *sqe = get_quiet_sqe(r);

	sqe->opcode = IORING_OP_ASYNC_CANCEL;
	sqe->fd = fd;
	sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
	filled(r);
}

static void uring_stream_start(struct wf_ring *r, struct wf_fd *f)
{
	bool accept = f->state & WF_FD_LISTENER;
	struct wf_op op = {.fd = f->fd,
			   .code = accept ? WF_OP_ACCEPT_STREAM : WF_OP_RECV_STREAM};
	struct io_uring_sqe *sqe = get_sqe(r);

	if (!accept && wf_has(WF_FEAT_RECV_CAP))
		op.len = r->readahead_bytes; /* of one run, so that no sender takes all */
	sqe->opcode = wf_op_rows[op.code].opcode;
	wf_op_rows[op.code].prep(sqe, &op);
	sqe->user_data = wf_ud_stream(f, f->gen);
	filled(r);
}

static void uring_stream_cancel(struct wf_ring *r, struct wf_fd *f)
{
	cancel_ud(r, wf_ud_stream(f, f->gen));
}

/* Reaping. */

static void reap_op(struct wf_ring *r, const struct io_uring_cqe *cqe)
{
	struct wf_op *op = wf_ud_target(cqe);

	wf_op_complete(op, cqe->res);
	r->in_flight--;
	wf_co_claim_owned(op->co);
	wf_ring_ready(r, op->co);
}

static void complete_stream(struct wf_ring *here, const struct io_uring_cqe *cqe,
			    uint16_t bid)
{
	wf_stream_complete(here, wf_ud_target(cqe), (uint16_t)(cqe->user_data >> 48),
			   cqe->res, bid, cqe->flags & IORING_CQE_F_MORE);
}

static void reap_stream(struct wf_ring *r, const struct io_uring_cqe *cqe)
{
	uint16_t bid = wf_cqe_buffer(cqe);

	if (bid != WF_BUF_NONE)
		wf_bufs_taken(&r->bufs);
	complete_stream(r, cqe, bid);
}

static void reap_wake(struct wf_ring *r, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		r->wake_armed = false;
}

static void ring_eventfd(const struct wf_ring *target)
{
	const uint64_t one = 1;

	if (write(target->wake_fd, &one, sizeof(one)) < 0) {
		/* EAGAIN: the counter is full of wakes that were not seen yet */
		wf_bug(errno != EAGAIN);
	}
}

static void reap_relay(const struct io_uring_cqe *cqe)
{
	if (cqe->res < 0)
		ring_eventfd(wf_ud_target(cqe));
}

static void reap_one(struct wf_ring *r, const struct io_uring_cqe *cqe)
{
	switch ((enum wf_ud)(cqe->user_data & WF_UD_MASK)) {
	case WF_UD_OP:
		reap_op(r, cqe);
		break;
	case WF_UD_STREAM:
		reap_stream(r, cqe);
		break;
	case WF_UD_WAKE:
		reap_wake(r, cqe);
		break;
	case WF_UD_RELAY:
		reap_relay(cqe);
		break;
	default:
		break;
	}
}

/*
 * With a thousand connections all that belongs to one has left the near caches since it
 * was last touched. So completions are handled in a pipeline: what one is about is fetched
 * four before its turn, and whom it wakes and where its bytes go two before.
 */
static void prefetch_waiter(const struct io_uring_cqe *cqe)
{
	const struct wf_op *op = wf_ud_target(cqe);
	const struct wf_fd *f = wf_ud_target(cqe);

	switch ((enum wf_ud)(cqe->user_data & WF_UD_MASK)) {
	case WF_UD_OP:
		__builtin_prefetch(op->co, 1);
		break;
	case WF_UD_STREAM: /* guesses */
		__builtin_prefetch(wf_atomic_load_relaxed(&f->waiter),
				   1); /* FD1 relaxed */
		__builtin_prefetch(wf_atomic_load_relaxed(&f->what.buf),
				   1); /* FD1 relaxed */
		break;
	default:
		break;
	}
}

static void prefetch_ahead(const struct wf_ring *r, unsigned head, unsigned tail)
{
	const struct io_uring_cq *cq = &r->ur.cq;

	if (tail - head > 4)
		__builtin_prefetch(wf_ud_target(&cq->cqes[(head + 4) & cq->ring_mask]),
				   1);
	if (tail - head > 2)
		prefetch_waiter(&cq->cqes[(head + 2) & cq->ring_mask]);
}

/* Each completion is copied out and its place given back before it is handled: handling
 * may need a request, and so make the kernel look for room. */
static unsigned reap(struct wf_ring *r)
{
	unsigned n = 0, head, tail = io_uring_smp_load_acquire(r->ur.cq.ktail);

	while ((head = *r->ur.cq.khead) != tail) {
		struct io_uring_cqe cqe = r->ur.cq.cqes[head & r->ur.cq.ring_mask];
		io_uring_smp_store_release(r->ur.cq.khead, head + 1);
		if (head + 1 == tail)
			tail = io_uring_smp_load_acquire(r->ur.cq.ktail);
		prefetch_ahead(r, head, tail);
		reap_one(r, &cqe);
		n++;
	}
	wf_count(&r->count.cqes, n); /* statistics: relaxed */
	return n;
}

static bool kernel_has_more(const struct wf_ring *r)
{
	return IO_URING_READ_ONCE(*r->ur.sq.kflags) &
	       (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static bool completions_wait(const struct wf_ring *r)
{
	return kernel_has_more(r) ||
	       wf_atomic_load_relaxed(r->ur.cq.khead) != /* LO1 relaxed: a glance */
		       io_uring_smp_load_acquire(r->ur.cq.ktail);
}

static bool uring_came(const struct wf_ring *r)
{
	return completions_wait(r) ||
	       wf_atomic_load_relaxed(&r->bufs.remote); /* BR1 relaxed: a glance */
}

/* How many requests were prepared in full and not submitted. */
static unsigned filled_pending(const struct wf_ring *r)
{
	return wf_atomic_load_relaxed(&r->filled) - /* LO2 relaxed */
	       io_uring_smp_load_acquire(r->ur.sq.khead);
}

static bool uring_stuck(const struct wf_ring *r)
{
	return completions_wait(r) || filled_pending(r);
}

static bool uring_busy(const struct wf_ring *r)
{
	return sq_pending(r) || uring_came(r);
}

static bool uring_at_rest(const struct wf_ring *r)
{
	return !r->in_flight && !uring_busy(r) && !wf_loan_open(&r->loan);
}

/* valgrind lets other threads run while one is in poll(2), but not in io_uring_enter. */
static void wait_politely(struct wf_ring *r, const struct __kernel_timespec *ts)
{
	struct pollfd ring = {.fd = r->ur.ring_fd, .events = POLLIN};
	struct timespec t = {.tv_nsec = POLITE_NS};

	/* Not every message to a deferring ring wakes its poller: look again soon. */
	if (ts && ts->tv_sec == 0 && ts->tv_nsec < POLITE_NS)
		t.tv_nsec = ts->tv_nsec;
	enter(r, 0, NULL);
	if (*r->ur.cq.khead == io_uring_smp_load_acquire(r->ur.cq.ktail))
		ppoll(&ring, 1, &t, NULL);
	enter(r, 0, NULL);
}

/* Rescue. */

/* What was prepared in full is submitted: a coroutine that ran before the stall may wait for
 * it. Nothing is counted, for the owner may be about to. */
static void uring_lend(struct wf_ring *r)
{
	const unsigned flags = r->enter_flags | IORING_ENTER_GETEVENTS;
	uint32_t tail = wf_atomic_load_relaxed(&r->filled); /* LO2 relaxed: own */
	int n = 0, rc;

	if ((int32_t)(tail - *r->ur.sq.ktail) > 0)
		io_uring_smp_store_release(r->ur.sq.ktail, tail);
	do
		rc = wf_sys.ring_enter(r->enter_fd, filled_pending(r), 0, flags, NULL, 0);
	while (rc >= 0 && ++n < LEND_ROUNDS && (filled_pending(r) || kernel_has_more(r)));
	r->loan.tail = io_uring_smp_load_acquire(r->ur.cq.ktail);
}

/* Requests that cannot be cancelled end when they end. */
static void uring_cancel_now(struct wf_ring *r, const struct wf_wish *wish)
{
	const struct io_uring_sync_cancel_reg reg = {
		.addr = wish->op ? wf_ud_op(wish->op) : wf_ud_stream(wish->f, wish->gen),
		.fd = -1};

	wf_sys.ring_register(r->ur.ring_fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1);
}

/* False: its coroutine is not yet parked, or is held (PK3), so the owner is not stalled. */
static bool rescue_op(struct wf_ring *here, const struct io_uring_cqe *cqe)
{
	struct wf_op *op = wf_ud_target(cqe);
	uint64_t word = wf_atomic_load_seq(&op->co->park); /* PK1 */

	if (wf_park_kind(word) != WF_WAIT_OP || !wf_co_claim(op->co, word)) /* PK1 */
		return false;
	wf_op_complete(op, cqe->res);
	here->in_flight--;
	wf_ring_ready(here, op->co);
	return true;
}

static bool rescue_stream(struct wf_ring *here, const struct io_uring_cqe *cqe)
{
	uint16_t bid = wf_cqe_buffer(cqe);

	if (bid != WF_BUF_NONE)
		wf_bufs_taken_any(&here->of->bufs);
	complete_stream(here, cqe, bid);
	return true;
}

static bool rescue_one(struct wf_ring *here, const struct io_uring_cqe *cqe)
{
	switch ((enum wf_ud)(cqe->user_data & WF_UD_MASK)) {
	case WF_UD_OP:
		return rescue_op(here, cqe);
	case WF_UD_STREAM:
		return rescue_stream(here, cqe);
	case WF_UD_WAKE:
		here->of->loan.wake_ended |= !(cqe->flags & IORING_CQE_F_MORE);
		return true;
	case WF_UD_RELAY:
		reap_relay(cqe);
		return true;
	default:
		return true;
	}
}

static unsigned uring_rescue(struct wf_ring *here)
{
	struct wf_ring *r = here->of;
	struct io_uring_cq *cq = &r->ur.cq;
	unsigned n = 0, head = *cq->khead;

	while (head != r->loan.tail &&
	       rescue_one(here, &cq->cqes[head & cq->ring_mask])) {
		io_uring_smp_store_release(cq->khead, ++head);
		n++;
	}
	r->loan.ended -= here->in_flight; /* counted from 0 down */
	here->in_flight = 0;
	return n;
}

static void settle(struct wf_ring *r)
{
	wf_loan_settle(&r->loan);
	r->in_flight -= r->loan.ended;
	if (r->loan.wake_ended)
		r->wake_armed = false;
	r->loan.ended = 0;
	r->loan.wake_ended = false;
	wf_bufs_settle(&r->bufs);
}

static void uring_poll(struct wf_ring *r, uint64_t wait_ns)
{
	struct __kernel_timespec ts = {.tv_sec = (long long)(wait_ns / 1000000000u),
				       .tv_nsec = (long long)(wait_ns % 1000000000u)};

	if (wf_unlikely(wf_loan_open(&r->loan)))
		settle(r);
	wf_bufs_collect(&r->bufs);
	if (wf_unlikely(r->wake_fd >= 0 && !r->wake_armed))
		arm_eventfd(r);
	if (IO_URING_READ_ONCE(*r->ur.sq.kflags) & IORING_SQ_CQ_OVERFLOW)
		wf_count(&r->count.overflows, 1u); /* statistics: relaxed */
	if (wait_ns == 0) {
		if (uring_busy(r))
			enter(r, 0, NULL);
	} else if (wf_unlikely(r->polite)) {
		wait_politely(r, wait_ns == WF_NEVER ? NULL : &ts);
	} else {
		enter(r, 1, wait_ns == WF_NEVER ? NULL : &ts);
	}
	reap(r);
}

/* Waking. */

static void arm_eventfd(struct wf_ring *r)
{
	struct io_uring_sqe *sqe = get_sqe(r);

	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = r->wake_fd;
	sqe->poll32_events = 1; /* POLLIN */
	sqe->len = IORING_POLL_ADD_MULTI;
	sqe->user_data = WF_UD_WAKE;
	r->wake_armed = true;
	filled(r);
}

/* A message that fails is made good by the eventfd, which is there in this case. */
static void wake_by_message(struct wf_ring *target, struct wf_ring *from)
{
	struct io_uring_sqe *sqe = get_quiet_sqe(from);

	sqe->opcode = IORING_OP_MSG_RING;
	sqe->fd = target->ur.ring_fd;
	sqe->off = WF_UD_NONE;
	sqe->user_data = (uint64_t)(uintptr_t)target | WF_UD_RELAY;
	filled(from);
	if (submit_only(from) < 0)
		ring_eventfd(target);
}

/* The kernel may have no memory for a message just now: then it is sent again, since
 * nobody else would wake the target. -EOVERFLOW: it has completions to wake up for. */
static void wake_by_call(struct wf_ring *target)
{
	struct io_uring_sqe sqe = {.opcode = IORING_OP_MSG_RING,
				   .fd = target->ur.ring_fd,
				   .off = WF_UD_NONE};
	int rc;

	while ((rc = wf_sys.ring_register(-1, WF_REGISTER_SEND_MSG_RING, &sqe, 1)) < 0 &&
	       rc != -EOVERFLOW) {
		wf_bug(rc != -ENOMEM && rc != -EAGAIN && rc != -EINTR);
		sched_yield();
	}
}

static void uring_wake(struct wf_ring *target, struct wf_ring *from)
{
	if (wf_has(WF_FEAT_MSG_RING_SYNC))
		wake_by_call(target);
	else if (wf_has(WF_FEAT_MSG_RING) && from)
		wake_by_message(target, from);
	else
		ring_eventfd(target);
}

const struct wf_engine wf_engine_uring = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.start = uring_start,
	.cancel = uring_cancel,
	.cancel_fd = uring_cancel_fd,
	.stream_start = uring_stream_start,
	.stream_cancel = uring_stream_cancel,
	.at_rest = uring_at_rest,
	.poll = uring_poll,
	.came = uring_came,
	.busy = uring_busy,
	.lend = uring_lend,
	.cancel_now = uring_cancel_now,
	.rescue = uring_rescue,
	.stuck = uring_stuck,
	.wake = uring_wake,
};
