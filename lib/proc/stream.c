/* SPDX-License-Identifier: MIT */
/*
 * The pool's side of a stream. While the job is on a desk its messages are taken from there; what it
 * left when it ended was moved into memory of the job's handle (`rest`).
 */
#include "stream.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "pool.h"

static struct wf_slot *slot_of(const struct weft_job *job)
{
	return &job->hand->desk->slot[job->slot];
}

static uint32_t size_of(const struct weft_job *job)
{
	return wf_stream_size(job->pool->setup.shape.max_out);
}

static const char *ring_of(const struct weft_job *job)
{
	return wf_desk_out(job->hand->desk, &job->pool->setup.shape, job->slot);
}

/* Bytes that wait in the ring; more than it has: the worker wrote nonsense. */
static uint32_t waiting(const struct weft_job *job)
{
	return wf_atomic_load_seq(&slot_of(job)->put) - job->taken; /* ST1 */
}

void wf_stream_begin(struct weft_job *job)
{
	struct wf_slot *s = slot_of(job);

	job->taken = 0;
	s->mode = !job->stream ? WF_STREAM_NONE
		  : job->deaf  ? WF_STREAM_DEAF
			       : WF_STREAM_ON;
	s->put = s->taken = s->full = 0; /* ST1 ST2: the job is not out yet */
	s->eager = job->stream && job->eager;
}

void wf_stream_tell(struct weft_job *job)
{
	if (job->stream && waiting(job))
		weft_event_set(&job->more);
}

int wf_stream_save(struct weft_job *job)
{
	uint32_t n = waiting(job);

	if (!n)
		return 0;
	if (n > size_of(job))
		return -EPROTO;
	job->rest = malloc(n);
	if (!job->rest)
		return -ENOMEM;
	wf_stream_read(ring_of(job), size_of(job), job->taken, job->rest, n);
	job->rest_len = n;
	return 0;
}

/* ---- taking ----------------------------------------------------------------------------- */

/* The length of the next message, of `have` bytes; -EPROTO: they hold none. */
static int64_t check(uint32_t head, uint32_t have, size_t cap)
{
	if (have < WF_STREAM_HEAD || head > have - WF_STREAM_HEAD)
		return -EPROTO;
	return head > cap ? -EMSGSIZE : (int64_t)head;
}

static ssize_t take_rest(struct weft_job *job, void *buf, size_t cap)
{
	uint32_t head = 0, have = job->rest_len - job->rest_at;
	const char *at = job->rest + job->rest_at;

	if (!have)
		return -EPIPE;
	if (have >= WF_STREAM_HEAD)
		memcpy(&head, at, sizeof(head));
	int64_t n = check(head, have, cap);
	if (n == -EPROTO)
		job->rest_at = job->rest_len;
	if (n >= 0) {
		memcpy(buf, at + WF_STREAM_HEAD, (size_t)n);
		job->rest_at += WF_STREAM_HEAD + head;
	}
	return (ssize_t)n;
}

/* The worker may go on. */
static void make_room(struct wf_slot *s, uint32_t taken)
{
	wf_atomic_store_seq(&s->taken, taken);                                /* ST2 */
	if (wf_atomic_load_seq(&s->full) && wf_atomic_xchg_seq(&s->full, 0u)) /* ST2 */
		syscall(SYS_futex, &s->full, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Locked, unlocked for copying; PLACED, and bytes wait. */
static ssize_t take_from_desk(struct weft_job *job, void *buf, size_t cap)
{
	struct weft_job_pool *p = job->pool;
	struct wf_hand *h = job->hand;
	uint32_t head = 0, have = waiting(job), size = size_of(job);

	if (have > size)
		return -EPROTO;
	job->reading = true;
	h->copying++;
	pthread_mutex_unlock(&p->lock);
	if (have >= WF_STREAM_HEAD)
		wf_stream_read(ring_of(job), size, job->taken, &head, sizeof(head));
	int64_t n = check(head, have, cap);
	if (n >= 0)
		wf_stream_read(ring_of(job), size, job->taken + WF_STREAM_HEAD, buf,
			       (uint32_t)n);
	pthread_mutex_lock(&p->lock);
	h->copying--;
	job->reading = false;
	if (n >= 0) {
		job->taken += WF_STREAM_HEAD + head;
		make_room(slot_of(job), job->taken);
	}
	return (ssize_t)n;
}

/* Locked. -EAGAIN: there is none yet. */
static ssize_t take(struct weft_job *job, void *buf, size_t cap)
{
	if (job->state == WF_JOB_ENDED)
		return take_rest(job, buf, cap);
	if (job->state != WF_JOB_PLACED || !waiting(job))
		return -EAGAIN;
	ssize_t n = take_from_desk(job, buf, cap);
	if (n == -EPROTO && job->state == WF_JOB_PLACED)
		wf_hand_kill(job->hand, WEFT_JOB_CORRUPT);
	return n;
}

/* Locked. Until there may be one, or the job has ended. */
static int await_more(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;

	weft_event_reset(&job->more);
	job->eager = true;
	if (job->state == WF_JOB_PLACED) {
		wf_atomic_store_seq(&slot_of(job)->eager, 1u); /* ST1 */
		if (waiting(job))
			return 0;
	}
	wf_job_watch(job); /* its end */
	pthread_mutex_unlock(&p->lock);
	int rc = weft_event_wait(&job->more);
	pthread_mutex_lock(&p->lock);
	return rc;
}

ssize_t weft_job_next(struct weft_job *job, void *buf, size_t cap)
{
	struct weft_job_pool *p = job->pool;
	ssize_t n = -EAGAIN;

	if (!job->stream)
		return -EINVAL;
	pthread_mutex_lock(&p->lock);
	while (n == -EAGAIN) {
		if (p->queue)
			wf_dispatch(p);
		n = take(job, buf, cap);
		if (n == -EAGAIN) {
			int rc = await_more(job);
			n = rc ? rc : -EAGAIN;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}

void wf_stream_deafen(struct weft_job *job)
{
	job->deaf = true;
	if (job->state != WF_JOB_PLACED)
		return;
	struct wf_slot *s = slot_of(job);
	wf_atomic_store_seq(&s->mode, (uint32_t)WF_STREAM_DEAF); /* ST2 */
	make_room(s, job->taken);
}
