/* SPDX-License-Identifier: MIT */
#include "self.h"

#include <pthread.h>
#include <unistd.h>

static __thread struct weft__self self;

/* For a libc that has registered none, or a kernel that does not tell: then nobody hears of our end. */
static __thread struct robust_list_head own;

static void in_child(void)
{
	self.tid = 0;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

static void ask(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t len;

	pthread_once(&once, watch_forks);
	if (wf_sys.get_robust_list(&self.head, &len) || !self.head) {
		own.list.next = &own.list;
		self.head = &own;
		wf_sys.set_robust_list(&own);
	}
	self.tid = (uint32_t)gettid();
}

const struct weft__self *weft__self(void)
{
	if (wf_unlikely(!self.tid))
		ask();
	return &self;
}
