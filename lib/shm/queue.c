/* SPDX-License-Identifier: MIT */
/*
 * A ring of bytes with two sides. Each side has a turn (turn.h) and a position that grows for ever;
 * who has the turn copies, and moves the position last, by one compare-and-swap: before it nothing
 * has happened, after it all has. So whoever dies in the middle leaves nothing to repair. The
 * sides work at the same time, each between its own position and the other's.
 *
 * A message is 8 bytes, its length, then the message, rounded up to 8; both may wrap. Positions are
 * multiples of 8, which leaves a bit of the pushing side's to say that the queue is closed: no push can
 * come after it, and who pops sees it together with the last message.
 *
 * What lies in the region is anybody's to write. So each word is read once and checked before it
 * is used as a length or a place; what does not change lies in the handle.
 *
 * QU1  push.at, pop.at: cas_seq by its side when the bytes are written or read  <->  load_seq by the
 *      other side before it reads or overwrites them; and with the bells (BE1) by who is about to
 *      sleep.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bell.h"
#include "gate.h"
#include "region.h"
#include "turn.h"

#define MAGIC 0x65756575712d6674ull /* "tf-queue" */

enum { CLOSED = 1, TRY_NS = 1000000 };

/* One side, on a cache line of its own. */
struct side {
	struct turn turn;
	uint64_t at;   /* QU1 */
	uint64_t seen; /* turn: the other's `at` at the last look */
} __attribute__((aligned(64)));

struct shared {
	uint64_t magic, max, ring;
	struct side push, pop;
	struct {
		struct bell message, room;
	} bells __attribute__((aligned(64)));
	char bytes[] __attribute__((aligned(64)));
};

struct weft_shm_queue {
	struct shared *in;
	char *bytes;
	uint64_t max, ring;
	struct gate pushers, poppers; /* that wait, of this process */
};

/* Waiting in a call: what it has besides its arguments. */
struct patience {
	struct gate *gate;
	uint64_t until;
	struct wf_scope scope;
	bool scoped, has_gate;
};

/* What a message takes. */
static uint64_t taken(uint64_t len)
{
	return 8 + ((len + 7) & ~(uint64_t)7);
}

size_t weft_shm_queue_bytes(size_t max_bytes, size_t n)
{
	size_t all;

	if (max_bytes > PTRDIFF_MAX ||
	    __builtin_mul_overflow(taken(max_bytes), n, &all) || all > PTRDIFF_MAX)
		return 0;
	return sizeof(struct shared) + ((all + 63) & ~(size_t)63);
}

int weft_shm_queue_format(struct weft_shm *shm, size_t offset, size_t bytes,
			  size_t max_bytes)
{
	struct shared *in = weft__shm_object(shm, offset, bytes);
	size_t least = weft_shm_queue_bytes(max_bytes, 1);

	if (!in || !least || bytes < least)
		return -EINVAL;
	memset(in, 0, sizeof(*in));
	in->max = max_bytes;
	in->ring = (bytes - sizeof(*in)) & ~(uint64_t)63;
	in->magic = MAGIC;
	return 0;
}

int weft_shm_queue_at(struct weft_shm *shm, size_t offset,
		      struct weft_shm_queue **ret_queue)
{
	struct shared *in = weft__shm_object(shm, offset, sizeof(*in));

	if (!in)
		return -EINVAL;
	struct weft_shm_queue q = {
		.in = in,
		.bytes = in->bytes,
		.max = *(volatile uint64_t *)&in->max,
		.ring = *(volatile uint64_t *)&in->ring,
	};
	if (in->magic != MAGIC || q.ring % 64 || q.ring > PTRDIFF_MAX ||
	    q.max > q.ring - 8 || taken(q.max) > q.ring ||
	    !weft__shm_object(shm, offset, sizeof(*in) + q.ring))
		return -EBADMSG;
	struct weft_shm_queue *queue = wf_sys.calloc(1, sizeof(q));
	if (!queue)
		return -ENOMEM;
	*queue = q;
	*ret_queue = queue;
	return 0;
}

void weft_shm_queue_free(struct weft_shm_queue *queue)
{
	free(queue);
}

/* The ring. */

static void copy_in(const struct weft_shm_queue *q, uint64_t at, const void *from,
		    size_t len)
{
	size_t begin = at % q->ring, first = q->ring - begin;

	if (wf_likely(len <= first)) {
		memcpy(q->bytes + begin, from, len);
		return;
	}
	memcpy(q->bytes + begin, from, first);
	memcpy(q->bytes, (const char *)from + first, len - first);
}

