/* SPDX-License-Identifier: MIT */
#include "carry.h"

#include <stdlib.h>
#include <string.h>

#include "post.h"

enum { AHEAD = 2 }; /* jobs of a rank for each of its workers */

/* A job that is with a rank, or on its way. Guarded by the pool's lock. */
struct slot {
	struct weft_job *job;
	bool send, stop; /* to be done by the thread */
};

struct rank {
	uint32_t workers, load;
	struct slot *slot; /* AHEAD * workers of them */
};

struct wf_mpi_carrier {
	struct wf_far far; /* first */
	struct weft_job_pool *pool;
	struct wf_mpi_post post;
	pthread_t thread;
	pthread_cond_t bell; /* with the pool's lock: there is something to do */
	uint32_t todo;       /* slots with send or stop */
	uint32_t given;
	bool closing;
	int n;
	struct rank rank[]; /* 0 is us, and unused */
};

/* ---- what the pool asks, locked ---------------------------------------------------------- */

static struct wf_mpi_carrier *of(struct wf_far *far)
{
	return (struct wf_mpi_carrier *)far;
}

static void ring(struct wf_mpi_carrier *c)
{
	c->todo++;
	pthread_cond_signal(&c->bell);
}

/* The one that has the least to do for each worker. */
static struct rank *choose(struct wf_mpi_carrier *c)
{
	struct rank *best = NULL;

	for (int i = 1; i < c->n; i++) {
		struct rank *r = &c->rank[i];
		if (r->load < AHEAD * r->workers &&
		    (!best || (uint64_t)r->load * best->workers <
				      (uint64_t)best->load * r->workers))
			best = r;
	}
	return best;
}

static bool idle(struct wf_far *far)
{
	const struct rank *r = choose(of(far));

	return r && r->load < r->workers;
}

static bool give(struct wf_far *far, struct weft_job *job)
{
	struct wf_mpi_carrier *c = of(far);
	struct rank *r = choose(c);

	if (!r)
		return false;
	for (job->slot = 0; r->slot[job->slot].job; job->slot++) {
	}
	r->slot[job->slot] = (struct slot){.job = job, .send = true};
	r->load++;
	c->given++;
	job->state = WF_JOB_FILLING;
	job->far_rank = (int)(r - c->rank);
	ring(c);
	return true;
}

static void stop(struct wf_far *far, struct weft_job *job)
{
	struct wf_mpi_carrier *c = of(far);

	c->rank[job->far_rank].slot[job->slot].stop = true;
	ring(c);
}

static void end(struct wf_far *far)
{
	struct wf_mpi_carrier *c = of(far);

	pthread_mutex_lock(&c->pool->lock);
	c->closing = true;
	pthread_cond_signal(&c->bell);
	pthread_mutex_unlock(&c->pool->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->bell);
	free(c->rank[0].slot);
	free(c);
}

/* ---- there ------------------------------------------------------------------------------ */

static void leave(struct wf_mpi_carrier *c, struct rank *r, struct slot *s)
{
	*s = (struct slot){0};
	r->load--;
	c->given--;
}

static struct wf_mpi_letter *write_job(const struct weft_job *job, const char *name)
{
	struct wf_mpi_letter *l = wf_mpi_letter_new(job->in_len);
	weft_time now = weft_now();

	if (!l)
		return NULL;
	l->job = (struct wf_mpi_job){.slot = job->slot,
				     .urgent = job->urgent,
				     .key = job->key,
				     .in_len = job->in_len,
				     .out_cap = job->out_cap,
				     .left_ns = WEFT_NEVER};
	if (job->deadline != WEFT_NEVER)
		l->job.left_ns = job->deadline > now ? job->deadline - now : 1;
	memcpy(l->job.name, name, strnlen(name, sizeof(l->job.name) - 1));
	if (job->in_len)
		memcpy(l->data, job->in, job->in_len);
	return l;
}

/* Locked; unlocks to copy: the job is FILLING, so it stays. */
static void send_job(struct wf_mpi_carrier *c, int rank, struct slot *s)
{
	struct weft_job *job = s->job;
	const char *name = c->pool->names[job->number]; /* for good */

	pthread_mutex_unlock(&c->pool->lock);
	struct wf_mpi_letter *l = write_job(job, name);
	pthread_mutex_lock(&c->pool->lock);
	if (!l)
		return; /* the next round */
	s->send = false;
	c->todo--;
	if (weft__far_sent(job)) {
		wf_mpi_send(&c->post, l, rank, WF_MPI_JOB, l->job.in_len);
	} else {
		free(l);
		leave(c, &c->rank[rank], s);
	}
}

