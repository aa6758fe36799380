/* SPDX-License-Identifier: MIT */
#include "keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "region.h"

enum { MOST = 2000, STACK = 128 << 10 }; /* the kernel looks at 2,048 */

static struct {
	pthread_mutex_t lock; /* guards all but tid; held over fork() */
	uint32_t tid;         /* KE2 */
	uint32_t asleep;      /* for ever 0: the keeper waits for it */
	unsigned n;
	struct robust_list_head head;
} keeper = {.lock = PTHREAD_MUTEX_INITIALIZER,
	    .head = {.list.next = &keeper.head.list, .futex_offset = SHADOW}};

static void lock(void)
{
	pthread_mutex_lock(&keeper.lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&keeper.lock);
}

static void in_child(void)
{
	wf_atomic_store_release(&keeper.tid, 0u); /* KE2 */
	unlock();
}

static void watch_forks(void)
{
	pthread_atfork(lock, unlock, in_child);
}

static void *keep(void *arg)
{
	(void)arg;
	wf_sys.set_robust_list(&keeper.head);
	wf_atomic_store_release(&keeper.tid, (uint32_t)gettid()); /* KE2 */
	wf_sys.futex_wake(&keeper.tid, 1);
	for (;;)
		wf_sys.futex_wait(&keeper.asleep, 0, NULL);
	return NULL;
}

/* Signals are for the program's own threads. */
static int start(void)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t t;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = wf_sys.thread_create(&t, &attr, keep, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	while (!rc && !wf_atomic_load_acquire(&keeper.tid)) /* KE2 */
		wf_sys.futex_wait(&keeper.tid, 0, NULL);
	return rc;
}

int weft__keeper_tid(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint32_t tid = wf_atomic_load_acquire(&keeper.tid); /* KE2 */

	if (wf_likely(tid))
		return (int)tid;
	pthread_once(&once, watch_forks);
	lock();
	int rc = wf_atomic_load_acquire(&keeper.tid) ? 0 : start(); /* KE2 */
	unlock();
	return rc ? rc : (int)wf_atomic_load_acquire(&keeper.tid); /* KE2 */
}

int weft__keeper_watch(struct keeper_entry *e)
{
	int rc = 0;

	lock();
	if (!e->linked && keeper.n == MOST) {
		rc = -ENOSPC;
	} else if (!e->linked) {
		e->linked = true;
		e->list.next = keeper.head.list.next;
		wf_atomic_store_release(&keeper.head.list.next, &e->list); /* KE1 */
		keeper.n++;
	}
	unlock();
	return rc;
}

/* What is held when its region is unmapped is left as the dead leave it. */
static void abandon(uint32_t *word)
{
	uint32_t seen = wf_atomic_load_seq(word);           /* MU1 */
	uint32_t tid = wf_atomic_load_acquire(&keeper.tid); /* KE2 */

	while (tid && (seen & FUTEX_TID_MASK) == tid)
		if (wf_atomic_cas_seq(word, &seen,
				      (uint32_t)FUTEX_OWNER_DIED)) { /* MU1 */
			wf_futex_wake(word, 1);
			return;
		}
}

void weft__keeper_forget(char *base, size_t len)
{
	const uintptr_t from = (uintptr_t)base - SHADOW;
	struct robust_list *at = &keeper.head.list;

	lock();
	while (at->next != &keeper.head.list) {
		if ((uintptr_t)at->next - from >= len) {
			at = at->next;
			continue;
		}
		abandon((void *)((char *)at->next + SHADOW));
		wf_atomic_store_release(&at->next, at->next->next); /* KE1 */
		keeper.n--;
	}
	unlock();
}
