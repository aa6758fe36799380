/* SPDX-License-Identifier: MIT */
#include "weft/stack.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "../../sched/sched.h"

static const char *symbol(int (*fn)(void *arg))
{
	Dl_info info;

	return fn && dladdr((void *)fn, &info) ? info.dli_sname : NULL;
}

int weft_stack_stats(struct weft_stack_use *rows, size_t n)
{
	struct wf_depth *depths;
	int all = wf_stack_depths(&depths);

	for (int i = 0; i < all && (size_t)i < n; i++)
		rows[i] = (struct weft_stack_use){.fn = depths[i].fn,
						  .name = symbol(depths[i].fn),
						  .ended = depths[i].ended,
						  .deepest = depths[i].deepest,
						  .stack_bytes = depths[i].stack};
	if (all >= 0)
		free(depths);
	return all;
}

const char *weft_stack_refusal(void)
{
	return wf_stack_refused();
}