static void send_stop(struct wf_mpi_carrier *c, int rank, struct slot *s)
{
	struct wf_mpi_letter *l = wf_mpi_letter_new(0);

	if (!l)
		return; /* the next round */
	s->stop = false;
	c->todo--;
	l->slot = s->job->slot;
	wf_mpi_send(&c->post, l, rank, WF_MPI_STOP, 0);
}

static bool send_out(struct wf_mpi_carrier *c)
{
	pthread_mutex_lock(&c->pool->lock);
	bool any = c->todo;
	for (int i = 1; c->todo && i < c->n; i++)
		for (uint32_t j = 0; j < AHEAD * c->rank[i].workers; j++) {
			struct slot *s = &c->rank[i].slot[j];
			if (s->send)
				send_job(c, i, s);
			else if (s->stop)
				send_stop(c, i, s);
		}
	pthread_mutex_unlock(&c->pool->lock);
	return any;
}

/* ---- and back --------------------------------------------------------------------------- */

static void take_answer(struct wf_mpi_carrier *c, const struct wf_mpi_letter *l)
{
	const struct wf_mpi_answer *a = &l->answer;
	struct rank *r = &c->rank[l->rank];

	pthread_mutex_lock(&c->pool->lock);
	struct slot *s = &r->slot[a->slot];
	struct weft_job *job = s->job;
	if (s->stop) /* too late */
		c->todo--;
	leave(c, r, s);
	weft__far_answered(job,
			   &(struct wf_far_answer){
				   .result = a->result,
				   .fault = a->fault,
				   .data = l->data,
				   .why = a->explained ? (const void *)l->data : NULL});
	pthread_mutex_unlock(&c->pool->lock);
}

static bool receive(struct wf_mpi_carrier *c)
{
	struct wf_mpi_letter *l = wf_mpi_receive(&c->post);

	if (l)
		take_answer(c, l);
	free(l);
	return l;
}

/* While nothing is away, nobody has anything to say: false: it is over. */
static bool wait_for_work(struct wf_mpi_carrier *c)
{
	pthread_mutex_lock(&c->pool->lock);
	while (!c->given && !c->closing && !c->post.out)
		pthread_cond_wait(&c->bell, &c->pool->lock);
	bool over = !c->given && c->closing;
	pthread_mutex_unlock(&c->pool->lock);
	return !over;
}

void wf_mpi_carry(struct wf_mpi_carrier *c)
{
	while (wait_for_work(c)) {
		bool moved = send_out(c);
		moved |= receive(c);
		moved |= wf_mpi_sweep(&c->post);
		wf_mpi_pace(&c->post, moved);
	}
	wf_mpi_flush(&c->post);
}

void wf_mpi_dismiss(MPI_Comm comm, int n)
{
	for (int i = 1; i < n; i++)
		MPI_Send(NULL, 0, MPI_BYTE, i, WF_MPI_BYE, comm);
}

struct wf_mpi_carrier *wf_mpi_carrier_new(struct weft_job_pool *p, MPI_Comm comm, int n,
					  const int *workers)
{
	struct wf_mpi_carrier *c = calloc(1, sizeof(*c) + (size_t)n * sizeof(c->rank[0]));
	size_t slots = 1;

	for (int i = 1; i < n; i++)
		slots += AHEAD * (size_t)workers[i];
	struct slot *s = c ? calloc(slots, sizeof(*s)) : NULL;
	if (!s) {
		free(c);
		return NULL;
	}
	c->far = (struct wf_far){.give = give, .idle = idle, .stop = stop, .close = end};
	c->pool = p;
	c->post.comm = comm;
	c->n = n;
	c->thread = pthread_self();
	c->rank[0].slot = s;
	for (int i = 1; i < n; i++) {
		c->rank[i] = (struct rank){.workers = (uint32_t)workers[i], .slot = s};
		s += AHEAD * workers[i];
	}
	pthread_cond_init(&c->bell, NULL);
	weft__far_join(p, &c->far);
	return c;
}
