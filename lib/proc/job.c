/* SPDX-License-Identifier: MIT */
/*
 * Jobs as callers see them. Who waits sleeps on the job's slot, a thread after it has looked at it for a
 * while, and the worker wakes it directly. Where the kernel cannot wake coroutines so (before 6.7), they wait
 * for an event that the keeper sets.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "../shm/futex.h"
#include "pool.h"
#include "weft/co.h"

/* ---- submitting ------------------------------------------------------------------------- */

static int find(const struct weft_job_pool *p, const char *name)
{
	for (uint32_t i = 0; i < p->n_names; i++)
		if (!strcmp(p->names[i], name))
			return (int)i;
	return -ENOENT;
}

static void set_deadline(struct weft_job *job, weft_time wish)
{
	weft_time limit = job->pool->opt.job_ns;

	job->deadline = wish ? wish : WEFT_NEVER;
	if (limit) {
		limit += weft_now();
		job->deadline = job->deadline < limit ? job->deadline : limit;
	}
}

static struct weft_job *new_job(struct weft_job_pool *p, const void *in, size_t in_len,
				void *out, size_t out_cap, const struct weft_job_attr *a)
{
	struct weft_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	weft_event_outside(&job->done);
	weft_event_outside(&job->more);
	job->stream = a->stream;
	job->pool = p;
	job->in = in;
	job->in_len = in_len;
	job->out = out;
	job->out_cap = out_cap;
	job->key = a->key;
	job->urgent = a->urgent;
	job->node = a->node < 0 ? wf_place_of_data(in) : a->node - 1;
	job->error = a->error;
	if (job->error)
		job->error->fault = WEFT_JOB_OK;
	set_deadline(job, a->deadline);
	return job;
}

/* Locked. 0: the job is the pool's. */
static int admit(struct weft_job_pool *p, struct weft_job *job, const char *name)
{
	int number = find(p, name);

	if (number < 0)
		return number;
	if (p->closing)
		return -ESHUTDOWN;
	if (p->n_queued >= p->opt.queue)
		return -EAGAIN;
	job->number = (uint32_t)number;
	job->live_next = p->live;
	if (p->live)
		p->live->live_prev = job;
	p->live = job;
	p->n_live++;
	p->refs++;
	p->stats.submitted++;
	wf_queue_push(job, false);
	wf_dispatch(p);
	if (job->deadline < p->wakes_at)
		wf_keeper_ring(p);
	return 0;
}

int weft_job_submit(struct weft_job_pool *p, const char *name, const void *in,
		    size_t in_len, void *out, size_t out_cap,
		    const struct weft_job_attr *attr, struct weft_job **ret_job)
{
	struct weft_job_attr a;
	int rc = weft__options_copy(&a, sizeof(a), attr);

	if (rc)
		return rc;
	if (a.stream > 1 || (a.stream && out_cap))
		return -EINVAL;
	if (in_len > p->opt.max_in || out_cap > p->opt.max_out)
		return -EMSGSIZE;
	struct weft_job *job = new_job(p, in, in_len, out, out_cap, &a);
	if (!job)
		return -ENOMEM;
	pthread_mutex_lock(&p->lock);
	rc = admit(p, job, name);
	pthread_mutex_unlock(&p->lock);
	if (rc)
		free(job);
	else
		*ret_job = job;
	return rc;
}

/* ---- waiting ---------------------------------------------------------------------------- */

static uint32_t *state_of(const struct weft_job *job)
{
	return &job->hand->desk->slot[job->slot].state;
}

/* Locked, PLACED. Have somebody told when it is done; false: it is. */
static bool want(struct weft_job *job, uint32_t whom)
{
	struct wf_slot *s = &job->hand->desk->slot[job->slot];

	wf_atomic_store_seq(&s->want, whom);                                 /* DK4 */
	return wf_slot_state(wf_atomic_load_seq(&s->state)) != WF_SLOT_DONE; /* DK3 */
}

void wf_job_watch(struct weft_job *job)
{
	if (job->keeper)
		return;
	job->keeper = true;
	if (job->state == WF_JOB_PLACED && !job->watched && !want(job, WF_WANT_KEEPER))
		wf_keeper_ring(job->pool);
}

static bool spin(const uint32_t *state, uint32_t ns)
{
	uint64_t end = ns ? weft_now() + ns : 0;

	do {
		for (int i = 0; i < 32; i++) {
			/* DK3 */
			if (wf_slot_state(wf_atomic_load_seq(state)) == WF_SLOT_DONE)
				return true;
			wf_spin_relax();
		}
	} while (ns && weft_now() < end);
	return false;
}

/* Locked, unlocks. Whether looking was enough. A coroutine does not look: others want its worker. */
static bool look(struct weft_job_pool *p, const uint32_t *state)
{
	if (weft_self())
		return false;
	uint32_t ns = wf_patience_ns(&p->patience);
	pthread_mutex_unlock(&p->lock);
	bool paid = spin(state, ns);
	pthread_mutex_lock(&p->lock);
	wf_patience_learn(&p->patience, paid);
	return paid;
}

