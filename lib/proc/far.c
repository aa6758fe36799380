/* SPDX-License-Identifier: MIT */
#include "far.h"

#include <errno.h>
#include <string.h>

void weft__far_join(struct weft_job_pool *p, struct wf_far *far)
{
	pthread_mutex_lock(&p->lock);
	p->far = far;
	wf_dispatch(p);
	pthread_mutex_unlock(&p->lock);
}

bool weft__far_sent(struct weft_job *job)
{
	job->state = WF_JOB_AWAY;
	if (!job->unwanted)
		return true;
	job->pool->n_away--;
	wf_job_end(job, wf_fault_errno(job->unwanted), job->unwanted);
	return false;
}

/* Elsewhere it was cancelled; who asked for that knows why. */
static uint32_t fault_of(const struct weft_job *job, const struct wf_far_answer *a)
{
	return a->fault == WEFT_JOB_CANCELED && job->unwanted ? job->unwanted : a->fault;
}

static void copy(struct weft_job *job, const struct wf_far_answer *a)
{
	struct weft_job_pool *p = job->pool;

	job->state = WF_JOB_TAKING;
	pthread_mutex_unlock(&p->lock);
	memcpy(job->out, a->data, (size_t)a->result);
	pthread_mutex_lock(&p->lock);
}

void weft__far_answered(struct weft_job *job, const struct wf_far_answer *a)
{
	struct weft_job_pool *p = job->pool;
	const uint32_t fault = fault_of(job, a);
	int64_t result = fault == a->fault ? a->result : wf_fault_errno(fault);

	if (result > 0 && job->out)
		copy(job, a);
	if (result < 0 && job->error && a->why) {
		weft__result_copy(job->error, a->why, sizeof(*a->why));
		job->error->fault = fault;
	}
	p->n_away--;
	wf_job_end(job, result, fault);
	wf_dispatch(p);
}

bool weft__far_over(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;

	pthread_mutex_lock(&p->lock);
	if (job->state == WF_JOB_PLACED)
		wf_hand_reap(job->hand);
	bool over = job->state == WF_JOB_ENDED;
	pthread_mutex_unlock(&p->lock);
	return over;
}
