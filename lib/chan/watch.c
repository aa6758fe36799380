/* SPDX-License-Identifier: MIT */
/* The newest value of something, told to all who wait: a wait queue beside the caller's copy. */
#include <errno.h>
#include <string.h>

#include "../../sched/sched.h"
#include "weft/chan.h"

struct watch {
	struct wf_waitq q;
	/* lock of q */
	void *value;
	uint32_t size;
	bool closed;
	uint64_t version;
};

_Static_assert(sizeof(struct watch) <= sizeof(struct weft_watch), "lib/weft/chan.h");

int weft_watch_init(struct weft_watch *watch, void *value, size_t size)
{
	if (size > WEFT_WATCH_MAX || (size && !value))
		return -EINVAL;
	*(struct watch *)watch = (struct watch){.value = value, .size = (uint32_t)size};
	return 0;
}

/* Locked; unlocked on return. */
static void tell_all(struct watch *w)
{
	struct wf_waiter *all = wf_waitq_take_all(&w->q);

	wf_spin_unlock(&w->q.lock);
	wf_waiters_wake(all);
}

int weft_watch_set(struct weft_watch *watch, const void *value)
{
	struct watch *w = (struct watch *)watch;

	wf_spin_lock(&w->q.lock);
	if (w->closed) {
		wf_spin_unlock(&w->q.lock);
		return -EPIPE;
	}
	if (w->size)
		memcpy(w->value, value, w->size);
	w->version++;
	tell_all(w);
	return 0;
}

int weft_watch_close(struct weft_watch *watch)
{
	struct watch *w = (struct watch *)watch;

	wf_spin_lock(&w->q.lock);
	bool closed = w->closed;
	w->closed = true;
	tell_all(w);
	return closed ? -EPIPE : 0;
}

/* Locked. 0, -EAGAIN or -EPIPE: nothing new. */
static int take(const struct watch *w, uint64_t *io_version, void *ret_value)
{
	if (w->version == *io_version)
		return w->closed ? -EPIPE : -EAGAIN;
	if (ret_value && w->size)
		memcpy(ret_value, w->value, w->size);
	*io_version = w->version;
	return 0;
}

int weft_watch_get(struct weft_watch *watch, uint64_t *io_version, void *ret_value)
{
	struct watch *w = (struct watch *)watch;

	wf_spin_lock(&w->q.lock);
	int rc = take(w, io_version, ret_value);
	wf_spin_unlock(&w->q.lock);
	return rc;
}

static const struct wf_awaited awaited = {.text = "a watch"};

int weft_watch_wait(struct weft_watch *watch, uint64_t *io_version, void *ret_value)
{
	struct watch *w = (struct watch *)watch;
	struct wf_waiter me = {.what = &awaited};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (rc >= 0) {
		wf_spin_lock(&w->q.lock);
		rc = take(w, io_version, ret_value);
		if (rc != -EAGAIN) {
			wf_spin_unlock(&w->q.lock);
			return rc;
		}
		rc = wf_waitq_wait(&w->q, &me, false);
	}
	return rc;
}
