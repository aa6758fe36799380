/* SPDX-License-Identifier: MIT */
/*
 * Echo server, bare liburing with one-shot receives: recv, then send of the same buffer,
 * then recv again, on direct descriptors. Multishot accept.
 */
#include "uring.h"

static char bufs[MAX_CONNS][1024];

static void arm_recv(unsigned slot)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_recv(sqe, (int)slot, bufs[slot], sizeof(bufs[slot]), 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, pack(TAG_RECV, 0, slot));
}

static void send_back(unsigned slot, unsigned len)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_send(sqe, (int)slot, bufs[slot], len, MSG_NOSIGNAL | MSG_WAITALL);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, pack(TAG_SEND, 0, slot));
}

static void complete(int listener, const struct io_uring_cqe *cqe)
{
	unsigned slot = (unsigned)cqe->user_data;

	switch ((enum tag)(cqe->user_data >> 56)) {
	case TAG_ACCEPT:
		if (cqe->res >= 0)
			arm_recv((unsigned)cqe->res);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			arm_accept(listener);
		break;
	case TAG_RECV:
		if (cqe->res > 0)
			send_back(slot, (unsigned)cqe->res);
		else
			close_slot(slot);
		break;
	case TAG_SEND:
		if (cqe->res > 0)
			arm_recv(slot);
		else
			close_slot(slot);
		break;
	case TAG_CLOSE:
		break;
	}
}

int main(int argc, char **argv)
{
	int listener = peer_listen(argc > 1 ? argv[1] : "7777", 0);

	ring_open(4096, 16384);
	arm_accept(listener);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;

		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			complete(listener, cqe);
			n++;
		}
		io_uring_cq_advance(&ring, n);
	}
}
