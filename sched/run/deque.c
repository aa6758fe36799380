/* SPDX-License-Identifier: MIT */
/* The forks that do not fit into the ring. */
#include "deque.h"

void wf_deque_push_slow(struct wf_deque *d, struct wf_co *co)
{
	wf_spin_lock(&d->more_lock);
	co->next = d->more;
	d->more = co;
	wf_count(&d->n_more, 1u); /* DQ3 */
	wf_spin_unlock(&d->more_lock);
}

struct wf_co *wf_deque_take_more(struct wf_deque *d)
{
	wf_spin_lock(&d->more_lock);
	struct wf_co *co = d->more;
	if (co) {
		d->more = co->next;
		wf_count(&d->n_more, -1u); /* DQ3 */
	}
	wf_spin_unlock(&d->more_lock);
	return co;
}
