/* SPDX-License-Identifier: MIT */
#include "futex.h"

#include "../../sched/sched.h"

bool weft__futex_parks(void)
{
	return wf_can_futex();
}

int weft__futex_wait(uint32_t *word, uint32_t val)
{
	return wf_futex_wait(word, val, WF_NEVER);
}
