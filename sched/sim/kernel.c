/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/sys.h"
#include "../ring/plain.h"
#include "../ring/stream.h"
#include "dice.h"
#include "threads.h"

enum what { REQ_OP, REQ_STREAM, REQ_CANCEL_OP, REQ_CANCEL_STREAM, REQ_CANCEL_FD };

struct request {
	enum what what;
	struct wf_ring *ring;
	struct wf_op op;    /* of a stream: what it does again and again */
	const void *target; /* the struct wf_op or wf_fd that it is, or shall end */
	uint16_t gen;       /* of a stream */
	int fd;
	uint64_t seq;
	uint64_t not_before;
	uint64_t tried; /* in vain, at this time of k.time */
};

static struct {
	struct request *req; /* in order of submission */
	struct pollfd *fds;
	uint64_t *who; /* of fds: seq of their requests */
	unsigned n, room;
	uint64_t seq;
	uint64_t time;  /* grows when something may have changed */
	uint64_t still; /* the time at which nothing could be done */
} k;

static uint64_t now(void)
{
	return wf_atomic_load_relaxed(&wf_sim_now); /* CV1 relaxed: own */
}

void wf_kernel_open(void)
{
	memset(&k, 0, sizeof(k));
	k.time = 1;
}

void wf_kernel_close(void)
{
	free(k.req);
	free(k.fds);
	free(k.who);
	memset(&k, 0, sizeof(k));
}

void wf_kernel_stir(void)
{
	k.time++;
}

static void *grow(void *mem, unsigned n, size_t size)
{
	mem = realloc(mem, n * size);
	wf_bug(!mem); /* a simulation does not go on without memory */
	return mem;
}

/* Submission. */

static struct request *submit(enum what what, struct wf_ring *r, const void *target)
{
	if (k.n == k.room) {
		k.room = k.room * 2 + 16;
		k.req = grow(k.req, k.room, sizeof(*k.req));
		k.fds = grow(k.fds, k.room, sizeof(*k.fds));
		k.who = grow(k.who, k.room, sizeof(*k.who));
	}
	struct request *q = &k.req[k.n++];

	*q = (struct request){.what = what, .ring = r, .target = target, .seq = k.seq++};
	if (wf_odds(WF_ODDS_LATER))
		q->not_before = now() + wf_dice_delay();
	k.time++;
	return q;
}

void wf_kernel_op(struct wf_ring *r, struct wf_op *op)
{
	struct request *q = submit(REQ_OP, r, op);

	q->op = *op;
	q->fd = op->fd;
}

void wf_kernel_stream(struct wf_ring *r, struct wf_fd *f)
{
	struct request *q = submit(REQ_STREAM, r, f);

	q->gen = f->gen;
	q->fd = f->fd;
	q->op.fd = f->fd;
	q->op.code = f->state & WF_FD_LISTENER ? WF_OP_ACCEPT_STREAM : WF_OP_RECV_STREAM;
}

void wf_kernel_cancel_op(struct wf_ring *r, const struct wf_op *op)
{
	submit(REQ_CANCEL_OP, r, op);
}

void wf_kernel_cancel_stream(struct wf_ring *r, const struct wf_fd *f)
{
	submit(REQ_CANCEL_STREAM, r, f)->gen = f->gen;
}

void wf_kernel_cancel_fd(struct wf_ring *r, int fd)
{
	submit(REQ_CANCEL_FD, r, NULL)->fd = fd;
}

/* Completions. */

static void post(const struct request *q, int32_t res, uint16_t bid, bool more)
{
	struct wf_sim_ring *s = q->ring->sim;

	if (s->n == s->room) {
		s->room = s->room * 2 + 16;
		s->cqe = grow(s->cqe, s->room, sizeof(*s->cqe));
	}
	s->cqe[s->n++] = (struct wf_sim_cqe){
		.kind = q->what == REQ_OP ? WF_UD_OP : WF_UD_STREAM,
		.target = (void *)(uintptr_t)q->target,
		.seq = q->seq,
		.due = wf_odds(WF_ODDS_LATER) ? now() + wf_dice_delay() : 0,
		.res = res,
		.gen = q->gen,
		.bid = bid,
		.more = more};
	wf_note(WF_EV_POST, q->seq, res);
}

/* None of its own request is before it. */
static bool may_come(const struct wf_sim_ring *s, unsigned i)
{
	if (s->cqe[i].due > now())
		return false;
	for (unsigned j = 0; j < i; j++)
		if (s->cqe[j].seq == s->cqe[i].seq)
			return false;
	return true;
}

bool wf_kernel_came(const struct wf_ring *r)
{
	for (unsigned i = 0; i < r->sim->n; i++)
		if (may_come(r->sim, i))
			return true;
	return false;
}

