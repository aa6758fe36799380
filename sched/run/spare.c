/* SPDX-License-Identifier: MIT */
#include "spare.h"

#include "monitor.h"
#include "recruit.h"

/* The spare. */

static void on_wish(struct wf_worker *w, struct wf_msg *msg)
{
	struct wf_spare *s = &w->spare;

	(void)msg;
	wf_atomic_store_seq(&s->posted, 0u);                     /* SR1 */
	struct wf_worker *post = wf_atomic_load_seq(&s->wanted); /* SR1 */

	w->off_duty = !post;
	if (!post) {
		w->special = true;
		return;
	}
	wf_atomic_store_relaxed(&s->post, post); /* SR3 relaxed */
	if (w->pool.home != post->place.home) {
		wf_pool_drain(&w->pool);
		w->pool.home = post->place.home;
	}
	if (wf_rt.conf.pin >= 0)
		wf_place_pin_self(&post->place); /* elsewhere it serves too */
}

/* The monitor. */

static bool open_spare(struct wf_worker *w, struct wf_worker *post)
{
	w->place = post->place;
	wf_atomic_store_relaxed(&w->spare.post, post); /* SR3 relaxed: not begun */
	return wf_recruit(w);
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
