/* SPDX-License-Identifier: MIT */
/* The probes: one function per way of asking. They run on a small ring of their own. */
#include "feat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/sys.h"
#include "op.h"
#include "uapi.h"

const struct wf_feat_row wf_feat_rows[WF_FEAT_COUNT] = {
#define WF_FEAT(name, probe, since, lost) {#name, since, lost},
#include "feat.def"
};

uint32_t wf_feat_mask;

enum { PROBE_ENTRIES = 8, BUF_BYTES = 64, BUF_GROUP = 0 };

/* One probe ring and what the tries on it need. */
struct probe {
	struct io_uring ring;
	struct io_uring_params params;
	struct io_uring_buf_ring *bufs;
	char buf[PROBE_ENTRIES][BUF_BYTES];
};

static unsigned setup_flags(enum wf_feat f)
{
	if (f == WF_FEAT_DEFER_TASKRUN)
		return IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		       IORING_SETUP_TASKRUN_FLAG;
	return IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
}

static bool try_setup(struct probe *p, enum wf_feat f)
{
	struct io_uring_params params = {.flags = setup_flags(f)};
	struct io_uring ring;

	int rc = 0;

	(void)p;
	for (unsigned tries = 0; tries == 0 || wf_sys_try_again(rc, tries); tries++)
		rc = wf_sys.ring_init(1, &ring, &params);
	if (rc < 0)
		return false;
	io_uring_queue_exit(&ring);
	return true;
}

static bool try_features(struct probe *p, enum wf_feat f)
{
	const unsigned flag =
		f == WF_FEAT_MIN_WAIT ? WF_FEAT_MIN_TIMEOUT : IORING_FEAT_CQE_SKIP;

	return p->params.features & flag;
}

static bool try_opcode(struct probe *p, enum wf_feat f)
{
	struct io_uring_probe *ops = io_uring_get_probe_ring(&p->ring);
	bool has = ops && io_uring_opcode_supported(ops, IORING_OP_MSG_RING);

	(void)f;
	io_uring_free_probe(ops);
	return has;
}

static bool try_buf_ring(struct probe *p)
{
	struct io_uring_buf_reg reg = {.ring_entries = PROBE_ENTRIES, .bgid = BUF_GROUP};
	void *mem =
		wf_sys.mmap(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	if (wf_sys_ptr_err(mem))
		return false;
	reg.ring_addr = (uintptr_t)mem;
	if (wf_sys.ring_register(p->ring.ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1) <
	    0) {
		wf_sys.munmap(mem, 4096);
		return false;
	}
	p->bufs = mem;
	for (unsigned i = 0; i < PROBE_ENTRIES; i++)
		io_uring_buf_ring_add(p->bufs, p->buf[i], BUF_BYTES, (unsigned short)i,
				      PROBE_ENTRIES - 1, (int)i);
	io_uring_buf_ring_advance(p->bufs, PROBE_ENTRIES);
	return true;
}

/* There is nothing to cancel, which it must find out. */
static bool try_sync_cancel(const struct probe *p)
{
	struct io_uring_sync_cancel_reg reg = {.addr = 1, .fd = -1};

	return wf_sys.ring_register(p->ring.ring_fd, IORING_REGISTER_SYNC_CANCEL, &reg,
				    1) == -ENOENT;
}

static bool try_reg(struct probe *p, enum wf_feat f)
{
	if (f == WF_FEAT_BUF_RING)
		return try_buf_ring(p);
	if (f == WF_FEAT_SYNC_CANCEL)
		return try_sync_cancel(p);
	if (f == WF_FEAT_IOWQ_MAX) {
		unsigned max[2] = {4, 64};
		return wf_sys.ring_register(p->ring.ring_fd,
					    IORING_REGISTER_IOWQ_MAX_WORKERS, max,
					    2) >= 0;
	}
	if (io_uring_register_ring_fd(&p->ring) != 1)
		return false;
	return io_uring_unregister_ring_fd(&p->ring) == 1;
}

/* Submit the one prepared request and say whether it completes with `res` and goes on. */
static bool multishot_works(struct probe *p, int res_min)
{
	struct __kernel_timespec soon = {.tv_nsec = 50000000};
	struct io_uring_cqe *cqe;

	if (io_uring_submit_and_wait_timeout(&p->ring, &cqe, 1, &soon, NULL) < 0 ||
	    io_uring_peek_cqe(&p->ring, &cqe))
		return false;
	bool ok = cqe->res >= res_min && (cqe->flags & IORING_CQE_F_MORE);
	if (ok && res_min == 0)
		close(cqe->res);
	io_uring_cqe_seen(&p->ring, cqe);
	return ok;
}

/* Cancel what multishot_works() left armed, and take its last completion. */
static void multishot_end(struct probe *p)
{
	struct __kernel_timespec soon = {.tv_nsec = 50000000};
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);
	struct io_uring_cqe *cqe;

	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->user_data = 2;
	for (int left = 2; left > 0; left--) {
		if (io_uring_submit_and_wait_timeout(&p->ring, &cqe, 1, &soon, NULL) <
			    0 ||
		    io_uring_peek_cqe(&p->ring, &cqe))
			return;
		io_uring_cqe_seen(&p->ring, cqe);
	}
}

