/* SPDX-License-Identifier: MIT */
/*
 * WV1  bell: add_seq by a coroutine that has joined the queue, then a wake  <->  load_acquire by the
 *      helper before it looks at the queue, which it then sleeps with. Who joins after that look
 *      makes the sleep end at once.
 */
#include "waitv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "../base/clock.h"
#include "../base/sys.h"
#include "waitq.h"

enum { MOST = 128, PERIOD_NS = 1000000 };

struct watched {
	struct wf_waiter waiter; /* first */
	uint32_t *word, val;
};

static struct {
	struct wf_waitq q;
	uint32_t bell;         /* WV1 */
	pthread_mutex_t start; /* guards the rest */
	bool watches_forks, has_helper;
} g = {.start = PTHREAD_MUTEX_INITIALIZER};

/* What the helper sleeps with: the bell first, then words of those who wait. */
struct vec {
	struct futex_waitv on[MOST];
	struct wf_waiter *of[MOST];
	unsigned n;
	bool more;
};

static void vec_add(struct vec *v, struct wf_waiter *of, uint32_t *word, uint32_t val,
		    uint32_t private)
{
	v->of[v->n] = of;
	v->on[v->n++] = (struct futex_waitv){
		.val = val, .uaddr = (uintptr_t)word, .flags = FUTEX_32 | private};
}

/*
 * lock held. Take out those whose word has changed, and the one that was woken; the others go into v.
 * A waiter is met here only while it waits, so its word is there.
 */
static struct wf_waiter *sift(struct vec *v, const struct wf_waiter *woken)
{
	struct wf_waiter *list = NULL, **end = &list, *next;

	v->more = false;
	for (struct wf_waiter *w = g.q.first; w; w = next) {
		struct watched *x = (struct watched *)w;

		next = w->next;
		if (w == woken || wf_atomic_load_acquire(x->word) != x->val) { /* FW1 */
			if (wf_waiter_take(w)) {
				*end = w;
				end = &w->next;
			}
		} else if (v->n < MOST) {
			vec_add(v, w, x->word, x->val, 0);
		} else {
			v->more = true;
		}
	}
	return list;
}

static void *help(void *arg)
{
	static struct vec v;
	const struct wf_waiter *woken = NULL;

	(void)arg;
	for (;;) {
		v.n = 0;
		vec_add(&v, NULL, &g.bell, wf_atomic_load_acquire(&g.bell), /* WV1 */
			FUTEX_PRIVATE_FLAG);
		wf_spin_lock(&g.q.lock);
		struct wf_waiter *list = sift(&v, woken);
		wf_spin_unlock(&g.q.lock);
		wf_waiters_wake(list);
		uint64_t look = v.more ? wf_clock_ns() + PERIOD_NS : WF_NEVER;
		int i = wf_sys.futex_waitv(v.on, v.n, look);
		woken = i > 0 ? v.of[i] : NULL;
	}
	return NULL;
}

/* It has neither a helper nor coroutines that wait. */
static void in_child(void)
{
	g.q = (struct wf_waitq){0};
	g.has_helper = false;
	pthread_mutex_init(&g.start, NULL);
}

static int start_locked(void)
{
	sigset_t all, before;
	pthread_t t;

	if (!g.watches_forks)
		g.watches_forks = !pthread_atfork(NULL, NULL, in_child);
	if (wf_sys.futex_waitv(NULL, 0, WF_NEVER) == -ENOSYS)
		return -ENOSYS;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = wf_sys.thread_create(&t, NULL, help, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return rc;
	pthread_detach(t);
	g.has_helper = true;
	return 0;
}

/* Once in a process; it stays, asleep. */
static int start(void)
{
	pthread_mutex_lock(&g.start);
	int rc = g.has_helper ? 0 : start_locked();
	pthread_mutex_unlock(&g.start);
	return rc;
}

static const struct wf_awaited awaited = {.text = "a word of shared memory",
					  .outside = true};

int wf_waitv_wait(uint32_t *word, uint32_t val)
{
	struct watched me = {.waiter.what = &awaited, .word = word, .val = val};
	int rc = start();

	if (rc)
		return rc;
	wf_spin_lock(&g.q.lock);
	wf_atomic_add_seq(&g.bell, 1u); /* WV1 */
	wf_sys.futex_wake(&g.bell, 1);
	rc = wf_waitq_wait(&g.q, &me.waiter, false);
	return rc < 0 ? rc : 0;
}
