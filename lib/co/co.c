/* SPDX-License-Identifier: MIT */
#include "weft/co.h"

#include <errno.h>

#include "attr.h"
#include "weft/errno.h"

#undef errno

int weft_spawn(int (*fn)(void *arg), void *arg, const struct weft_co_attr *attr,
	       struct weft_co **ret_co)
{
	if (!fn)
		return -EINVAL;
	const void *from = __builtin_return_address(0);
	if (!attr)
		return wf_spawn_into(NULL, from, fn, arg, NULL, (void **)ret_co);

	struct wf_spawn s;
	int rc = weft__attr_spawn(attr, &s);
	return rc ? rc : wf_spawn_into(NULL, from, fn, arg, &s, (void **)ret_co);
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
	return wf_set_class(weft__class_flag[service]);
}

int weft_class(void)
{
	int rc = wf_get_class();

	for (int i = WEFT_CO_NORMAL; i <= WEFT_CO_BATCH; i++)
		if (rc == (int)weft__class_flag[i])
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
