/* SPDX-License-Identifier: MIT */
/* Calls that wait for what they begin. */
#include <errno.h>
#include <stdlib.h>

#include "future.h"

/* f was begun. Its status; who is stopped withdraws it, or waits all the same. */
static int see_through(struct weft_future *f)
{
	int rc = weft__future_await(f, WEFT_NEVER, false);

	if (rc) {
		weft_future_cancel(f);
		weft__future_await(f, WEFT_NEVER, true);
		if (f->status == -ECANCELED)
			return rc;
	}
	return f->status;
}

int weft_blocking(int (*fn)(void *arg), void *arg)
{
	const struct weft_task_attr attr = {.size = sizeof(attr),
					    .flags = WEFT_TASK_WAIT,
					    .service = wf_self() ? (uint32_t)weft_class()
								 : 0};
	struct weft_future f;

	if (!wf_self())
		return fn ? fn(arg) : -EINVAL;
	int rc = weft__future_init(&f, fn, arg, &attr);
	if (rc)
		return rc;
	f.on_stack = true;
	rc = weft_future_begin(&f, NULL);
	return rc ? rc : see_through(&f);
}

/* Begin them in order; returns how many were. */
static unsigned begin_all(struct weft_future *f, struct weft_executor *ex,
			  int (*fn)(void *arg), void *args, size_t stride, unsigned n,
			  int *ret_rc)
{
	const struct weft_task_attr attr = {.size = sizeof(attr),
					    .flags = WEFT_TASK_WAIT};
	unsigned i;

	*ret_rc = 0;
	for (i = 0; i < n && !*ret_rc; i++) {
		*ret_rc = weft__future_init(&f[i], fn, (char *)args + i * stride, &attr);
		f[i].on_stack = true;
		if (!*ret_rc)
			*ret_rc = weft_future_begin(&f[i], ex);
	}
	return *ret_rc ? i - 1 : i;
}

int weft_map(struct weft_executor *ex, int (*fn)(void *arg), void *args, size_t stride,
	     unsigned n, int *statuses)
{
	struct weft_future *f = n ? calloc(n, sizeof(*f)) : NULL;
	int stopped, bad = 0;

	if (n && !f)
		return -ENOMEM;
	unsigned begun = begin_all(f, ex, fn, args, stride, n, &stopped);
	for (unsigned i = 0; i < begun; i++) {
		int rc = stopped ? 0 : weft__future_await(&f[i], WEFT_NEVER, false);
		if (rc)
			stopped = rc;
	}
	for (unsigned i = 0; i < begun && stopped; i++)
		weft_future_cancel(&f[i]);
	for (unsigned i = 0; i < n; i++) {
		if (i < begun && stopped)
			weft__future_await(&f[i], WEFT_NEVER, true);
		int status = i < begun ? f[i].status : -ECANCELED;
		bad += status < 0;
		if (statuses)
			statuses[i] = status;
	}
	free(f);
	return stopped ? stopped : bad;
}
