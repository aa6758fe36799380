/* SPDX-License-Identifier: MIT */
#include "weft/co.h"

#include <errno.h>

#include "../options.h"
#include "../../sched/sched.h"
#include "weft/errno.h"

#undef errno

int weft_spawn(int (*fn)(void *arg), void *arg, const struct weft_co_attr *attr,
	       struct weft_co **ret_co)
{
	if (!fn)
		return -EINVAL;
	if (!attr)
		return wf_spawn(fn, arg, NULL, (void **)ret_co);

	struct weft_co_attr a;
	int rc = weft__options_copy(&a, sizeof(a), attr);
	if (rc)
		return rc;
	if (a.flags & ~(uint32_t)(WEFT_CO_PINNED | WEFT_CO_SPREAD | WEFT_CO_FORK) ||
	    a.worker < 0 || (a.flags & WEFT_CO_FORK && a.flags != WEFT_CO_FORK))
		return -EINVAL;
	const struct wf_spawn s = {
		.name = a.name,
		.stack_size = a.stack_size,
		.flags = (a.flags & WEFT_CO_PINNED ? WF_SPAWN_PINNED : 0u) |
			 (a.flags & WEFT_CO_SPREAD ? WF_SPAWN_SPREAD : 0u) |
			 (a.flags & WEFT_CO_FORK ? WF_SPAWN_FORK : 0u),
		.worker = a.worker - 1};
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