bool wf_kernel_take(struct wf_ring *r, struct wf_sim_cqe *ret_cqe)
{
	struct wf_sim_ring *s = r->sim;
	unsigned n = 0, i;

	for (i = 0; i < s->n; i++)
		n += may_come(s, i);
	if (n == 0)
		return false;
	n = (unsigned)wf_dice(n);
	for (i = 0; !may_come(s, i) || n-- > 0; i++)
		;
	*ret_cqe = s->cqe[i];
	memmove(&s->cqe[i], &s->cqe[i + 1], (--s->n - i) * sizeof(*s->cqe));
	return true;
}

/* Doing requests. Returns whether q is over; -EAGAIN was noted in q->tried. */

static bool in_vain(struct request *q)
{
	q->tried = k.time;
	return false;
}

static bool moves_bytes(enum wf_op_code code)
{
	return code == WF_OP_RECV || code == WF_OP_SEND || code == WF_OP_SENDMSG ||
	       code == WF_OP_READ || code == WF_OP_WRITE;
}

static bool cut(const struct request *q)
{
	if (!wf_odds(WF_ODDS_SHORT) || !wf_plain_divides(q->fd))
		return false;
	wf_sim_count.shorts++;
	return true;
}

/* Level 2: the errors of a bad day. A connection that is reset is so for its peer too. */
static int32_t misfortune(const struct request *q)
{
	int type;
	socklen_t len = sizeof(type);

	if (!wf_odds(WF_ODDS_ERROR))
		return 0;
	switch (q->op.code) {
	case WF_OP_RECV:
	case WF_OP_RECV_STREAM:
	case WF_OP_SEND:
	case WF_OP_SENDMSG:
		if (getsockopt(q->fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
		    type != SOCK_STREAM)
			return 0;
		wf_sys.shutdown(q->fd, SHUT_RDWR);
		wf_sim_count.errors++;
		return -ECONNRESET;
	case WF_OP_WRITE:
		wf_sim_count.errors++;
		return -ENOSPC;
	case WF_OP_OPENAT:
	case WF_OP_OPENAT2:
	case WF_OP_ACCEPT:
		wf_sim_count.errors++;
		return -EMFILE;
	default:
		return 0;
	}
}

/* What a call asked for that shall not wait, is told at once. */
static bool never_waits(const struct request *q)
{
	return (q->op.code == WF_OP_RECV || q->op.code == WF_OP_SEND ||
		q->op.code == WF_OP_SENDMSG) &&
	       q->op.flags & MSG_DONTWAIT;
}

static bool do_op(struct request *q)
{
	uint32_t most = UINT32_MAX;
	int32_t res = misfortune(q);

	if (!res && moves_bytes(q->op.code) && q->op.len > 1 && cut(q))
		most = 1 +
		       (uint32_t)wf_dice(q->op.code == WF_OP_SENDMSG ? 64 : q->op.len);
	if (!res)
		res = wf_plain_try(&q->op, most);
	if (res == -EAGAIN && wf_plain_events(&q->op) && !never_waits(q))
		return in_vain(q);
	if (res == -EINPROGRESS && q->op.code == WF_OP_CONNECT)
		return false;
	post(q, res, WF_BUF_NONE, false);
	return true;
}

/* The next buffer that r showed to the kernel, or WF_BUF_NONE. */
static uint16_t peek_buffer(const struct wf_ring *r)
{
	const struct io_uring_buf_ring *ring = r->bufs.ring;

	if (r->sim->buf_head == ring->tail)
		return WF_BUF_NONE;
	return ring->bufs[r->sim->buf_head & (r->bufs.n - 1)].bid;
}

static bool end_stream(const struct request *q, int32_t res)
{
	post(q, res, WF_BUF_NONE, false);
	return true;
}

/* Whether a stream that goes on loses F_MORE all the same. */
static bool goes_on(void)
{
	bool lost = wf_odds(WF_ODDS_LOST);

	wf_sim_count.lost += lost;
	return !lost;
}

static bool do_receive(struct request *q)
{
	struct wf_bufs *b = &q->ring->bufs;
	uint16_t bid = peek_buffer(q->ring);

	if (bid == WF_BUF_NONE || wf_odds(WF_ODDS_STARVE)) {
		wf_sim_count.starved++;
		return end_stream(q, -ENOBUFS);
	}
	int32_t res = misfortune(q);
	if (!res)
		res = (int32_t)wf_sys.recv(q->fd, b->mem + (uint64_t)bid * b->stride,
					   cut(q) ? 1 + wf_dice(b->bytes) : b->bytes,
					   MSG_DONTWAIT);
	if (res == -EAGAIN)
		return in_vain(q);
	if (res <= 0)
		return end_stream(q, res);
	bool more = goes_on();

	q->ring->sim->buf_head++;
	post(q, res, bid, more);
	return !more;
}

static bool do_accept(struct request *q)
{
	int32_t res = wf_plain_accept(q->fd);

	if (res == -EAGAIN)
		return in_vain(q);
	if (res < 0)
		return end_stream(q, res);
	bool more = goes_on();

	post(q, res, WF_BUF_NONE, more);
	return !more;
}

/* Cancelling. What has completed already is not there any more: its result won. */

static bool is_meant(const struct request *cancel, const struct request *q)
{
	if (q->ring != cancel->ring || q->seq > cancel->seq || q->what > REQ_STREAM)
		return false;
	switch (cancel->what) {
	case REQ_CANCEL_OP:
		return q->what == REQ_OP && q->target == cancel->target;
	case REQ_CANCEL_STREAM:
		return q->what == REQ_STREAM && q->target == cancel->target &&
		       q->gen == cancel->gen;
	default:
		return q->fd == cancel->fd && q->op.code != WF_OP_OPENAT &&
		       q->op.code != WF_OP_OPENAT2 && q->op.code != WF_OP_STATX;
	}
}

static void forget(unsigned i)
{
	memmove(&k.req[i], &k.req[i + 1], (--k.n - i) * sizeof(*k.req));
}

/* Returns the number of requests before `self` that went. */
static unsigned do_cancel(unsigned self)
{
	const struct request cancel = k.req[self];
	unsigned gone = 0;

	for (unsigned i = 0; i < self - gone; i++) {
		if (!is_meant(&cancel, &k.req[i]))
			continue;
		post(&k.req[i], -ECANCELED, WF_BUF_NONE, false);
		forget(i--);
		gone++;
	}
	wf_sim_count.cancels += gone;
	wf_sim_count.cancels_lost += !gone;
	return gone;
}

static void do_one(unsigned i)
{
	struct request *q = &k.req[i];
	bool over;

	wf_note(WF_EV_TRY, q->seq, (int64_t)q->op.code);
	if (q->what >= REQ_CANCEL_OP) {
		i -= do_cancel(i);
		over = true;
	} else if (q->what == REQ_OP) {
		over = do_op(q);
	} else {
		over = q->op.code == WF_OP_ACCEPT_STREAM ? do_accept(q) : do_receive(q);
	}
	if (over)
		forget(i);
	if (over || k.req[i].tried != k.time)
		k.time++;
}

/* Choosing. */

bool wf_kernel_may_move(void)
{
	return k.n > 0 && k.still != k.time;
}

/* Those whose turn may be now: k.who, and what to poll for in k.fds. */
static unsigned gather(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k.n; i++) {
		const struct request *q = &k.req[i];
		short events = q->what <= REQ_STREAM ? wf_plain_events(&q->op) : 0;

		if (q->not_before > now() || q->tried == k.time)
			continue;
		k.fds[n] = (struct pollfd){.fd = events && !never_waits(q) ? q->fd : -1,
					   .events = events};
		k.who[n++] = q->seq;
	}
	return n;
}

