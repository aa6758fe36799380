/* SPDX-License-Identifier: MIT */
/*
 * A worker's record, from hiring to burial. Its desk is a new one each time, sealed so that it
 * cannot be cut off under the pool, and mapped over the old one: who still has the old one
 * shares nothing with the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "pool.h"

/* Its pages are on its node, whoever touches them first; a wish, if there is no room. */
static void keep_near(const struct wf_hand *h, size_t bytes)
{
	uint64_t mask[16] = {0};

	if (h->node < 0)
		return;
	mask[h->node / 64] = 1ull << h->node % 64;
	syscall(SYS_mbind, h->desk, bytes, MPOL_PREFERRED, mask, sizeof(mask) * 8, 0);
}

static int map_desk(struct wf_hand *h, int fd)
{
	size_t bytes = wf_desk_bytes(&h->pool->setup.shape);
	int again = h->desk ? MAP_FIXED : 0;

	if (ftruncate(fd, (off_t)bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	void *at =
		mmap(h->desk, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | again, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	h->desk = at;
	keep_near(h, bytes);
	return 0;
}

static int watch(const struct wf_hand *h, int fd, uint32_t kind)
{
	struct epoll_event e = {.events = EPOLLIN,
				.data.u64 = (uint64_t)kind << 32 | h->index};

	return epoll_ctl(h->pool->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static void reset(struct wf_hand *h)
{
	h->leaving = h->keyed = h->dead = false;
	h->tail = h->first = h->claimed = h->skipped = h->served = h->killed =
		h->n_output = h->hungry = 0;
	h->pid = 0;
	h->idle_since = weft_now();
	h->n_free = h->pool->setup.shape.slots;
	for (uint32_t i = 0; i < h->n_free; i++)
		h->free[i] = h->n_free - 1 - i;
}

/* fds: desk, our end of stderr, the worker's, its cgroup. All -1. */
static int open_all(struct wf_hand *h, int fds[4])
{
	fds[0] = memfd_create("weft-desk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc = fds[0] < 0 ? -errno : map_desk(h, fds[0]);
	if (!rc && pipe2(fds + 1, O_CLOEXEC | O_NONBLOCK))
		rc = -errno;
	if (!rc)
		fcntl(fds[2], F_SETFL, 0); /* the worker waits for the keeper to read */
	if (!rc && (h->tell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		rc = -errno;
	if (!rc)
		rc = watch(h, h->tell_fd, 1);
	if (!rc)
		rc = watch(h, fds[1], 2);
	if (!rc && h->pool->cgroup >= 0) {
		fds[3] = wf_cgroup_of(h);
		rc = fds[3] < 0 ? fds[3] : 0;
	}
	return rc;
}

int wf_hand_hire(struct wf_hand *h)
{
	const struct wf_wire_msg msg = {.op = WF_WIRE_FORK, .worker = h->index};
	int fds[4] = {-1, -1, -1, -1};
	int rc = open_all(h, fds);

	if (!rc) {
		const int send[WF_FORK_FDS] = {[WF_FORK_DESK] = fds[0],
					       [WF_FORK_TELL] = h->tell_fd,
					       [WF_FORK_STDERR] = fds[2],
					       [WF_FORK_CGROUP] = fds[3]};
		reset(h);
		rc = wf_wire_send(h->pool->ctl, &msg, sizeof(msg), send,
				  fds[3] < 0 ? WF_FORK_CGROUP : WF_FORK_FDS);
	}
	if (fds[0] >= 0)
		close(fds[0]);
	if (fds[2] >= 0)
		close(fds[2]);
	if (fds[3] >= 0)
		close(fds[3]);
	h->stderr_fd = fds[1];
	if (rc) {
		wf_hand_bury(h);
		return rc;
	}
	h->state = WF_HAND_HIRED;
	h->pool->n_hands++;
	return 0;
}

void wf_hand_ring(struct wf_hand *h)
{
	uint32_t *bell = &h->desk->bell;

	if (!wf_atomic_load_seq(bell) || !wf_atomic_xchg_seq(bell, 0u)) /* DK2 */
		return;
	h->pool->stats.wakes++;
	syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void wf_hand_let_go(struct wf_hand *h)
{
	if (h->leaving)
		return;
	h->leaving = true;
	wf_atomic_store_seq(&h->desk->stop, 1u); /* DK6 */
	wf_hand_ring(h);
}

bool wf_hand_worn(const struct wf_hand *h)
{
	const struct weft_job_pool_options *o = &h->pool->opt;
	uint32_t kib = wf_atomic_load_relaxed(&h->desk->rss_kib); /* DK5 relaxed */

	return (o->recycle_jobs && h->served + wf_hand_load(h) >= o->recycle_jobs) ||
	       (o->recycle_bytes && (uint64_t)kib * 1024 > o->recycle_bytes);
}

void wf_hand_kill(struct wf_hand *h, uint32_t why)
{
	const struct wf_wire_msg msg = {.op = WF_WIRE_KILL, .worker = h->index};

	h->leaving = true;
	if (h->killed)
		return;
	h->killed = why;
	h->pool->stats.killed++;
	if (h->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
	else if (h->pool->ctl >= 0)
		wf_wire_send(h->pool->ctl, &msg, sizeof(msg), NULL, 0);
}

bool wf_hand_read_output(struct wf_hand *h)
{
	const uint32_t cap = sizeof(h->output) - 1;
	char text[4096];
	ssize_t n = 1;

	/* At most one pipe full: a flood shall not keep the keeper. */
	for (int i = 0; i < 16 && (n = read(h->stderr_fd, text, sizeof(text))) > 0; i++) {
		uint32_t add = n > (ssize_t)cap ? cap : (uint32_t)n;
		uint32_t keep = h->n_output + add > cap ? cap - add : h->n_output;
		memmove(h->output, h->output + h->n_output - keep, keep);
		memcpy(h->output + keep, text + n - add, add);
		h->n_output = keep + add;
	}
	h->output[h->n_output] = '\0';
	return n;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void wf_hand_bury(struct wf_hand *h)
{
	close_one(&h->tell_fd);
	close_one(&h->stderr_fd);
	close_one(&h->pidfd);
	if (h->state != WF_HAND_NONE)
		h->pool->n_hands--;
	h->state = WF_HAND_NONE;
	h->pid = 0;
}

void wf_hand_close(struct wf_hand *h)
{
	wf_hand_bury(h);
	if (h->desk)
		munmap(h->desk, wf_desk_bytes(&h->pool->setup.shape));
	h->desk = NULL;
}