static void copy_out(const struct weft_shm_queue *q, uint64_t at, void *to, size_t len)
{
	size_t begin = at % q->ring, first = q->ring - begin;

	if (wf_likely(len <= first)) {
		memcpy(to, q->bytes + begin, len);
		return;
	}
	memcpy(to, q->bytes + begin, first);
	memcpy((char *)to + first, q->bytes, len - first);
}

/* How many bytes lie between the two, or -EBADMSG: that cannot be. */
static int64_t held(const struct weft_shm_queue *q, uint64_t push, uint64_t pop)
{
	uint64_t n = push - pop;

	return n > q->ring || n % 8 ? -EBADMSG : (int64_t)n;
}

/* Waiting. */

/* A coroutine gets the gate, and looks again, since others may have had it. */
static int begin_to_wait(struct patience *p)
{
	if (!wf_self())
		return 0;
	if (p->until != WEFT_NEVER)
		p->scoped = wf_scope_open(&p->scope, p->until, false) == 0;
	int rc = weft__gate_enter(p->gate);
	p->has_gate = rc == 0;
	return rc;
}

static void end_waiting(struct patience *p)
{
	if (p->has_gate)
		weft__gate_leave(p->gate);
	if (p->scoped)
		wf_scope_close(&p->scope);
}

/* Pushing. */

/* Whether there is room for `need` bytes at `at`: 0, -EAGAIN, -EBADMSG. */
static int room(const struct weft_shm_queue *q, uint64_t at, uint64_t need)
{
	uint64_t pop = wf_atomic_load_seq(&q->in->pop.at); /* QU1 */
	int64_t n = held(q, at, pop);

	if (n < 0)
		return (int)n;
	return need <= q->ring - (uint64_t)n ? 0 : -EAGAIN;
}

/* turn held. The same, without a look at the other side if the last one will do. */
static int room_as_seen(const struct weft_shm_queue *q, uint64_t at, uint64_t need)
{
	struct side *side = &q->in->push;
	int64_t n = held(q, at, side->seen);

	if (wf_likely(n >= 0 && need <= q->ring - (uint64_t)n))
		return 0;
	side->seen = wf_atomic_load_seq(&q->in->pop.at); /* QU1 */
	return room(q, at, need);
}

/* turn held. */
static int put(const struct weft_shm_queue *q, const void *msg, size_t len)
{
	struct side *side = &q->in->push;
	uint64_t at = wf_atomic_load_seq(&side->at), head = len; /* QU1 */

	if (wf_unlikely(at & CLOSED))
		return -EPIPE;
	int rc = room_as_seen(q, at, taken(len));
	if (wf_unlikely(rc))
		return rc;
	copy_in(q, at, &head, sizeof(head));
	copy_in(q, at + 8, msg, len);
	if (wf_likely(wf_atomic_cas_seq(&side->at, &at, at + taken(len)))) /* QU1 */
		return 0;
	return at & CLOSED ? -EPIPE : -EBADMSG;
}

static int push_once(struct weft_shm_queue *q, const void *msg, size_t len,
		     uint64_t until)
{
	if (wf_unlikely(len > q->max))
		return -EMSGSIZE;
	int rc = weft__turn_begin(&q->in->push.turn, until);
	if (wf_unlikely(rc))
		return rc;
	rc = put(q, msg, len);
	weft__turn_end(&q->in->push.turn);
	if (wf_likely(!rc))
		weft__bell_ring(&q->in->bells.message);
	return rc;
}

/* Until there may be room, or it is closed. */
static int await_room(struct weft_shm_queue *q, size_t len, uint64_t until)
{
	uint32_t heard = weft__bell_listen(&q->in->bells.room);
	uint64_t at = wf_atomic_load_seq(&q->in->push.at); /* QU1 */

	if (room(q, at, taken(len)) != -EAGAIN) /* closed, `at` is no multiple of 8 */
		return 0;
	return weft__bell_sleep(&q->in->bells.room, heard, until);
}

static int push_slowly(struct weft_shm_queue *q, const void *msg, size_t len,
		       uint64_t until)
{
	struct patience p = {.gate = &q->pushers, .until = until};
	int rc = begin_to_wait(&p);

	while (!rc) {
		rc = push_once(q, msg, len, until);
		if (rc != -EAGAIN)
			break;
		rc = await_room(q, len, until);
	}
	end_waiting(&p);
	return rc;
}

