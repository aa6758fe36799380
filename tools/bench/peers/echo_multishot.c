/* SPDX-License-Identifier: MIT */
/*
 * Echo server, bare liburing, the best loop known to us and the bar for weft's: multishot
 * accept into direct descriptors, multishot receive from a buffer ring, the received
 * buffer is sent as it is and goes back to the ring when its send has completed. One
 * system call submits a batch and waits.
 *
 * Correct, not just fast: at most one send a connection is in flight and further buffers
 * queue behind it, so bytes cannot change places; short sends cannot happen (WAITALL);
 * receives that ended for want of buffers are armed again when buffers are back; a slot
 * is closed once nothing refers to it.
 *
 * Tried and worse: gathering everything that is ready (up to 512 completions a call)
 * before answering, by 15-30 % of server time.
 *
 *   echo_multishot PORT [BUFFERS]
 */
#include <sys/mman.h>

#include "uring.h"

enum { BUF_SIZE = 512, MAX_BUFS = 32768, NONE = 0xffff };

struct conn {
	uint16_t head, tail; /* received buffers waiting for the send before them */
	uint8_t sending, armed, closing;
};

static struct conn conns[MAX_CONNS];
static uint16_t buf_next[MAX_BUFS], buf_len[MAX_BUFS];
static unsigned hungry[MAX_CONNS], hungry_count; /* ended with -ENOBUFS */
static unsigned buf_count = 1024, returned;
static struct io_uring_buf_ring *buf_ring;
static char *bufs;

static void buf_return(unsigned bid)
{
	io_uring_buf_ring_add(buf_ring, bufs + (size_t)bid * BUF_SIZE, BUF_SIZE,
			      (unsigned short)bid, io_uring_buf_ring_mask(buf_count),
			      (int)returned++);
}

static void bufs_open(void)
{
	struct io_uring_buf_reg reg = {.ring_entries = buf_count};
	size_t ring_bytes = buf_count * sizeof(struct io_uring_buf);
	size_t bytes = ring_bytes + (size_t)buf_count * BUF_SIZE;
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int err;

	if (mem == MAP_FAILED)
		die("mmap", errno);
	reg.ring_addr = (uint64_t)(uintptr_t)mem;
	err = io_uring_register_buf_ring(&ring, &reg, 0);
	if (err < 0)
		die("io_uring_register_buf_ring", -err);
	buf_ring = mem;
	io_uring_buf_ring_init(buf_ring);
	bufs = (char *)mem + ring_bytes;
	for (unsigned i = 0; i < buf_count; i++)
		buf_return(i);
}

static void arm_recv(unsigned slot)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_recv_multishot(sqe, (int)slot, NULL, 0, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	io_uring_sqe_set_data64(sqe, pack(TAG_RECV, 0, slot));
	conns[slot].armed = 1;
}

static void send_buf(unsigned slot, unsigned bid)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_send(sqe, (int)slot, bufs + (size_t)bid * BUF_SIZE, buf_len[bid],
			   MSG_NOSIGNAL | MSG_WAITALL);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, pack(TAG_SEND, bid, slot));
	conns[slot].sending = 1;
}

static void end_if_idle(unsigned slot)
{
	struct conn *c = &conns[slot];

	if (c->closing == 1 && !c->sending && !c->armed) {
		c->closing = 2;
		close_slot(slot);
	}
}

static void accepted(int listener, const struct io_uring_cqe *cqe)
{
	if (cqe->res >= 0) {
		conns[cqe->res] = (struct conn){.head = NONE, .tail = NONE};
		arm_recv((unsigned)cqe->res);
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		arm_accept(listener);
}

static void received(unsigned slot, const struct io_uring_cqe *cqe)
{
	struct conn *c = &conns[slot];
	uint16_t bid = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

	c->armed = !!(cqe->flags & IORING_CQE_F_MORE);
	if (cqe->res > 0) {
		buf_len[bid] = (uint16_t)cqe->res;
		buf_next[bid] = NONE;
		if (!c->sending)
			send_buf(slot, bid);
		else if (c->head == NONE)
			c->head = c->tail = bid;
		else
			c->tail = buf_next[c->tail] = bid;
		if (!c->armed)
			arm_recv(slot);
	} else if (cqe->res == -ENOBUFS) {
		hungry[hungry_count++] = slot;
	} else {
		c->closing = 1;
		end_if_idle(slot);
	}
}

static void sent(unsigned slot, const struct io_uring_cqe *cqe)
{
	struct conn *c = &conns[slot];
	uint16_t bid = (uint16_t)(cqe->user_data >> 32), next = c->head;

	buf_return(bid);
	c->sending = 0;
	if (next != NONE) {
		c->head = buf_next[next];
		send_buf(slot,
			 next); /* after an error it fails too, and comes back here */
	} else {
		end_if_idle(slot);
	}
}

static void reap(int listener)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	io_uring_for_each_cqe(&ring, head, cqe)
	{
		n++;
		switch ((enum tag)(cqe->user_data >> 56)) {
		case TAG_ACCEPT:
			accepted(listener, cqe);
			break;
		case TAG_RECV:
			received((unsigned)cqe->user_data, cqe);
			break;
		case TAG_SEND:
			sent((unsigned)cqe->user_data, cqe);
			break;
		case TAG_CLOSE:
			break;
		}
	}
	io_uring_cq_advance(&ring, n);
}

int main(int argc, char **argv)
{
	int listener = peer_listen(argc > 1 ? argv[1] : "7777", 0);

	if (argc > 2)
		buf_count = (unsigned)atoi(argv[2]);
	ring_open(4096, 16384);
	bufs_open();
	arm_accept(listener);
	for (;;) {
		io_uring_buf_ring_advance(buf_ring, (int)returned);
		if (returned)
			while (hungry_count)
				arm_recv(hungry[--hungry_count]);
		returned = 0;
		io_uring_submit_and_wait(&ring, 1);
		reap(listener);
	}
}
