/* SPDX-License-Identifier: MIT */
#include "post.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum {
	LOOK_NS = 300000,    /* a job, there and back, is often no longer */
	NAP_MIN_NS = 20000,  /* then naps, */
	NAP_MAX_NS = 1000000 /* each a quarter longer */
};

static const size_t fixed =
	sizeof(struct wf_mpi_letter) - offsetof(struct wf_mpi_letter, job);

struct wf_mpi_letter *wf_mpi_letter_new(size_t data_len)
{
	return calloc(1, sizeof(struct wf_mpi_letter) + data_len);
}

void wf_mpi_send(struct wf_mpi_post *p, struct wf_mpi_letter *l, int rank,
		 enum wf_mpi_kind kind, size_t data_len)
{
	l->next = p->out;
	p->out = l;
	MPI_Isend(&l->job, (int)(fixed + data_len), MPI_BYTE, rank, (int)kind, p->comm,
		  &l->sent);
}

bool wf_mpi_sweep(struct wf_mpi_post *p)
{
	bool any = false;

	for (struct wf_mpi_letter **at = &p->out, *l; (l = *at);) {
		int done = 0;
		MPI_Test(&l->sent, &done, MPI_STATUS_IGNORE);
		if (!done) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		free(l);
		any = true;
	}
	return any;
}

struct wf_mpi_letter *wf_mpi_receive(struct wf_mpi_post *p)
{
	MPI_Status s;
	int there = 0, len = 0;

	MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, p->comm, &there, &s);
	if (!there)
		return NULL;
	MPI_Get_count(&s, MPI_BYTE, &len);
	struct wf_mpi_letter *l = wf_mpi_letter_new((size_t)len);
	if (!l)
		return NULL;
	MPI_Recv(&l->job, len, MPI_BYTE, s.MPI_SOURCE, s.MPI_TAG, p->comm,
		 MPI_STATUS_IGNORE);
	l->rank = s.MPI_SOURCE;
	l->kind = s.MPI_TAG;
	l->len = len;
	return l;
}

void wf_mpi_pace(struct wf_mpi_post *p, bool moved)
{
	const weft_time now = weft_now();

	if (moved || !p->moved) {
		p->moved = now;
		p->nap = NAP_MIN_NS;
	}
	if (now < p->moved + LOOK_NS) {
		sched_yield();
		return;
	}
	const struct timespec nap = {.tv_nsec = (long)p->nap};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	p->nap += p->nap / 4;
	if (p->nap > NAP_MAX_NS)
		p->nap = NAP_MAX_NS;
}

void wf_mpi_flush(struct wf_mpi_post *p)
{
	while (p->out)
		wf_mpi_pace(p, wf_mpi_sweep(p));
}