/* poll(2) tells which would not wait: others need not be tried. */
static unsigned keep_ready(unsigned n)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < n; i++)
		if (k.fds[i].fd < 0 || k.fds[i].revents)
			k.who[ready++] = k.who[i];
	return ready;
}

static int compare(const void *seq, const void *request)
{
	uint64_t a = *(const uint64_t *)seq, b = ((const struct request *)request)->seq;

	return (a > b) - (a < b);
}

/* The index of a request that may have gone since, or k.n. */
static unsigned find(uint64_t seq)
{
	const struct request *q = bsearch(&seq, k.req, k.n, sizeof(*k.req), compare);

	return q ? (unsigned)(q - k.req) : k.n;
}

/* Several may be done by what one poll told: what is no longer so is then tried in vain. */
void wf_kernel_step(void)
{
	unsigned n = gather();

	if (n)
		poll(k.fds, n, 0);
	n = keep_ready(n);
	if (n == 0)
		k.still = k.time;
	while (n > 0) {
		unsigned chosen = (unsigned)wf_dice(n), i = find(k.who[chosen]);

		if (i < k.n)
			do_one(i);
		k.who[chosen] = k.who[--n];
		if (wf_dice(4) == 0)
			break;
	}
}

static uint64_t earlier(uint64_t at, uint64_t best)
{
	return at > now() && at < best ? at : best;
}

uint64_t wf_kernel_next(void)
{
	uint64_t next = WF_NEVER;

	for (unsigned i = 0; i < k.n; i++)
		next = earlier(k.req[i].not_before, next);
	return next;
}

uint64_t wf_kernel_next_due(const struct wf_ring *r)
{
	uint64_t next = WF_NEVER;

	for (unsigned i = 0; i < r->sim->n; i++)
		next = earlier(r->sim->cqe[i].due, next);
	return next;
}

bool wf_kernel_await(void)
{
	unsigned n = gather();
	bool came = n && poll(k.fds, n, 0) > 0;

	k.time += came;
	return came;
}
