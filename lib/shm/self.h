/* SPDX-License-Identifier: MIT */
/*
 * What the kernel knows a thread by, and what it looks at when the thread ends.
 *
 * SE1  list_op_pending: store_release before a word is taken and after it was left, by the thread; read by
 *      the kernel when that same thread has ended. Program order is all it needs.
 */
#ifndef WEFT_SHM_SELF_H
#define WEFT_SHM_SELF_H

#include "../../sched/sched.h"

struct weft__self {
	uint32_t tid; /* 0: not asked yet */
	struct robust_list_head *head;
};

/* The calling thread's. Not to be kept over a park. */
const struct weft__self *weft__self(void);

/* If this thread ends while *word is its number, the kernel says so there. One word at a time. */
static inline void weft__self_pend(const struct weft__self *self, uint32_t *word)
{
	void *at = (char *)word - self->head->futex_offset;

	wf_atomic_store_release(&self->head->list_op_pending, /* SE1 */
				(struct robust_list *)at);
}

static inline void weft__self_unpend(const struct weft__self *self)
{
	wf_atomic_store_release(&self->head->list_op_pending, /* SE1 */
				(struct robust_list *)NULL);
}

#endif