static bool recv_works(struct probe *p, unsigned cap)
{
	int sv[2];

	if (!p->bufs || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return false;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);
	io_uring_prep_recv_multishot(sqe, sv[0], NULL, 0, 0);
	sqe->len = cap;
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUF_GROUP;
	sqe->user_data = 1;
	bool ok = write(sv[1], "x", 1) == 1 && multishot_works(p, 1);
	if (ok)
		multishot_end(p);
	close(sv[0]);
	close(sv[1]);
	return ok;
}

static bool try_recv_multi(struct probe *p, enum wf_feat f)
{
	(void)f;
	return recv_works(p, 0);
}

static bool try_recv_cap(struct probe *p, enum wf_feat f)
{
	(void)f;
	return recv_works(p, 2 * BUF_BYTES);
}

static bool try_accept_multi(struct probe *p, enum wf_feat f)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX}; /* the kernel names it */
	socklen_t len = sizeof(addr.sun_family);
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = l >= 0 && c >= 0 && !bind(l, (struct sockaddr *)&addr, len) &&
		  !listen(l, 4);

	(void)f;
	len = sizeof(addr);
	ok = ok && !getsockname(l, (struct sockaddr *)&addr, &len) &&
	     !connect(c, (struct sockaddr *)&addr, len);
	if (ok) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);
		io_uring_prep_multishot_accept(sqe, l, NULL, NULL, SOCK_CLOEXEC);
		sqe->user_data = 1;
		ok = multishot_works(p, 0);
		if (ok)
			multishot_end(p);
	}
	if (l >= 0)
		close(l);
	if (c >= 0)
		close(c);
	return ok;
}

static bool try_sync_msg(struct probe *p, enum wf_feat f)
{
	struct io_uring_sqe sqe = {.opcode = IORING_OP_MSG_RING, .fd = p->ring.ring_fd};
	struct io_uring_cqe *cqe;

	(void)f;
	if (wf_sys.ring_register(-1, WF_REGISTER_SEND_MSG_RING, &sqe, 1) < 0)
		return false;
	if (!io_uring_peek_cqe(&p->ring, &cqe))
		io_uring_cqe_seen(&p->ring, cqe);
	return true;
}

/* One that need not wait says so; a kernel without says -EINVAL. */
static bool try_futex(struct probe *p, enum wf_feat f)
{
	struct wf_op op = {.code = WF_OP_FUTEX_WAIT, .off = 1};
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);
	struct io_uring_cqe *cqe;
	uint32_t word = 0;

	(void)f;
	op.addr = (uintptr_t)&word;
	io_uring_prep_nop(sqe); /* clears it */
	sqe->opcode = wf_op_rows[op.code].opcode;
	wf_op_rows[op.code].prep(sqe, &op);
	if (io_uring_submit_and_wait(&p->ring, 1) < 0 ||
	    io_uring_peek_cqe(&p->ring, &cqe))
		return false;
	bool ok = cqe->res == -EAGAIN;
	io_uring_cqe_seen(&p->ring, cqe);
	return ok;
}

