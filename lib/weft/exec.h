/* SPDX-License-Identifier: MIT */
/*
 * Futures and executors: work that is done elsewhere, and its result.
 *
 *	int rc = weft_blocking(getaddrinfo_of, &query);          call it on another thread
 *
 *	weft_submit(NULL, resize, &image, NULL, &f);             or: begin it now,
 *	...
 *	weft_future_wait(f, &status);                            wait for it later
 *	weft_future_free(f);
 *
 * An executor is a place where functions run: a pool of threads that may block (that of the
 * runtime is NULL, others are opened with bounds of their own), or coroutines of which only so many
 * run at a time. Futures are the same for all of them, may be waited for by coroutines and plain
 * threads alike, and be set by anybody (weft_promise_new).
 */
#ifndef WEFT_EXEC_H
#define WEFT_EXEC_H

#include "co.h"
#include "time.h"

WEFT_BEGIN_DECLS

/* ---- futures --------------------------------------------------------------------------- */

/* Freed when its owner has freed it and its work, if it was begun, has ended. */
struct weft_future;

struct weft_executor; /* NULL: the runtime's pool of blocking threads */

enum {
	WEFT_TASK_WAIT = 1 << 0, /* submitting waits for room, where the queue is full */
};

struct weft_task_attr {
	size_t size;
	uint32_t flags; /* WEFT_TASK_* */
	uint32_t
		service; /* enum weft_co_class: whose turn it is in the queue; 0: normal */
	void (*drop)(
		void *arg); /* called with arg when fn has returned, or never will be called: then
				    who waits may be gone before (its argument is fn's own) */
};

/*
 * [waits with WEFT_TASK_WAIT] Have fn(arg) run at the executor; its result is the future's. attr may be
 * NULL. arg must live until it has ended, unless attr has `drop`.
 *   -EAGAIN the queue is full      -ENOMEM      -ESHUTDOWN the executor closes, or ex is NULL and the
 *   runtime is not up      -EINVAL, -E2BIG bad attr
 *   -ECANCELED, -ETIMEDOUT while it waited for room
 */
WEFT_API int weft_submit(struct weft_executor *ex, int (*fn)(void *arg), void *arg,
			 const struct weft_task_attr *attr,
			 struct weft_future **ret_future);

/*
 * The same in two steps. weft_future_begin_from_signal() is async-signal-safe: it takes no lock and
 * allocates nothing; a worker submits it, and if it cannot be, the future ends with the error. Once.
 *   -EALREADY it was begun      -ESHUTDOWN no runtime is up
 */
WEFT_API int weft_future_new(int (*fn)(void *arg), void *arg,
			     const struct weft_task_attr *attr,
			     struct weft_future **ret_future);
WEFT_API int weft_future_begin(struct weft_future *f, struct weft_executor *ex);
WEFT_API int weft_future_begin_from_signal(struct weft_future *f,
					   struct weft_executor *ex);

/* A future that somebody sets: any thread, any coroutine, once. -EALREADY: it has ended;
 * -EINVAL: it is no promise */
WEFT_API int weft_promise_new(struct weft_future **ret_future);
WEFT_API int weft_promise_set(struct weft_future *f, int status);

/*
 * [waits] Until it has ended, or `at` (WEFT_NEVER: whenever). *ret_status (may be NULL): what fn
 * returned, or -ECANCELED: it was cancelled before it began. Any number may wait. Who is stopped
 * meanwhile leaves it as it is.
 *   -ETIMEDOUT, -ECANCELED of the caller
 */
WEFT_API int weft_future_wait(struct weft_future *f, int *ret_status);
WEFT_API int weft_future_wait_until(struct weft_future *f, weft_time at, int *ret_status);

/* Whether it has ended: then waiting does not wait. */
WEFT_API bool weft_future_done(const struct weft_future *f);

/*
 * Have it end early. Not begun: it never will be, and ends with -ECANCELED. Running as a coroutine: asked
 * to stop, as by weft_cancel(). Running on a thread: nothing can be done, -EBUSY; wait for it, or free it
 * if it has a `drop`.  -EALREADY it has ended
 */
