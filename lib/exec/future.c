/* SPDX-License-Identifier: MIT */
#include "future.h"

#include <errno.h>
#include <stdlib.h>

#include "../options.h"

static void lock(struct weft_future *f)
{
	wf_spin_lock(&f->q.lock);
}

static void unlock(struct weft_future *f)
{
	wf_spin_unlock(&f->q.lock);
}

/* Making. */

int weft__future_init(struct weft_future *f, int (*fn)(void *arg), void *arg,
		      const struct weft_task_attr *attr)
{
	struct weft_task_attr a = {0};
	int rc = attr ? weft__options_copy(&a, sizeof(a), attr) : 0;

	if (rc)
		return rc;
	if (!fn || a.flags & ~(uint32_t)WEFT_TASK_WAIT || a.service > WEFT_CO_BATCH)
		return -EINVAL;
	*f = (struct weft_future){.refs = 1,
				  .fn = fn,
				  .arg = arg,
				  .service = a.service,
				  .wait = a.flags & WEFT_TASK_WAIT,
				  .drop = a.drop};
	return 0;
}

int weft_future_new(int (*fn)(void *arg), void *arg, const struct weft_task_attr *attr,
		    struct weft_future **ret_future)
{
	struct weft_future *f = malloc(sizeof(*f)); /* calloc has no cache */

	if (!f)
		return -ENOMEM;
	int rc = weft__future_init(f, fn, arg, attr);
	if (rc) {
		free(f);
		return rc;
	}
	*ret_future = f;
	return 0;
}

static int never_called(void *arg)
{
	(void)arg;
	return -ENOSYS;
}

int weft_promise_new(struct weft_future **ret_future)
{
	int rc = weft_future_new(never_called, NULL, NULL, ret_future);

	if (!rc) /* it runs elsewhere */
		wf_atomic_store_release(&(*ret_future)->state,
					(uint32_t)FUTURE_RUNNING); /* FU1 */
	return rc;
}

void weft__future_put(struct weft_future *f)
{
	if (wf_atomic_sub_seq(&f->refs, 1u) == 1 && !f->on_stack) /* FU2 */
		free(f);
}

void weft_future_free(struct weft_future *f)
{
	if (!f)
		return;
	bool forgotten = wf_atomic_load_acquire(&f->state) == FUTURE_NEW; /* FU1 */
	if (forgotten && f->drop)
		f->drop(f->arg);
	weft__future_put(f);
}

/* Beginning. */

static int mark_begun(struct weft_future *f, struct weft_executor *ex)
{
	lock(f);
	int rc = f->state == FUTURE_NEW ? 0 : -EALREADY;
	if (!rc) {
		wf_atomic_store_release(&f->state, (uint32_t)FUTURE_BEGUN); /* FU1 */
		f->ex = ex;
		f->home = wf_home();
		wf_atomic_add_seq(&f->refs, 1u); /* FU2: the executor's */
	}
	unlock(f);
	return rc;
}

static void unmark_begun(struct weft_future *f)
{
	lock(f);
	wf_atomic_store_release(&f->state, (uint32_t)FUTURE_NEW); /* FU1 */
	unlock(f);
	weft__future_put(f);
}

static int hand_over(struct weft_future *f, struct weft_executor *ex, bool wait)
{
	if (!ex)
		ex = weft__default_pool();
	if (!ex)
		return -ESHUTDOWN;
	f->ex = ex;
	return ex->ops->begin(ex, f, wait);
}

int weft_future_begin(struct weft_future *f, struct weft_executor *ex)
{
	int rc = mark_begun(f, ex);

	if (rc)
		return rc;
	rc = hand_over(f, ex, f->wait);
	if (rc)
		unmark_begun(f);
	return rc;
}

static void on_signalled(struct wf_worker *w, struct wf_msg *msg)
{
	struct weft_future *f = wf_container_of(msg, struct weft_future, msg);
	int rc = hand_over(f, f->ex, false);

	(void)w;
	if (rc)
		weft__future_end(f, rc);
}

/* The state is changed without the lock, which the code that was interrupted may hold: nobody else
 * begins it, or it is the program's mistake, which the exchange tells. */
int weft_future_begin_from_signal(struct weft_future *f, struct weft_executor *ex)
{
	uint32_t new = FUTURE_NEW;

	if (!wf_atomic_cas_seq(&f->state, &new, (uint32_t)FUTURE_BEGUN)) /* FU1 */
		return -EALREADY;
	f->ex = ex;
	f->msg.fn = on_signalled;
	wf_atomic_add_seq(&f->refs, 1u); /* FU2 */
	int rc = wf_send_from_signal(&f->msg);
	if (rc) {
		wf_atomic_sub_seq(&f->refs, 1u);                          /* FU2 */
		wf_atomic_store_release(&f->state, (uint32_t)FUTURE_NEW); /* FU1 */
	}
	return rc;
}

int weft_submit(struct weft_executor *ex, int (*fn)(void *arg), void *arg,
		const struct weft_task_attr *attr, struct weft_future **ret_future)
{
	struct weft_future *f;
	int rc = weft_future_new(fn, arg, attr, &f);

	if (rc)
		return rc;
	/* nobody else knows it yet */
	f->state = FUTURE_BEGUN; /* FU1 */
	f->refs = 2;             /* FU2 */
	f->home = wf_home();
	rc = hand_over(f, ex, f->wait);
	if (rc)
		free(f); /* arg stays the caller's */
	else
		*ret_future = f;
	return rc;
}

/* Running and ending. */

