/* SPDX-License-Identifier: MIT */
/* The inbox alone: order, and that nothing is lost or doubled with many senders. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "sched/run/inbox.h"

enum { SENDERS = 3, EACH = 20000 };

static struct wf_inbox inbox;
static struct wf_msg msgs[SENDERS][EACH];

Test(inbox, oldest_first_and_all_at_once)
{
	struct wf_msg m[3];

	cr_assert(wf_inbox_empty(&inbox));
	cr_assert_null(wf_inbox_take(&inbox));
	for (int i = 0; i < 3; i++)
		wf_inbox_push_any(&inbox, &m[i]);
	cr_assert(!wf_inbox_empty(&inbox));
	struct wf_msg *list = wf_inbox_take(&inbox);
	cr_assert(wf_inbox_empty(&inbox));
	for (int i = 0; i < 3; i++, list = list->next)
		cr_assert_eq(list, &m[i]);
	cr_assert_null(list);
}

static void *push_all(void *from)
{
	struct wf_msg *m = from;

	for (int i = 0; i < EACH; i++)
		wf_inbox_push_any(&inbox, &m[i]);
	return NULL;
}

Test(inbox, each_sender_keeps_its_order, .timeout = 30)
{
	pthread_t t[SENDERS];
	int next[SENDERS] = {0}, n = 0;

	for (int i = 0; i < SENDERS; i++)
		pthread_create(&t[i], NULL, push_all, msgs[i]);
	while (n < SENDERS * EACH) {
		struct wf_msg *m = wf_inbox_take(&inbox);
		for (; m; m = m->next, n++) {
			long at = m - msgs[0];
			cr_assert_eq(at % EACH, next[at / EACH]++);
		}
	}
	for (int i = 0; i < SENDERS; i++)
		pthread_join(t[i], NULL);
	cr_assert(wf_inbox_empty(&inbox));
}
