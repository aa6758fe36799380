/* SPDX-License-Identifier: MIT */
/*
 * Cases of a select that are no channels: readiness of descriptors, and time.
 *
 * A descriptor is looked at without waiting first. Only a select that has to wait starts a coroutine
 * for each of its descriptors, which polls and then wakes the party by a queue of its own, as
 * the other side of a channel does. They are a group: before select returns they are cancelled
 * and have ended, so nothing of theirs outlives the call, and polling takes no bytes.
 */
#ifndef WEFT_CHAN_LOOKOUT_H
#define WEFT_CHAN_LOOKOUT_H

#include "chan.h"

struct lookout {
	struct wf_waitq q;
	int fd;
	short events;
	bool done; /* q.lock, once its coroutine has begun */
	int rc;    /* q.lock: what came, or a negative errno */
};

/* Whether it is ready now: done and rc. -EPERM in a plain thread. */
int weft__lookout_now(struct lookout *l);

/* In g, an open group: have it looked at until it is ready, or g is cancelled. */
int weft__lookout_begin(struct wf_group *g, struct lookout *l);

#endif
