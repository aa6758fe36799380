/* SPDX-License-Identifier: MIT */
/* The keeper: what is to happen when nobody comes along. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "pool.h"

enum {
	MAX_EVENTS = 64,
	MAX_BARREN = 5,
	RETRY_NS = 500000000,
	BURIAL_MS = 5000,
	SWEEP_NS = 250000000
};

void wf_keeper_ring(struct weft_job_pool *p)
{
	const uint64_t one = 1;

	if (p->rung)
		return;
	p->rung = true;
	ssize_t n = write(p->bell_fd, &one, sizeof(one));
	(void)n; /* the counter cannot be full */
}

/* ---- the zygote and its workers --------------------------------------------------------- */

static void fail_all_queued(struct weft_job_pool *p)
{
	while (p->queue) {
		struct weft_job *job = p->queue;
		wf_queue_remove(job);
		wf_job_end(job, wf_fault_errno(WEFT_JOB_LOST), WEFT_JOB_LOST);
	}
}

/* No worker can be had: who waits for one hears it, and later ones may have more luck. */
static void give_up(struct weft_job_pool *p, int rc)
{
	p->broken = rc;
	p->retry = weft_now() + RETRY_NS;
	if (!p->n_hands)
		fail_all_queued(p);
	pthread_cond_broadcast(&p->changed);
}

static void wait_for_death(const struct wf_hand *h)
{
	struct pollfd fd = {.fd = h->pidfd, .events = POLLIN};

	poll(&fd, h->pidfd >= 0, BURIAL_MS);
}

static void zygote_died(struct weft_job_pool *p)
{
	close(p->ctl);
	if (p->zygote_fd >= 0)
		close(p->zygote_fd);
	p->ctl = p->zygote_fd = -1;
	p->zygote = 0;
	for (uint32_t i = 0; i < p->opt.max_workers; i++) {
		struct wf_hand *h = &p->hand[i];
		if (h->state == WF_HAND_NONE)
			continue;
		if (h->pidfd >= 0)
			syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
		wait_for_death(h);
		wf_hand_died(h, NULL);
	}
}

static void on_message(struct weft_job_pool *p)
{
	struct wf_wire_msg msg;
	int pidfd = -1;
	unsigned n = 1;
	ssize_t len = wf_wire_recv(p->ctl, &msg, sizeof(msg), &pidfd, &n);

	if (len != sizeof(msg) || msg.worker >= p->opt.max_workers) {
		zygote_died(p);
		return;
	}
	struct wf_hand *h = &p->hand[msg.worker];
	if (msg.op == WF_WIRE_FORKED && h->state == WF_HAND_HIRED) {
		h->state = WF_HAND_UP;
		h->pid = msg.pid;
		h->pidfd = n ? pidfd : -1;
		p->stats.forked++;
		p->broken = 0;
		pthread_cond_broadcast(&p->changed);
	} else if (msg.op == WF_WIRE_EXITED && h->state != WF_HAND_NONE) {
		wf_hand_died(h, &msg);
	} else if (msg.op == WF_WIRE_FAILED && h->state == WF_HAND_HIRED) {
		wf_hand_bury(h);
		give_up(p, msg.status);
	}
}

/* ---- how many workers there should be --------------------------------------------------- */

static uint32_t wanted(const struct weft_job_pool *p)
{
	uint32_t busy = 0, n;

	for (uint32_t i = 0; i < p->opt.max_workers; i++)
		busy += p->hand[i].state == WF_HAND_UP && wf_hand_load(&p->hand[i]);
	if (p->opt.flags & WEFT_JOB_FRESH)
		n = busy +
		    (p->n_queued > p->opt.min_workers ? p->n_queued : p->opt.min_workers);
	else
		n = busy + p->n_queued;
	n = n < p->opt.min_workers ? p->opt.min_workers : n;
	return n < p->opt.max_workers ? n : p->opt.max_workers;
}

static void hire(struct weft_job_pool *p)
{
	if (p->barren >= MAX_BARREN) {
		p->barren = 0;
		give_up(p, -EIO);
	}
	if (p->broken && weft_now() < p->retry) {
		if (!p->n_hands)
			fail_all_queued(p);
		return;
	}
	uint32_t n = wanted(p);
	for (uint32_t i = 0; i < p->opt.max_workers && p->n_hands < n; i++) {
		int rc = p->hand[i].state == WF_HAND_NONE ? wf_hand_hire(&p->hand[i]) : 0;
		if (rc) {
			give_up(p, rc);
			return;
		}
	}
}

