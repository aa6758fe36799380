/* SPDX-License-Identifier: MIT */
/*
 * The inside of a future, and the seam to whoever runs it: an executor is `struct weft_executor` at the
 * beginning of something larger, with a table of what it can do. It takes a task in begin(), calls
 * weft__future_run() or else weft__future_start() and weft__future_end(), once each.
 *
 * FU1  state: store_release under the lock by who ends it  <->  load_acquire by weft_future_done(), by who
 *      waits and by who frees it, which take none: the reference keeps it there. Everywhere else it
 *      is looked at under the lock.
 * FU2  refs: sub_seq by who lets go  <->  the same: the last one has seen all that others did.
 */
#ifndef WEFT_EXEC_FUTURE_H
#define WEFT_EXEC_FUTURE_H

#include "../../sched/sched.h"
#include "weft/exec.h"
#include "weft/scope.h"

struct weft__executor_ops {
	/* Take it: 0, or -errno. wait: [waits] for room */
	int (*begin)(struct weft_executor *ex, struct weft_future *f, bool wait);
	/* Whether it has not begun yet: then it is out of the executor's hands. */
	bool (*withdraw)(struct weft_executor *ex, struct weft_future *f);
	/* Wait until all is done and free it. */
	void (*close)(struct weft_executor *ex, bool cancel);
};

struct weft_executor {
	const struct weft__executor_ops *ops;
};

enum weft__state { FUTURE_NEW, FUTURE_BEGUN, FUTURE_RUNNING, FUTURE_DONE };

struct weft_future {
	struct wf_waitq q; /* its lock is the future's */
	uint32_t state;    /* FU1: enum weft__state */
	uint32_t refs;     /* FU2 */
	int status;
	uint32_t service;
	bool wait, on_stack;
	bool unwanted; /* lock: cancelled on its way to or from a queue: not to be called */
	unsigned home; /* of who submitted it */
	int (*fn)(void *arg);
	void *arg;
	void (*drop)(void *arg);
	struct weft_executor *ex;
	struct weft_future *next; /* the executor's */
	struct wf_scope *scope;   /* lock: what it runs in, as a coroutine, */
	void *runner;             /* and its handle */
	struct wf_msg msg;        /* from a signal handler */
	void (*on_done)(struct weft_future *f, void *arg); /* lock */
	void *on_done_arg;
	struct doneq *dq;                      /* lock */
	struct weft_future *dq_next, *dq_prev; /* dq's lock */
};

/* 0, or what is wrong with attr. */
int weft__future_init(struct weft_future *f, int (*fn)(void *arg), void *arg,
		      const struct weft_task_attr *attr);

/* By the executor. start: it runs now, in a scope if it is a coroutine, which nobody cancels after the
 * end; false: it is not wanted any more, and ends with -ECANCELED. end: with what it returned, or
 * an error. run: both. The executor's reference goes with the end. */
bool weft__future_start(struct weft_future *f, struct wf_scope *scope);
void weft__future_end(struct weft_future *f, int status);
void weft__future_run(struct weft_future *f);

void weft__future_put(struct weft_future *f);

/* [waits] The same as weft_future_wait_until(), hard: whatever happens. */
int weft__future_await(struct weft_future *f, uint64_t at, bool hard);

/* f locked and done: into its queue. */
struct wf_waiter *weft__doneq_push(struct weft_future *f);

/* The runtime's pool; NULL: there is none. And at the end of the runtime. */
struct weft_executor *weft__default_pool(void);
void weft__default_pool_close(void);

#endif