bool weft__future_start(struct weft_future *f, struct wf_scope *scope)
{
	lock(f);
	bool wanted = !f->unwanted;
	wf_atomic_store_release(&f->state, (uint32_t)FUTURE_RUNNING); /* FU1 */
	f->scope = scope;
	f->runner = scope ? wf_self() : NULL;
	unlock(f);
	return wanted;
}

/* True: this is the one end that counts. */
static bool end(struct weft_future *f, int status)
{
	struct wf_waiter *waiters, *in_queue = NULL;

	lock(f);
	if (f->state == FUTURE_DONE) {
		unlock(f);
		return false;
	}
	f->status = status;
	f->scope = NULL;
	wf_atomic_store_release(&f->state, (uint32_t)FUTURE_DONE); /* FU1 */
	if (f->dq)
		in_queue = weft__doneq_push(f);
	waiters = wf_waitq_take_all(&f->q);
	void (*on_done)(struct weft_future * f, void *arg) = f->on_done;
	void (*drop)(void *arg) = f->drop;
	void *arg = f->arg;
	if (on_done)
		wf_atomic_add_seq(&f->refs, 1u); /* FU2: the callback's */
	unlock(f);
	/* One on somebody's stack is gone from here on. */
	wf_waiters_wake(in_queue);
	wf_waiters_wake(waiters);
	if (drop)
		drop(arg);
	if (on_done) {
		on_done(f, f->on_done_arg);
		weft__future_put(f);
	}
	return true;
}

void weft__future_end(struct weft_future *f, int status)
{
	bool on_stack = f->on_stack; /* then nobody counts */

	end(f, status);
	if (!on_stack)
		weft__future_put(f);
}

void weft__future_run(struct weft_future *f)
{
	weft__future_end(f, weft__future_start(f, NULL) ? f->fn(f->arg) : -ECANCELED);
}

int weft_promise_set(struct weft_future *f, int status)
{
	if (f->fn != never_called)
		return -EINVAL;
	return end(f, status) ? 0 : -EALREADY;
}

/* Waiting. */

static const struct wf_awaited awaited = {.text = "a future", .outside = true};

int weft__future_await(struct weft_future *f, uint64_t at, bool hard)
{
	struct wf_waiter me = {.until = at ? at : 1, .what = &awaited};
	uintptr_t who;
	int rc = hard ? 0 : wf_may_wait(&who);

	while (rc >= 0) {
		/* one on the stack is its owner's again only when the lock was released */
		if (!f->on_stack && weft_future_done(f))
			return 0;
		lock(f);
		if (f->state == FUTURE_DONE) {
			unlock(f);
			return 0;
		}
		rc = wf_waitq_wait(&f->q, &me, hard);
	}
	return rc;
}

int weft_future_wait_until(struct weft_future *f, weft_time at, int *ret_status)
{
	struct weft_deadline d;
	bool scope = at != WEFT_NEVER && weft_deadline_open(&d, at) == 0;
	int rc = weft__future_await(f, at, false);

	if (scope)
		weft_deadline_close(&d);
	if (!rc && ret_status)
		*ret_status = f->status;
	return rc;
}

int weft_future_wait(struct weft_future *f, int *ret_status)
{
	return weft_future_wait_until(f, WEFT_NEVER, ret_status);
}

bool weft_future_done(const struct weft_future *f)
{
	return wf_atomic_load_acquire(&f->state) == FUTURE_DONE; /* FU1 */
}

int weft_wait_all(struct weft_future *const *futures, unsigned n, weft_time at)
{
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++)
		rc = weft_future_wait_until(futures[i], at, NULL);
	return rc;
}

int weft_future_on_done(struct weft_future *f,
			void (*fn)(struct weft_future *f, void *arg), void *arg)
{
	if (!fn)
		return -EINVAL;
	lock(f);
	int rc = f->on_done ? -EBUSY : 0;
	bool now = f->state == FUTURE_DONE;
	if (!rc) {
		f->on_done = fn;
		f->on_done_arg = arg;
	}
	unlock(f);
	if (!rc && now)
		fn(f, arg);
	return rc;
}

/* Cancelling. */

/* Locked, released. Running as a coroutine: its scope is cancelled under the lock, which its end
 * takes too, and it finds out when that is free. */
static int ask(struct weft_future *f)
{
	bool ended = f->state == FUTURE_DONE;
	void *runner = f->scope ? f->runner : NULL;

	if (runner)
		wf_scope_mark_of(f->scope, runner);
	unlock(f);
	if (runner)
		wf_scope_tell(runner);
	return ended ? -EALREADY : runner ? 0 : -EBUSY;
}

int weft_future_cancel(struct weft_future *f)
{
	lock(f);
	bool fresh = f->state == FUTURE_NEW;
	if (f->state == FUTURE_RUNNING || f->state == FUTURE_DONE)
		return ask(f);
	if (fresh) { /* never to be begun, and nobody has it but we */
		wf_atomic_add_seq(&f->refs, 1u);                            /* FU2 */
		wf_atomic_store_release(&f->state, (uint32_t)FUTURE_BEGUN); /* FU1 */
	}
	struct weft_executor *ex = f->ex;
	unlock(f);
	if (fresh || (ex && ex->ops->withdraw(ex, f))) {
		weft__future_end(f, -ECANCELED);
		return 0;
	}
	lock(f);
	if (f->state != FUTURE_BEGUN) /* it was just begun */
		return ask(f);
	f->unwanted =
		true; /* between our two looks, or it waits for room: whoever has it will see */
	unlock(f);
	return 0;
}
