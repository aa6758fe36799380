/* SPDX-License-Identifier: MIT */
/*
 * ES1  is_set: store_seq by who sets it  <->  load_seq by who is about to sleep; with the bell (BE1). Who sees
 *      it set sees what was written before.
 */
#include <errno.h>

#include "bell.h"
#include "region.h"

struct weft_shm_event {
	uint32_t is_set; /* ES1 */
	struct bell rung;
};

_Static_assert(sizeof(struct weft_shm_event) <= WEFT_SHM_OBJECT, "lib/weft/shm.h");

int weft_shm_event_at(struct weft_shm *shm, size_t offset,
		      struct weft_shm_event **ret_event)
{
	struct weft_shm_event *e = weft__shm_object(shm, offset, WEFT_SHM_OBJECT);

	if (!e)
		return -EINVAL;
	*ret_event = e;
	return 0;
}

bool weft_shm_event_is_set(const struct weft_shm_event *event)
{
	return wf_atomic_load_seq(&event->is_set); /* ES1 */
}

int weft_shm_event_wait(struct weft_shm_event *event, weft_time until)
{
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (!rc && !weft_shm_event_is_set(event)) {
		uint32_t heard = weft__bell_listen(&event->rung);
		if (!weft_shm_event_is_set(event))
			rc = weft__bell_sleep(&event->rung, heard, until);
	}
	return rc;
}

void weft_shm_event_set(struct weft_shm_event *event)
{
	wf_atomic_store_seq(&event->is_set, 1u); /* ES1 */
	weft__bell_ring(&event->rung);
}

void weft_shm_event_reset(struct weft_shm_event *event)
{
	wf_atomic_store_seq(&event->is_set, 0u); /* ES1 */
}