static int sleep_on(uint32_t *state, uint32_t seen)
{
	if (wf_slot_state(seen) == WF_SLOT_DONE)
		return 0;
	if (weft_self())
		return weft__futex_wait(state, seen);
	syscall(SYS_futex, state, FUTEX_WAIT, seen, NULL, NULL, 0);
	return 0;
}

/* Locked, PLACED. Sleep until the worker or whoever takes the job off wakes us. -ECANCELED, -ETIMEDOUT */
static int watch_slot(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;
	uint32_t *state = state_of(job);
	uint32_t seen = wf_atomic_load_seq(state); /* DK3 */
	int rc = 0;

	job->watched = true;
	p->watchers++;
	bool paid = look(p, state);
	if (!paid && job->state == WF_JOB_PLACED && state == state_of(job) &&
	    want(job, WF_WANT_WAITER)) {
		pthread_mutex_unlock(&p->lock);
		rc = sleep_on(state, seen);
		pthread_mutex_lock(&p->lock);
	}
	job->watched = false;
	if (!--p->watchers && p->closing)
		pthread_cond_broadcast(&p->changed);
	return rc;
}

/* Locked. Wait for the event that ends it. */
static int await_event(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;

	job->keeper = true;
	if (job->state == WF_JOB_PLACED && !want(job, WF_WANT_KEEPER) &&
	    !(p->opt.flags & WEFT_JOB_FRESH))
		return 0;
	pthread_mutex_unlock(&p->lock);
	int rc = weft_event_wait(&job->done);
	pthread_mutex_lock(&p->lock);
	return rc;
}

/* Locked. 0: ENDED. */
static int await(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;
	bool direct = (!weft_self() || weft__futex_parks()) &&
		      !(p->opt.flags & WEFT_JOB_FRESH) && !job->stream;
	int rc = 0;

	while (!rc && job->state != WF_JOB_ENDED) {
		if (job->state == WF_JOB_PLACED)
			wf_hand_reap(job->hand);
		if (job->state == WF_JOB_ENDED)
			break;
		if (p->queue)
			wf_dispatch(p);
		if (job->state == WF_JOB_ENDED)
			break;
		if (direct && job->state == WF_JOB_PLACED &&
		    job->hand->state == WF_HAND_UP)
			rc = watch_slot(job);
		else
			rc = await_event(job);
	}
	return job->state == WF_JOB_ENDED ? 0 : rc;
}

void wf_job_free(struct weft_job *job)
{
	free(job->rest);
	free(job);
}

/* Locked; ENDED. Lets go of the lock and the handle. */
static ssize_t take_result(struct weft_job *job)
{
	ssize_t result = job->result;

	if (job->pool->queue)
		wf_dispatch(job->pool);
	wf_pool_put(job->pool);
	wf_job_free(job);
	return result;
}

int weft_job_wait(struct weft_job *job, ssize_t *ret_result)
{
	pthread_mutex_lock(&job->pool->lock);
	if (job->stream)
		wf_stream_deafen(job);
	int rc = await(job);
	if (rc) {
		pthread_mutex_unlock(&job->pool->lock);
		return rc;
	}
	ssize_t result = take_result(job);
	if (ret_result)
		*ret_result = result;
	return 0;
}

/* Locked. Its caller has been stopped, and what it lent is about to go. Lets go of the lock. */
static void abandon(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;

	wf_job_stop(job, WEFT_JOB_CANCELED);
	while (job->state == WF_JOB_FILLING || job->state == WF_JOB_TAKING) {
		pthread_mutex_unlock(&p->lock);
		sched_yield();
		pthread_mutex_lock(&p->lock);
	}
	if (job->state == WF_JOB_ENDED) {
		take_result(job);
		return;
	}
	job->detached = true;
	job->in = job->out = NULL;
	job->error = NULL;
	p->refs--; /* it goes before the pool does */
	pthread_mutex_unlock(&p->lock);
}

ssize_t weft_job_call(struct weft_job_pool *p, const char *name, const void *in,
		      size_t in_len, void *out, size_t out_cap,
		      const struct weft_job_attr *attr)
{
	struct weft_job_attr a;
	struct weft_job *job;
	int rc = weft__options_copy(&a, sizeof(a), attr);

	if (!rc && a.stream)
		rc = -EINVAL;
	if (!rc)
		rc = weft_job_submit(p, name, in, in_len, out, out_cap, attr, &job);
	if (rc)
		return rc;
	pthread_mutex_lock(&p->lock);
	rc = await(job);
	if (!rc)
		return take_result(job);
	abandon(job);
	return rc;
}

void weft_job_cancel(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;

	pthread_mutex_lock(&p->lock);
	wf_job_stop(job, WEFT_JOB_CANCELED);
	wf_dispatch(p);
	pthread_mutex_unlock(&p->lock);
}
