/* SPDX-License-Identifier: MIT */
#include "lookout.h"

#include <errno.h>

/* It is ready, or can never be: the party, if it waits, has this case. */
static void tell(struct lookout *l, int rc)
{
	wf_spin_lock(&l->q.lock);
	struct wf_waiter *party = wf_waitq_take(&l->q);
	l->done = true;
	l->rc = rc;
	if (party)
		((struct chan_waiter *)party)->rc = rc;
	wf_spin_unlock(&l->q.lock);
	wf_waiters_wake(party);
}

static int look_out(void *arg)
{
	struct lookout *l = arg;
	int rc = wf_poll(l->fd, l->events);

	if (!wf_stopped()) /* else nobody waits for it any more */
		tell(l, rc == -ECANCELED ? -EBADF : rc);
	return 0;
}

int weft__lookout_begin(struct wf_group *g, struct lookout *l)
{
	const struct wf_spawn how = {.name = "weft_select", .worker = -1, .node = -1};

	return wf_group_spawn(g, __builtin_return_address(0), look_out, l, &how, NULL);
}

int weft__lookout_now(struct lookout *l)
{
	int rc = wf_poll_now(l->fd, l->events);

	if (rc == -EPERM || rc == -ECANCELED || rc == -ETIMEDOUT || rc == -EOWNERDEAD)
		return rc;
	l->done = rc != 0;
	l->rc = rc;
	return 0;
}
