/* SPDX-License-Identifier: MIT */
/*
 * A worker's inbox: messages that any thread may push and the owner takes, all at once; or
 * the monitor, while the owner is stalled. Intrusive, unbounded by itself and bounded by what carries the messages: each
 * coroutine and each descriptor has one of a kind.
 *
 * IB1  head: cas_seq in wf_inbox_push_any  <->  xchg_seq in wf_inbox_take. The
 * owner sees the message and all that its sender wrote before.
 *      model: tests/model/inbox.pml
 */
#ifndef WF_RUN_INBOX_H
#define WF_RUN_INBOX_H

#include "../co/co.h"

struct wf_inbox {
	struct wf_msg *head; /* IB1 ID1: newest first */
};

static inline void wf_inbox_push_any(struct wf_inbox *in, struct wf_msg *msg)
{
	struct wf_msg *head =
		NULL; /* most often; to look first would fetch the line twice */

	do
		msg->next = head;
	while (!wf_atomic_cas_seq(&in->head, &head, msg)); /* IB1 */
}

static inline bool wf_inbox_empty(const struct wf_inbox *in)
{
	return !wf_atomic_load_seq(&in->head); /* IB1 ID1 */
}

/* All messages, oldest first. */
static inline struct wf_msg *wf_inbox_take(struct wf_inbox *in)
{
	struct wf_msg *msg = wf_atomic_xchg_seq(&in->head, NULL), *list = NULL; /* IB1 */

	while (msg) {
		struct wf_msg *next = msg->next;
		msg->next = list;
		list = msg;
		msg = next;
	}
	return list;
}

#endif
