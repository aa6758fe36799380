/* SPDX-License-Identifier: MIT */
#include "spare.h"

#include <signal.h>

#include "../base/sys.h"
#include "monitor.h"
#include "rt.h"

enum { CLOSED, OPENING, OPEN };

static sigset_t mask;

void wf_spares_prepare(void)
{
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
}

/* The spare. */

static void hand_home(struct wf_worker *w)
{
	struct wf_co *co;

	while ((co = wf_runq_pop_owner(&w->q)) || (co = wf_deque_pop(&w->forks)))
		wf_ready_at(w->spare.post, co);
}

static void on_wish(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_spare *s = &w->spare;

	(void)msg;
	wf_atomic_store_seq(&s->posted, 0u);                     /* SR1 */
	struct wf_worker *post = wf_atomic_load_seq(&s->wanted); /* SR1 */

	s->off_duty = !post;
	if (!post)
		return;
	s->post = post;
	if (wf_rt.conf.pin >= 0)
		wf_place_pin_self(&post->place); /* elsewhere it serves too */
}

static void serve(struct wf_worker *w)
{
	while (wf_atomic_load_acquire(&wf_rt.phase) != WF_EXITING) { /* RT1 */
		if (w->spare.off_duty)
			hand_home(w);
		if (w->spare.off_duty && !w->pinned_first)
			wf_worker_gather(w);
		else
			wf_worker_round(w);
	}
}

static void *spare_main(void *arg)
{
	struct wf_worker *w = arg;

	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	int rc = wf_worker_open(w);

	if (!rc)
		wf_rt_worker_up(0);
	wf_atomic_store_seq(&w->spare.opening, rc ? CLOSED : OPEN); /* SR2 */
	wf_sys.futex_wake(&w->spare.opening, 1);
	if (!rc) {
		serve(w);
		wf_worker_close(w);
	}
	wf_worker_leave();
	return NULL;
}

/* The monitor. */

static bool open_spare(struct wf_worker *w, struct wf_worker *post)
{
	uint32_t state;

	w->place = post->place;
	w->spare.post = post;
	wf_atomic_store_seq(&w->spare.opening, OPENING); /* SR2 */
	if (wf_sys.thread_create(&w->thread, NULL, spare_main, w))
		return false;
	while ((state = wf_atomic_load_seq(&w->spare.opening)) == OPENING) /* SR2 */
		wf_sys.futex_wait(&w->spare.opening, OPENING, NULL);
	if (state == CLOSED)
		pthread_join(w->thread, NULL);
	wf_atomic_store_release(&w->running, (uint32_t)(state == OPEN)); /* RU1 */
	return state == OPEN;
}

static void wish(struct wf_worker *w, struct wf_worker *post)
{
	wf_atomic_store_seq(&w->spare.wanted, post);  /* SR1 */
	if (wf_atomic_xchg_seq(&w->spare.posted, 1u)) /* SR1 */
		return;
	w->spare.msg.fn = on_wish;
	wf_send(w, &w->spare.msg);
}

static struct wf_worker *relieves(const struct wf_worker *blocked)
{
	for (unsigned i = wf_rt.n_workers; i < wf_rt.n_slots; i++)
		if (wf_rt.workers[i]->spare.relieves == blocked)
			return wf_rt.workers[i];
	return NULL;
}

struct wf_worker *wf_spare_post(struct wf_worker *w)
{
	return w->id < wf_rt.n_workers ? w : w->spare.last_post;
}

struct wf_worker *wf_spare_call(struct wf_worker *blocked)
{
	struct wf_worker *w = relieves(blocked), *post = wf_spare_post(blocked);

	if (w)
		return w;
	w = relieves(NULL);
	if (!w)
		return NULL;
	if (!wf_atomic_load_acquire(&w->running) && !open_spare(w, post)) /* RU1 */
		return NULL;
	w->spare.relieves = blocked;
	w->spare.last_post = post;
	wish(w, post);
	wf_count(&wf_stalls.spares, 1u);
	return w;
}

void wf_spare_dismiss(const struct wf_worker *returned)
{
	struct wf_worker *w = relieves(returned);

	if (!w)
		return;
	w->spare.relieves = NULL;
	wish(w, NULL);
}
