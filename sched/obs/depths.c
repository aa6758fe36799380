/* SPDX-License-Identifier: MIT */
/* How deep stacks went: what has ended, and what runs now. */
#include <errno.h>
#include <stdlib.h>

#include "../base/sys.h"
#include "../run/worker.h"
#include "../sched.h"

static int deepest_first(const void *a, const void *b)
{
	const struct wf_depth *x = a, *y = b;

	return (x->deepest < y->deepest) - (x->deepest > y->deepest);
}

/* The stacks of the living; after a stop there are none. */
static void note_living(void)
{
	bool plain = !wf_worker_self();

	if (plain && !wf_visit())
		return;
	wf_stacks_note_depths();
	if (plain)
		wf_leave();
}

int wf_stack_depths(struct wf_depth **ret_rows)
{
	if (wf_atomic_load_acquire(&wf_rt.forked)) /* RT1 (run/rt.h) */
		return -EOWNERDEAD;
	if (wf_rt.conf.stack_stats <= 0)
		return -ENODATA;
	struct wf_depth *rows = wf_sys.calloc(WF_DEPTHS_MAX, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	note_living();
	size_t n = wf_depths_copy(rows, WF_DEPTHS_MAX);
	qsort(rows, n, sizeof(*rows), deepest_first);
	*ret_rows = rows;
	return (int)n;
}

const char *wf_stack_refused(void)
{
	return wf_stack_refusal();
}
