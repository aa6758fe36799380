/* SPDX-License-Identifier: MIT */
#include "recruit.h"

#include <signal.h>

#include "../base/sys.h"
#include "rt.h"

enum { CLOSED, OPENING, OPEN };

static sigset_t mask;

void wf_recruit_prepare(void)
{
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
}

static void *late_main(void *arg)
{
	struct wf_worker *w = arg;

	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	int rc = wf_worker_open(w);

	if (!rc)
		wf_rt_worker_up(0);
	wf_atomic_store_seq(&w->opening, rc ? CLOSED : OPEN); /* SR2 */
	wf_sys.futex_wake(&w->opening, 1);
	if (!rc)
		wf_worker_serve(w);
	wf_worker_leave();
	return NULL;
}

bool wf_recruit(struct wf_worker *w)
{
	uint32_t state;

	wf_atomic_store_seq(&w->opening, OPENING); /* SR2 */
	if (wf_sys.thread_create(&w->thread, NULL, late_main, w))
		return false;
	while ((state = wf_atomic_load_seq(&w->opening)) == OPENING) /* SR2 */
		wf_sys.futex_wait(&w->opening, OPENING, NULL);
	if (state == CLOSED)
		wf_sys.thread_join(w->thread);
	wf_atomic_store_release(&w->running, (uint32_t)(state == OPEN)); /* RU1 */
	return state == OPEN;
}
