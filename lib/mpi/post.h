/* SPDX-License-Identifier: MIT */
/*
 * Messages between ranks, by one thread of each: a job, a wish that it end, an answer, and the end of all.
 * Sending never waits, so no two ranks wait for each other. MPI keeps the order of what one rank sends
 * another, so a wish that is late for one job in a slot is not taken for the next one's.
 *
 * All ranks are the same program: bytes are sent as they lie in memory.
 */
#ifndef WEFT_LIB_MPI_POST_H
#define WEFT_LIB_MPI_POST_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/time.h"

enum wf_mpi_kind {
	WF_MPI_JOB = 1,
	WF_MPI_STOP,
	WF_MPI_ANSWER,
	WF_MPI_BYE
}; /* MPI's tags */

/* Slots are numbered per rank, from 0. */
struct wf_mpi_job {
	uint32_t slot, urgent;
	uint64_t key, in_len, out_cap;
	uint64_t left_ns; /* until its deadline; WEFT_NEVER */
	char name[48];
};

struct wf_mpi_answer {
	uint32_t slot, fault;
	int64_t result;     /* so many bytes follow, */
	uint32_t explained; /* or a struct weft_job_error */
};

struct wf_mpi_letter {
	struct wf_mpi_letter *next;
	MPI_Request sent;
	int rank, kind; /* from whom, and what, of those that came */
	int len;
	union {
		uint32_t slot; /* STOP */
		struct wf_mpi_job job;
		struct wf_mpi_answer answer;
	};
	char data[] __attribute__((aligned(16))); /* behind the fixed part */
};

struct wf_mpi_post {
	MPI_Comm comm;
	struct wf_mpi_letter *out; /* not sent yet */
	weft_time moved;           /* when something last did */
	uint64_t nap;
};

/* NULL: no memory. Freed by free(), or when it was sent. */
struct wf_mpi_letter *wf_mpi_letter_new(size_t data_len);

/* With the first data_len bytes of its data. */
void wf_mpi_send(struct wf_mpi_post *p, struct wf_mpi_letter *l, int rank,
		 enum wf_mpi_kind kind, size_t data_len);

/* Let go of what was sent; whether anything was. */
bool wf_mpi_sweep(struct wf_mpi_post *p);

/* What has come, the caller's now; NULL: nothing, or no memory for it yet. */
struct wf_mpi_letter *wf_mpi_receive(struct wf_mpi_post *p);

/* After a round. MPI has nothing to sleep on: looking for a while, then longer and longer naps, up to a millisecond. */
void wf_mpi_pace(struct wf_mpi_post *p, bool moved);

/* Until all is sent. */
void wf_mpi_flush(struct wf_mpi_post *p);

#endif
