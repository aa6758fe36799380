/* SPDX-License-Identifier: MIT */
/*
 * A ring of the worker's own, for the descriptors that the pool's owner granted. The kernel holds it to
 * them: these operations, on these descriptors by their numbers, and nothing can be registered any
 * more (IORING_REGISTER_RESTRICTIONS). Made before the sandbox closes, whose filter then lets
 * io_uring_enter by, and no other call of io_uring: there is no other ring. So what a job does
 * to this one by itself is nothing that it may not do.
 */
#include <errno.h>
#include <liburing.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

enum { ENTRIES = 4, HIGHEST = 0x7ffff000 };

static struct {
	struct io_uring ring;
	unsigned n; /* descriptors; 0: there is no ring */
	uint64_t turn;
} grant;

static const struct {
	uint32_t may;
	uint8_t opcode;
} operations[] = {{WEFT_JOB_MAY_READ, IORING_OP_READ},
		  {WEFT_JOB_MAY_WRITE, IORING_OP_WRITE},
		  {WEFT_JOB_MAY_SYNC, IORING_OP_FSYNC}};

enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* liburing 2.3 declares both calls for which this is, and exports neither. */
static int enroll(unsigned what, const void *arg, unsigned n)
{
	return syscall(SYS_io_uring_register, grant.ring.ring_fd, what, arg, n) < 0
		       ? -errno
		       : 0;
}

static int restrict_to(uint32_t may)
{
	struct io_uring_restriction r[OPERATIONS + 1] = {
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED,
		 .sqe_flags = IOSQE_FIXED_FILE}};
	unsigned n = 1;

	for (unsigned i = 0; i < OPERATIONS; i++)
		if (may & operations[i].may)
			r[n++] = (struct io_uring_restriction){
				.opcode = IORING_RESTRICTION_SQE_OP,
				.sqe_op = operations[i].opcode};
	return enroll(IORING_REGISTER_RESTRICTIONS, r, n);
}

int wf_grant_open(const struct wf_wire_setup *setup, const int *fds)
{
	int rc = io_uring_queue_init(ENTRIES, &grant.ring, IORING_SETUP_R_DISABLED);

	if (rc)
		return rc;
	rc = io_uring_register_files(&grant.ring, fds, setup->n_grants);
	if (!rc)
		rc = restrict_to(setup->grant_ops);
	if (!rc)
		rc = enroll(IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (rc < 0) {
		io_uring_queue_exit(&grant.ring);
		return rc;
	}
	grant.n = setup->n_grants;
	return grant.ring.ring_fd;
}

void wf_grant_move(int fd)
{
	grant.ring.ring_fd = grant.ring.enter_ring_fd = fd;
}

void wf_grant_close(void)
{
	io_uring_queue_exit(&grant.ring);
	grant.n = 0;
}

struct io_uring *wf_grant_ring(void)
{
	return &grant.ring;
}

/* Until the request of this turn has ended; a job that was caught in one of before may have left others. */
static ssize_t await(uint64_t turn)
{
	struct io_uring_cqe *cqe;

	for (;;) {
		int rc = io_uring_wait_cqe(&grant.ring, &cqe);
		if (rc == -EINTR)
			continue;
		if (rc)
			return rc;
		ssize_t res = cqe->res;
		bool ours = cqe->user_data == turn;
		io_uring_cqe_seen(&grant.ring, cqe);
		if (ours)
			return res;
	}
}

/* Until the kernel has it: what stays in the queue would go out with the next call, when its buffer is gone. */
static int hand_over(void)
{
	int rc;

	while ((rc = io_uring_submit(&grant.ring)) == -EINTR || rc == -EAGAIN ||
	       rc == -EBUSY)
		sched_yield();
	return rc;
}

static ssize_t use(int opcode, unsigned which, const void *buf, size_t len,
		   int64_t offset)
{
	if (!grant.n)
		return -ENOSYS;
	if (which >= grant.n)
		return -EBADF;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&grant.ring);
	if (!sqe)
		return -EBUSY;
	io_uring_prep_rw(opcode, sqe, (int)which, buf,
			 len > HIGHEST ? HIGHEST : (unsigned)len, (uint64_t)offset);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->user_data = ++grant.turn;
	int rc = hand_over();
	return rc < 0 ? rc : await(grant.turn);
}

ssize_t weft_job_read(unsigned grant_no, void *buf, size_t len, int64_t offset)
{
	return use(IORING_OP_READ, grant_no, buf, len, offset);
}

ssize_t weft_job_write(unsigned grant_no, const void *buf, size_t len, int64_t offset)
{
	return use(IORING_OP_WRITE, grant_no, buf, len, offset);
}

int weft_job_sync(unsigned grant_no)
{
	return (int)use(IORING_OP_FSYNC, grant_no, NULL, 0, 0);
}