/* Another zygote, where one died. The lock is not held meanwhile. */
static void have_zygote(struct weft_job_pool *p)
{
	if (p->ctl >= 0 || p->closing || (p->broken && weft_now() < p->retry))
		return;
	pthread_mutex_unlock(&p->lock);
	int rc = wf_zygote_start(p);
	pthread_mutex_lock(&p->lock);
	if (rc) {
		give_up(p, rc);
		return;
	}
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 3ull << 32};
	epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->ctl, &e);
	p->broken = 0;
}

/* ---- time ------------------------------------------------------------------------------- */

static void end_what_is_late(struct weft_job_pool *p, weft_time now)
{
	struct weft_job *next;

	for (struct weft_job *job = p->live; job; job = next) {
		next = job->live_next;
		if (job->deadline > now)
			continue;
		job->deadline = WEFT_NEVER;
		wf_job_stop(job, WEFT_JOB_DEADLINE);
	}
}

/* Also when to sweep: a worker that was written over may not tell when it is done. */
static weft_time next_look(const struct weft_job_pool *p, weft_time now)
{
	weft_time at = WEFT_NEVER;

	for (const struct weft_job *job = p->live; job; job = job->live_next)
		if (job->deadline < at)
			at = job->deadline;
	if (p->broken && p->retry < at)
		at = p->retry;
	if (p->n_live > p->n_queued && now + SWEEP_NS < at)
		at = now + SWEEP_NS;
	return at;
}

/* Let those go that are idle for long; returns when the next one will be. */
static weft_time end_idle(struct weft_job_pool *p, weft_time now)
{
	weft_time at = WEFT_NEVER;
	uint32_t n = p->n_hands;

	for (uint32_t i = 0; i < p->opt.max_workers && n > p->opt.min_workers; i++) {
		struct wf_hand *h = &p->hand[i];
		if (h->state != WF_HAND_UP || wf_hand_load(h) || h->leaving)
			continue;
		if (h->idle_since + p->opt.idle_ns <= now) {
			wf_hand_let_go(h);
			n--;
		} else if (h->idle_since + p->opt.idle_ns < at) {
			at = h->idle_since + p->opt.idle_ns;
		}
	}
	return at;
}

/* ---- the loop --------------------------------------------------------------------------- */

static void on_event(struct weft_job_pool *p, uint64_t what)
{
	struct wf_hand *h = &p->hand[(uint32_t)what];
	uint64_t n;

	if (what >> 32 == 0 && read(p->bell_fd, &n, sizeof(n)) > 0) {
		p->rung = false;
	} else if (what >> 32 == 1 && h->tell_fd >= 0 &&
		   read(h->tell_fd, &n, sizeof(n)) > 0) {
		wf_hand_reap(h);
	} else if (what >> 32 == 2 && h->stderr_fd >= 0) {
		if (!wf_hand_read_output(h))
			epoll_ctl(p->epoll, EPOLL_CTL_DEL, h->stderr_fd, NULL);
	} else if (what >> 32 == 3 && p->ctl >= 0) {
		on_message(p);
	}
}

/* Milliseconds to sleep; p->wakes_at says until when. */
static int look_around(struct weft_job_pool *p)
{
	weft_time now = weft_now();

	have_zygote(p);
	for (uint32_t i = 0; i < p->opt.max_workers; i++)
		wf_hand_reap(&p->hand[i]);
	end_what_is_late(p, now);
	wf_dispatch(p);
	if (p->ctl >= 0)
		hire(p);
	else if (p->broken && !p->n_hands)
		fail_all_queued(p);
	weft_time idle = end_idle(p, now), at = next_look(p, now);
	p->wakes_at = idle < at ? idle : at;
	if (p->wakes_at == WEFT_NEVER)
		return -1;
	now = weft_now();
	weft_time ms = p->wakes_at > now ? (p->wakes_at - now) / 1000000 + 1 : 0;
	return ms < 60000 ? (int)ms : 60000;
}

void *wf_keeper(void *pool)
{
	struct weft_job_pool *p = pool;
	struct epoll_event e[MAX_EVENTS];

	pthread_setname_np(pthread_self(), "weft-keeper");
	pthread_mutex_lock(&p->lock);
	while (!p->ended) {
		int ms = look_around(p);
		pthread_mutex_unlock(&p->lock);
		int n = epoll_wait(p->epoll, e, MAX_EVENTS, ms);
		pthread_mutex_lock(&p->lock);
		for (int i = 0; i < n; i++)
			on_event(p, e[i].data.u64);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}
