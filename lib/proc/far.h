/* SPDX-License-Identifier: MIT */
/*
 * Workers elsewhere: an engine that carries jobs away and their results back. A pool gives it jobs for which
 * none of its own workers is idle. The life of such a job: QUEUED -> FILLING (the engine copies its input)
 * -> AWAY -> TAKING (its result is copied) -> ENDED. A job that is to stop stays AWAY until its answer comes.
 *
 * The engine is a library of its own, so what it calls is exported, though no header shows it.
 */
#ifndef WEFT_LIB_PROC_FAR_H
#define WEFT_LIB_PROC_FAR_H

#include "pool.h"

/* What the pool asks of it. */
struct wf_far {
	/* Locked. Take the job, which is then FILLING; false: there is no room. */
	bool (*give)(struct wf_far *far, struct weft_job *job);

	/* Locked. Whether somebody there has nothing to do. */
	bool (*idle)(struct wf_far *far);

	/* Locked, AWAY. Have it end. */
	void (*stop)(struct wf_far *far, struct weft_job *job);

	/* Unlocked, no job is left and none will come: end. */
	void (*close)(struct wf_far *far);
};

/* What it asks of the pool. Have jobs given to it from now on. */
WEFT_API void weft__far_join(struct weft_job_pool *p, struct wf_far *far);

/* Locked, FILLING: its input was copied. false: it was stopped meanwhile, and has ended. */
WEFT_API bool weft__far_sent(struct weft_job *job);

/* How it ended there: a result >= 0 and as many bytes, or an error and why (NULL: `fault` is all there is to say). */
struct wf_far_answer {
	int64_t result;
	uint32_t fault; /* enum weft_job_fault */
	const void *data;
	const struct weft_job_error *why;
};

/* Locked, AWAY; unlocks to copy. */
WEFT_API void weft__far_answered(struct weft_job *job, const struct wf_far_answer *a);

/* Take what its worker has done off the desk. Whether the job has ended: then weft_job_wait() does not wait. */
WEFT_API bool weft__far_over(struct weft_job *job);

#endif
