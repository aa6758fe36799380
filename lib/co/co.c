/* SPDX-License-Identifier: MIT */
#include "weft/co.h"

#include <errno.h>

#include "../options.h"
#include "../../sched/sched.h"
#include "weft/errno.h"

#undef errno

static const uint32_t class_flag[] = {
	[WEFT_CO_LATENCY] = WF_SPAWN_LATENCY, [WEFT_CO_BATCH] = WF_SPAWN_BATCH};

/* -EINVAL: what does not go together. */
static int check_attr(const struct weft_co_attr *a)
{
	const uint32_t known =
		WEFT_CO_PINNED | WEFT_CO_SPREAD | WEFT_CO_FORK | WEFT_CO_BOUND;
	bool placed = a->place || a->node;

	if (a->flags & ~known || a->worker < 0 || a->node < 0 ||
	    a->place > WEFT_CO_ALL_IN_TURN || a->service > WEFT_CO_BATCH)
		return -EINVAL;
	if (a->flags & WEFT_CO_FORK && (a->flags != WEFT_CO_FORK || placed || a->service))
		return -EINVAL;
	return placed && (a->worker || a->flags & WEFT_CO_SPREAD) ? -EINVAL : 0;
}

static enum wf_spawn_where where(const struct weft_co_attr *a)
{
	static const enum wf_spawn_where table[] = {
		[WEFT_CO_HERE] = WF_SPAWN_HERE,
		[WEFT_CO_LEAST_LOADED] = WF_SPAWN_LEAST,
		[WEFT_CO_NODE_IN_TURN] = WF_SPAWN_NODE,
		[WEFT_CO_ALL_IN_TURN] = WF_SPAWN_ALL};

	return a->flags & WEFT_CO_SPREAD ? WF_SPAWN_ALL : table[a->place];
}

int weft_spawn(int (*fn)(void *arg), void *arg, const struct weft_co_attr *attr,
	       struct weft_co **ret_co)
{
	if (!fn)
		return -EINVAL;
	if (!attr)
		return wf_spawn(fn, arg, NULL, (void **)ret_co);

	struct weft_co_attr a;
	int rc = weft__options_copy(&a, sizeof(a), attr);
	if (!rc)
		rc = check_attr(&a);
	if (rc)
		return rc;
	const struct wf_spawn s = {
		.name = a.name,
		.stack_size = a.stack_size,
		.flags = (a.flags & WEFT_CO_PINNED ? WF_SPAWN_PINNED : 0u) |
			 (a.flags & WEFT_CO_BOUND ? WF_SPAWN_BOUND : 0u) |
			 (a.flags & WEFT_CO_FORK ? WF_SPAWN_FORK : 0u) |
			 class_flag[a.service],
		.worker = a.worker - 1,
		.where = where(&a),
		.node = a.node - 1};
	return wf_spawn(fn, arg, &s, (void **)ret_co);
}

int weft_join(struct weft_co *co, int *ret_status)
{
	return wf_join(co, ret_status);
}

int weft_detach(struct weft_co *co)
{
	return wf_detach(co);
}

int weft_cancel(struct weft_co *co)
{
	return wf_cancel(co);
}

int weft_yield(void)
{
	return wf_yield();
}

int weft_checkpoint(void)
{
	return wf_checkpoint();
}

struct weft_co *weft_self(void)
{
	return wf_self();
}

const char *weft_name(void)
{
	return wf_name();
}

int weft_set_name(const char *name)
{
	return wf_set_name(name);
}

int weft_set_class(enum weft_co_class service)
{
	if ((unsigned)service > WEFT_CO_BATCH)
		return -EINVAL;
	return wf_set_class(class_flag[service]);
}

int weft_class(void)
{
	int rc = wf_get_class();

	for (int i = WEFT_CO_NORMAL; i <= WEFT_CO_BATCH; i++)
		if (rc == (int)class_flag[i])
			return i;
	return rc;
}

int weft_pin(void)
{
	return wf_pin();
}

int weft_unpin(void)
{
	return wf_unpin();
}

/* Not const, unlike the C library's: so the compiler asks again after every call. */
__attribute__((noinline)) int *weft_errno_location(void)
{
	__asm__ volatile("" ::: "memory");
	return __errno_location();
}
