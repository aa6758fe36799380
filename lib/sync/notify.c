/* SPDX-License-Identifier: MIT */
/*
 * What a signal handler may do: it takes no lock, allocates nothing and touches no ring. It sends
 * a message to a worker, as one exchange and one compare-and-swap, and if that sleeps one system
 * call; the worker does the rest.
 *
 * NT1  posted: xchg_seq to 1 by who posts, who finds 0 sends the message  <->  store_seq of 0 by
 *      the worker, before it marks the post. A post that comes too late for that mark sends
 *      anew.
 */
#include <errno.h>

#include "../../sched/sched.h"
#include "weft/sync.h"

struct notify {
	struct wf_waitq q;
	struct wf_msg msg;
	uint32_t posted; /* NT1 */
	bool set;        /* lock of q */
};

_Static_assert(sizeof(struct notify) <= sizeof(struct weft_notify), "lib/weft/sync.h");

static void on_post(struct wf_worker *w, struct wf_msg *msg)
{
	struct notify *n = wf_container_of(msg, struct notify, msg);

	(void)w;
	wf_atomic_store_seq(&n->posted, 0u); /* NT1 */
	wf_spin_lock(&n->q.lock);
	n->set = true;
	struct wf_waiter *all = wf_waitq_take_all(&n->q);
	wf_spin_unlock(&n->q.lock);
	wf_waiters_wake(all);
}

int weft_notify_post(struct weft_notify *notify)
{
	struct notify *n = (struct notify *)notify;

	if (wf_atomic_xchg_seq(&n->posted, 1u)) /* NT1 */
		return 0;
	n->msg.fn = on_post;
	int rc = wf_send_from_signal(&n->msg);
	if (rc)
		wf_atomic_store_seq(&n->posted, 0u); /* NT1 */
	return rc;
}

static const struct wf_awaited awaited = {.text = "a post", .outside = true};

int weft_notify_wait(struct weft_notify *notify)
{
	struct notify *n = (struct notify *)notify;
	struct wf_waiter me = {.what = &awaited};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (rc >= 0) {
		wf_spin_lock(&n->q.lock);
		if (n->set) {
			n->set = false;
			wf_spin_unlock(&n->q.lock);
			return 0;
		}
		rc = wf_waitq_wait(&n->q, &me, false);
	}
	return rc;
}
