/* SPDX-License-Identifier: MIT */
/*
 * Opening: each rank opens its pool and then, in a thread of its own that makes all calls of MPI, meets
 * the others. Rank 0's thread carries jobs until the pool is closed, the others' serve.
 */
#include "weft/mpi.h"

#include <errno.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "../options.h"
#include "carry.h"
#include "serve.h"
#include "weft/exec.h"

enum { MOST = 1 << 30 }; /* bytes of a job: MPI counts in int */

/* What opening is given, and says. */
struct errand {
	struct weft_job_pool_options opt;
	struct weft_job_pool *pool;
	int rc;       /* of the pool's opening; then of it all */
	bool settled; /* rc is final; the errand may be gone then */
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static void settle(struct errand *e, int rc)
{
	pthread_mutex_lock(&e->lock);
	e->rc = rc;
	e->settled = true;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

/* ---- the ranks --------------------------------------------------------------------------- */

struct ranks {
	MPI_Comm comm;
	int me, n;
	bool ours;    /* MPI was started here */
	int *workers; /* of each; or a negative errno */
};

/* 0: MPI is up. */
static int start_mpi(struct ranks *r)
{
	int up = 0, over = 0, level = 0;

	MPI_Finalized(&over);
	if (over)
		return -EALREADY;
	MPI_Initialized(&up);
	if (up)
		MPI_Query_thread(&level);
	else
		MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
	r->ours = !up;
	return up && level < MPI_THREAD_MULTIPLE ? -EPERM : 0;
}

static int meet(struct ranks *r, int mine)
{
	MPI_Comm_dup(MPI_COMM_WORLD, &r->comm);
	MPI_Comm_rank(r->comm, &r->me);
	MPI_Comm_size(r->comm, &r->n);
	r->workers = calloc((size_t)r->n, sizeof(*r->workers));
	if (!r->workers) { /* as for whatever else MPI cannot have */
		MPI_Abort(r->comm, 1);
		abort();
	}
	MPI_Allgather(&mine, 1, MPI_INT, r->workers, 1, MPI_INT, r->comm);
	for (int i = 0; i < r->n; i++)
		if (r->workers[i] < 0)
			return r->workers[i];
	return 0;
}

static void part(struct ranks *r)
{
	free(r->workers);
	MPI_Comm_free(&r->comm);
	if (r->ours)
		MPI_Finalize();
}

static void lead(struct errand *e, const struct ranks *r)
{
	struct wf_mpi_carrier *c = wf_mpi_carrier_new(e->pool, r->comm, r->n, r->workers);

	settle(e, c ? 0 : -ENOMEM);
	if (c)
		wf_mpi_carry(c);
	wf_mpi_dismiss(r->comm, r->n);
}

static void *member(void *arg)
{
	struct errand *e = arg;
	struct ranks r = {0};
	int rc = start_mpi(&r);

	if (rc) {
		settle(e, rc);
		return NULL;
	}
	rc = meet(&r, e->rc ? e->rc : (int)e->pool->opt.max_workers);
	if (!rc && !r.me) {
		lead(e, &r);
		part(&r);
		return NULL;
	}
	if (!rc)
		wf_mpi_serve(e->pool, r.comm);
	part(&r);
	settle(e, rc ? rc : WEFT_MPI_SERVED);
	return NULL;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int open_here(struct errand *e)
{
	if (e->opt.max_in > MOST || e->opt.max_out > MOST)
		return -EINVAL;
	return weft_job_pool_open(&e->opt, &e->pool);
}

/* Signals are for the program's own threads. */
static int start_member(struct errand *e, pthread_t *ret_thread)
{
	sigset_t all, ours;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &ours);
	int rc = -pthread_create(ret_thread, NULL, member, e);
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
	return rc;
}

static int open_all(void *arg)
{
	struct errand *e = arg;
	pthread_t thread;

	e->rc = open_here(e);
	int rc = start_member(e, &thread);
	if (rc) {
		weft_job_pool_close(e->pool, 0);
		return rc;
	}
	pthread_mutex_lock(&e->lock);
	while (!e->settled)
		pthread_cond_wait(&e->changed, &e->lock);
	rc = e->rc;
	pthread_mutex_unlock(&e->lock);
	if (!rc)
		return 0; /* closing the pool joins it */
	pthread_join(thread, NULL);
	weft_job_pool_close(e->pool, 0);
	return rc;
}

int weft_mpi_pool_open(const struct weft_job_pool_options *opt,
		       struct weft_job_pool **ret_pool)
{
	struct errand e = {.lock = PTHREAD_MUTEX_INITIALIZER,
			   .changed = PTHREAD_COND_INITIALIZER};
	int rc = weft__options_copy(&e.opt, sizeof(e.opt), opt);

	e.opt.size = sizeof(e.opt);
	if (!rc)
		rc = weft_blocking(open_all, &e);
	if (!rc)
		*ret_pool = e.pool;
	return rc;
}
