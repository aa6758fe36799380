/* SPDX-License-Identifier: MIT */
#include "serve.h"

#include <errno.h>
#include <stdlib.h>

#include "../proc/far.h"
#include "post.h"

/* A job from rank 0; the order has its input, and the answer will have its result. */
struct task {
	struct task *next;
	struct weft_job *job;
	struct wf_mpi_letter *order, *answer;
};

struct server {
	struct weft_job_pool *pool;
	struct wf_mpi_post post;
	struct task *tasks;
	bool over;
};

static struct weft_job_error *error_of(struct wf_mpi_letter *answer)
{
	return (void *)answer->data; /* there is no result if there is an error */
}

static void reply(struct server *s, struct task *t, ssize_t result)
{
	struct wf_mpi_answer *a = &t->answer->answer;
	size_t len = result < 0 ? sizeof(struct weft_job_error) : (size_t)result;

	*a = (struct wf_mpi_answer){.slot = t->order->job.slot, .result = result};
	if (result < 0) {
		a->explained = 1;
		a->fault = error_of(t->answer)->fault;
	}
	wf_mpi_send(&s->post, t->answer, 0, WF_MPI_ANSWER, len);
	free(t->order);
	free(t);
}

static int submit(struct server *s, struct task *t)
{
	const struct wf_mpi_job *j = &t->order->job;
	struct weft_job_attr attr = {.size = sizeof(attr),
				     .key = j->key,
				     .urgent = j->urgent,
				     .error = error_of(t->answer)};

	attr.error->size = sizeof(*attr.error);
	if (j->left_ns != WEFT_NEVER)
		attr.deadline = weft_now() + j->left_ns;
	return weft_job_submit(s->pool, j->name, t->order->data, j->in_len,
			       t->answer->data, j->out_cap, &attr, &t->job);
}

/* Without memory: the order itself goes back. */
static void refuse(struct server *s, struct wf_mpi_letter *order)
{
	order->answer = (struct wf_mpi_answer){
		.slot = order->job.slot, .fault = WEFT_JOB_LOST, .result = -ENOMEM};
	wf_mpi_send(&s->post, order, 0, WF_MPI_ANSWER, 0);
}

static size_t room_for(const struct wf_mpi_job *j)
{
	return j->out_cap > sizeof(struct weft_job_error) ? j->out_cap
							  : sizeof(struct weft_job_error);
}

static void on_job(struct server *s, struct wf_mpi_letter *order)
{
	struct task *t = calloc(1, sizeof(*t));
	struct wf_mpi_letter *answer =
		t ? wf_mpi_letter_new(room_for(&order->job)) : NULL;

	if (!answer) {
		free(t);
		refuse(s, order);
		return;
	}
	t->order = order;
	t->answer = answer;
	int rc = submit(s, t);
	if (rc) {
		error_of(answer)->fault = WEFT_JOB_LOST;
		reply(s, t, rc);
		return;
	}
	t->next = s->tasks;
	s->tasks = t;
}

static void on_stop(struct server *s, uint32_t slot)
{
	for (struct task *t = s->tasks; t; t = t->next)
		if (t->order->job.slot == slot)
			weft_job_cancel(t->job);
}

static bool receive(struct server *s)
{
	struct wf_mpi_letter *l = wf_mpi_receive(&s->post);

	if (!l)
		return false;
	if (l->kind == WF_MPI_JOB) {
		on_job(s, l);
		return true;
	}
	if (l->kind == WF_MPI_STOP)
		on_stop(s, l->slot);
	else
		s->over = true;
	free(l);
	return true;
}

static bool collect(struct server *s)
{
	bool any = false;

	for (struct task **at = &s->tasks, *t; (t = *at);) {
		ssize_t result;
		if (!weft__far_over(t->job)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		weft_job_wait(t->job, &result);
		reply(s, t, result);
		any = true;
	}
	return any;
}

void wf_mpi_serve(struct weft_job_pool *p, MPI_Comm comm)
{
	struct server s = {.pool = p, .post = {.comm = comm}};

	while (!s.over) {
		bool moved = receive(&s);
		moved |= collect(&s);
		moved |= wf_mpi_sweep(&s.post);
		wf_mpi_pace(&s.post, moved);
	}
	wf_mpi_flush(&s.post);
}