int weft_shm_queue_push(struct weft_shm_queue *queue, const void *msg, size_t len,
			weft_time until)
{
	uintptr_t who;
	int rc = wf_may_wait(&who);

	rc = rc ? rc : push_once(queue, msg, len, until);
	return wf_likely(rc != -EAGAIN) ? rc : push_slowly(queue, msg, len, until);
}

int weft_shm_queue_trypush(struct weft_shm_queue *queue, const void *msg, size_t len)
{
	int rc = push_once(queue, msg, len, wf_clock_ns() + TRY_NS);

	return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

/* Popping. */

/* Bytes that are held from `at` on; 0: none. -EPIPE: none, and it is closed; -EBADMSG */
static int64_t there_is(const struct weft_shm_queue *q, uint64_t at)
{
	uint64_t push = wf_atomic_load_seq(&q->in->push.at); /* QU1 */
	int64_t n = held(q, push & ~(uint64_t)CLOSED, at);

	return n == 0 && push & CLOSED ? -EPIPE : n;
}

/* turn held. The same, without a look at the other side if the last one will do. */
static int64_t there_is_as_seen(const struct weft_shm_queue *q, uint64_t at)
{
	struct side *side = &q->in->pop;
	int64_t n = held(q, side->seen, at);

	if (n > 0)
		return n;
	n = there_is(q, at);
	if (n > 0)
		side->seen = at + (uint64_t)n;
	return n;
}

/* turn held. The message's length. */
static ssize_t get(const struct weft_shm_queue *q, void *buf, size_t size)
{
	struct side *side = &q->in->pop;
	uint64_t at = wf_atomic_load_seq(&side->at), len; /* QU1 */
	int64_t n = there_is_as_seen(q, at);

	if (wf_unlikely(n <= 0))
		return n ? n : -EAGAIN;
	copy_out(q, at, &len, sizeof(len));
	if (wf_unlikely(len > q->max || taken(len) > (uint64_t)n))
		return -EBADMSG;
	if (wf_unlikely(len > size))
		return -EMSGSIZE;
	copy_out(q, at + 8, buf, len);
	if (wf_unlikely(!wf_atomic_cas_seq(&side->at, &at, at + taken(len)))) /* QU1 */
		return -EBADMSG;
	return (ssize_t)len;
}

static ssize_t pop_once(struct weft_shm_queue *q, void *buf, size_t size, uint64_t until)
{
	int rc = weft__turn_begin(&q->in->pop.turn, until);

	if (wf_unlikely(rc))
		return rc;
	ssize_t len = get(q, buf, size);
	weft__turn_end(&q->in->pop.turn);
	if (wf_likely(len >= 0))
		weft__bell_ring(&q->in->bells.room);
	return len;
}

/* Until there may be a message, or it is closed. */
static int await_message(struct weft_shm_queue *q, uint64_t until)
{
	uint32_t heard = weft__bell_listen(&q->in->bells.message);

	if (there_is(q, wf_atomic_load_seq(&q->in->pop.at))) /* QU1 */
		return 0;
	return weft__bell_sleep(&q->in->bells.message, heard, until);
}

static ssize_t pop_slowly(struct weft_shm_queue *q, void *buf, size_t size,
			  uint64_t until)
{
	struct patience p = {.gate = &q->poppers, .until = until};
	ssize_t rc = begin_to_wait(&p);

	while (!rc) {
		rc = pop_once(q, buf, size, until);
		if (rc != -EAGAIN)
			break; /* 0 is a message too */
		rc = await_message(q, until);
	}
	end_waiting(&p);
	return rc;
}

ssize_t weft_shm_queue_pop(struct weft_shm_queue *queue, void *buf, size_t size,
			   weft_time until)
{
	uintptr_t who;
	ssize_t rc = wf_may_wait(&who);

	rc = rc ? rc : pop_once(queue, buf, size, until);
	return wf_likely(rc != -EAGAIN) ? rc : pop_slowly(queue, buf, size, until);
}

ssize_t weft_shm_queue_trypop(struct weft_shm_queue *queue, void *buf, size_t size)
{
	ssize_t rc = pop_once(queue, buf, size, wf_clock_ns() + TRY_NS);

	return rc == -ETIMEDOUT ? -EAGAIN : rc;
}

int weft_shm_queue_close(struct weft_shm_queue *queue)
{
	struct shared *in = queue->in;

	if (wf_atomic_or_seq(&in->push.at, (uint64_t)CLOSED) & CLOSED) /* QU1 */
		return -EPIPE;
	weft__bell_ring(&in->bells.message);
	weft__bell_ring(&in->bells.room);
	return 0;
}