static bool try_madvise(struct probe *p, enum wf_feat f)
{
	void *page =
		wf_sys.mmap(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	(void)p, (void)f;
	if (wf_sys_ptr_err(page))
		return false;
	bool ok = wf_sys.madvise(page, 4096, 102) == 0; /* MADV_GUARD_INSTALL */
	wf_sys.munmap(page, 4096);
	return ok;
}

typedef bool probe_fn(struct probe *p, enum wf_feat f);

static probe_fn *const probes[WF_FEAT_COUNT] = {
#define WF_FEAT(name, probe, since, lost) try_##probe,
#include "feat.def"
};

/* Bits that `list` names; -EINVAL for a name that no row has. */
static int parse_disable(const char *list, uint32_t *ret_off, char *err, size_t err_size)
{
	uint32_t off = 0;

	while (list && *list) {
		size_t n = strcspn(list, ",");
		unsigned f = 0;

		while (f < WF_FEAT_COUNT && (strlen(wf_feat_rows[f].name) != n ||
					     strncmp(wf_feat_rows[f].name, list, n) != 0))
			f++;
		if (n == 3 && !strncmp(list, "all", 3)) {
			off = UINT32_MAX;
		} else if (f < WF_FEAT_COUNT) {
			off |= 1u << f;
		} else if (n) {
			snprintf(err, err_size,
				 "WEFT_DISABLE: no feature is named '%.*s'", (int)n,
				 list);
			return -EINVAL;
		}
		list += n + (list[n] == ',');
	}
	*ret_off = off;
	return 0;
}

static void explain_refusal(int rc, char *err, size_t err_size)
{
	const char *why = "io_uring_setup failed";

	if (rc == -EPERM)
		why = "io_uring is forbidden here: set sysctl "
		      "kernel.io_uring_disabled=0, or "
		      "allow io_uring_setup in the container's seccomp profile";
	else if (rc == -ENOSYS)
		why = "this kernel or sandbox has no io_uring: Linux 6.1 or later is "
		      "needed";
	else if (rc == -ENOMEM)
		why = "no memory for a ring: raise RLIMIT_MEMLOCK (ulimit -l)";
	snprintf(err, err_size, "%s (%s)", why, strerror(-rc));
}

int wf_feat_probe(const char *disable, char *err, size_t err_size)
{
	struct probe p = {0};
	uint32_t off = 0;
	int rc = parse_disable(disable, &off, err, err_size);

	wf_feat_mask = 0;
	if (rc)
		return rc;
	for (unsigned tries = 0; tries == 0 || wf_sys_try_again(rc, tries); tries++)
		rc = wf_sys.ring_init(PROBE_ENTRIES, &p.ring, &p.params);
	if (rc < 0) {
		explain_refusal(rc, err, err_size);
		return rc;
	}
	for (unsigned f = 0; f < WF_FEAT_COUNT; f++)
		if (!(off >> f & 1) && probes[f](&p, f))
			wf_feat_mask |= 1u << f;
	io_uring_queue_exit(&p.ring);
	if (p.bufs)
		wf_sys.munmap(p.bufs, 4096);
	return 0;
}

int wf_feat_assume(const char *disable, char *err, size_t err_size)
{
	const uint32_t ours = 1u << WF_FEAT_BUF_RING | 1u << WF_FEAT_RECV_MULTI |
			      1u << WF_FEAT_ACCEPT_MULTI;
	uint32_t off = 0;
	int rc = parse_disable(disable, &off, err, err_size);

	wf_feat_mask = ours & ~off;
	if (!(off >> WF_FEAT_GUARD_INSTALL & 1) &&
	    try_madvise(NULL, WF_FEAT_GUARD_INSTALL))
		wf_feat_mask |= 1u << WF_FEAT_GUARD_INSTALL;
	return rc;
}