WEFT_API int weft_future_cancel(struct weft_future *f);

/* fn(f, arg) when it has ended, or now if it has: on the thread or coroutine that ended it, so it must
 * be quick and must not wait. f is there until it returns. One for each future: -EBUSY */
WEFT_API int weft_future_on_done(struct weft_future *f,
				 void (*fn)(struct weft_future *f, void *arg), void *arg);

/* Give up the future. The work goes on. NULL is fine. */
WEFT_API void weft_future_free(struct weft_future *f);

/* [waits] All of them; then 0. -ETIMEDOUT, -ECANCELED: some may not have ended. */
WEFT_API int weft_wait_all(struct weft_future *const *futures, unsigned n, weft_time at);

/* [waits] One of them: its index, of those that had ended before the first. -EINVAL n is 0, or one of
 * them is in a weft_doneq */
WEFT_API int weft_wait_any(struct weft_future *const *futures, unsigned n, weft_time at);

/*
 * Futures as they end (as_completed): add those that you want, then ask for the next. In the
 * caller's memory, zeroed; closed before it goes. A future is in one at a time.
 *   add: -EBUSY it is in one
 *   next: [waits] 0 and the future; -ENOENT none is left; -ETIMEDOUT, -ECANCELED
 */
struct weft_doneq {
	uint64_t opaque[8];
};
WEFT_API int weft_doneq_add(struct weft_doneq *q, struct weft_future *f);
WEFT_API int weft_doneq_next(struct weft_doneq *q, weft_time at,
			     struct weft_future **ret_future);
WEFT_API void weft_doneq_close(struct weft_doneq *q);

/* ---- executors ------------------------------------------------------------------------- */

/*
 * Threads that may block. They are started when work waits and none is free, run on the CPUs of the
 * node that the submitter was on, take signals of their own faults only, and end when they were idle
 * for a while. Latency goes before normal before batch, by turns of 16 as on workers.
 */
struct weft_pool_options {
	size_t size;
	unsigned threads;  /* at most; 0: 4 for each worker, 32 at most */
	unsigned queue;    /* tasks that wait for a thread; 0: 1024 */
	weft_time idle_ns; /* how long a thread waits for work; 0: 10 s */
	const char *name;  /* of the threads; 11 bytes count */
};

/* -ENOMEM, -EINVAL, -E2BIG */
WEFT_API int weft_pool_open(const struct weft_pool_options *opt,
			    struct weft_executor **ret_ex);

/* Coroutines, at most `limit` at a time (0: no limit), `queue` more waiting (0: 1024), attr as for spawn
 * (may be NULL; copied but for the name). They belong to the runtime's group. */
struct weft_spawner_options {
	size_t size;
	unsigned limit, queue;
	const struct weft_co_attr *attr;
};
WEFT_API int weft_spawner_open(const struct weft_spawner_options *opt,
			       struct weft_executor **ret_ex);

/*
 * [waits] Take no more, cancel what has not begun if `cancel`, wait until all has ended, and free it.
 * Never cut short. NULL is fine. Not by a task of its own (it would wait for itself). Nobody may
 * use it any more, nor cancel a future that is there.
 */
WEFT_API void weft_executor_close(struct weft_executor *ex, bool cancel);

/*
 * [waits] fn(arg) on a thread of the runtime's pool, and its result. It waits for room if it must.
 * Who is cancelled meanwhile: before it began it never will, -ECANCELED; once it runs it is waited for.
 * In a plain thread it is just called.
 */
WEFT_API int weft_blocking(int (*fn)(void *arg), void *arg);

/*
 * [waits] fn on each of n arguments, `stride` bytes apart; their results in order in `statuses` (may be
 * NULL). Returns how many were negative. Waits for room as it goes. Who is cancelled meanwhile: those not
 * begun are cancelled, the others waited for, and the error returned.
 */
WEFT_API int weft_map(struct weft_executor *ex, int (*fn)(void *arg), void *args,
		      size_t stride, unsigned n, int *statuses);

WEFT_END_DECLS

#endif
