/* SPDX-License-Identifier: MIT */
/*
 * Having nothing to do: stealing, sleeping, being woken.
 *
 * A worker whose queue runs empty sleeps at once, in its ring: the completions that will
 * make work for it come from there. If none can, it sleeps on a word. Work is stolen only from a queue that its owner has not
 * emptied for a while, since a coroutine whose bytes arrive on another ring costs both
 * workers (steal.h). So that such a queue is noticed, one idle worker is the sentinel and looks every
 * millisecond while others are awake. It may be called away by work of its own: therefore
 * the other idle workers look now and then whether somebody is on watch (the relief). A
 * worker sleeps without a timeout only when all others sleep too, and nothing came while it
 * kept watch: under traffic somebody always looks, and no wake-up is sent to arrange it.
 *
 * WA1  StoreLoad: set `unwatched`, then look whether others are awake (who goes to sleep
 *      without a timeout)  <->  clear one's own `sleeping`, and at each push look at
 *      `unwatched` (who is awake). Either the sleeper keeps looking, or the first push calls
 *      somebody: no queue is left behind a hog with nobody looking.
 *      sentinel, relief: taken, then `unwatched` cleared (who will look)  <->  given up, then
 *      both read (who stops looking, having work). The last one to stop sees that it is, and
 *      calls somebody. Who found nothing goes on looking: between two looks it may get work.
 *      called: set, then `sleeping` taken down (the caller)  <->  `sleeping` cleared, then
 *      called read (the worker). Who has work of its own by then passes the call on.
 *      model: tests/model/watch.pml, tests/model/relief.pml
 */
#include <errno.h>

#include "../base/sys.h"
#include "../sched.h"
#include "class.h"
#include "monitor.h"
#include "steal.h"
#include "worker.h"

bool wf_rouse(struct wf_worker *to, struct wf_ring *from)
{
	if (!wf_atomic_load_seq(&to->sleeping)) /* ID1 */
		return false;
	uint32_t how = wf_atomic_xchg_seq(&to->sleeping,
					  (uint32_t)WF_AWAKE); /* ID1: one wakes */
	if (how == WF_ON_WORD)
		wf_sys.futex_wake(&to->sleeping, 1);
	else if (how == WF_IN_RING)
		to->ring.engine->wake(&to->ring, from);
	return how != WF_AWAKE;
}

void wf_send(struct wf_worker *to, struct wf_msg *msg)
{
	struct wf_worker *w = wf_worker_self();

	wf_inbox_push_any(&to->inbox, msg); /* ID1 */
	if (w)
		wf_count(&w->count.remote_msgs, 1u); /* statistics: relaxed */
	if (wf_rouse(to, w ? &w->ring : NULL) && w)
		wf_count(&w->count.wakes, 1u); /* statistics: relaxed */
}

/* Not through the ring of the worker whose thread this may be: it may be in the middle of using it.
 * errno is the interrupted code's. */
int wf_send_from_signal(struct wf_msg *msg)
{
	int err = errno, rc = -ESHUTDOWN;

	if (wf_visit()) {
		struct wf_worker *to = wf_rt.workers[0];

		wf_inbox_push_any(&to->inbox, msg); /* ID1 */
		wf_rouse(to, NULL);
		wf_leave();
		rc = 0;
	}
	errno = err;
	return rc;
}

/* Wake one sleeping worker, the nearest. */
static void call_thief(struct wf_worker *w)
{
	wf_atomic_store_relaxed(&wf_rt.unwatched, 0u); /* WA1 relaxed: we act on it */
	wf_call_sleeper(w, w, WF_FAR_REMOTE);
}

/* Something was queued and nobody is on watch: call somebody, unless it is all there is
 * and runs next. */
void wf_mind_queue(struct wf_worker *w)
{
	if (w->lane[WF_NORMAL].q.shared && (w->current || wf_queued(w) > 1))
		call_thief(w);
}

static bool others_awake(const struct wf_worker *w)
{
	for (unsigned i = 0; i < wf_rt.n_slots; i++)
		if (i != w->id &&
		    !wf_atomic_load_seq(&wf_rt.workers[i]->sleeping)) /* WA1 */
			return true;
	return false;
}

/* Neither steals nor keeps watch: there is nobody else, it is retired, or it is a spare, whose
 * work is brought to it. */
static bool keeps_to_itself(const struct wf_worker *w)
{
	return wf_atomic_load_relaxed(&wf_rt.width) == 1 || /* LW1 relaxed: a hint */
	       w->off_duty || w->spare.post;
}

/* No longer looking. */
static void give_up(struct wf_worker *w)
{
	if (w->duty == WF_RELIEF)
		wf_atomic_sub_seq(&wf_rt.relief, 1u); /* WA1 */
	else if (w->duty == WF_WATCH)
		wf_atomic_store_seq(&wf_rt.sentinel, 0u); /* WA1 */
	w->duty = WF_OFF;
}

/* Be one who looks: the sentinel if there is none and somebody to watch. */
static void look_out(struct wf_worker *w)
{
	uint32_t none = 0;
	bool watch = others_awake(w) &&
		     (w->duty == WF_WATCH ||
		      wf_atomic_cas_seq(&wf_rt.sentinel, &none, 1u)); /* WA1 */
	enum wf_duty duty = watch ? WF_WATCH : WF_RELIEF;

	if (duty != w->duty) {
		if (!watch)
			wf_atomic_add_seq(&wf_rt.relief, 1u); /* WA1 */
		give_up(w);
		w->duty = duty;
	}
	if (wf_atomic_load_seq(&wf_rt.unwatched))          /* WA1 */
		wf_atomic_store_seq(&wf_rt.unwatched, 0u); /* WA1 */
}

/* quiet: nothing came while it was the relief, which is a long time. */
static void take_duty(struct wf_worker *w, bool quiet)
{
	if (quiet) {
		give_up(w);
		wf_atomic_store_seq(&wf_rt.unwatched, 1u); /* WA1 */
		if (!others_awake(w))
			return;
	}
	look_out(w);
}

static bool answer_call(struct wf_worker *w)
{
	bool called = wf_atomic_load_seq(&w->called); /* WA1: `sleeping` was cleared */

	if (called)
		wf_atomic_store_seq(&w->called, 0u); /* WA1 */
	return called;
}

void wf_idle_end(struct wf_worker *w)
{
	bool looked = w->duty != WF_OFF;

	w->idle = false;
	if (!answer_call(w) && !looked)
		return;
	give_up(w);
	if (!wf_atomic_load_seq(&wf_rt.relief) && /* WA1 */
	    !wf_atomic_load_seq(&wf_rt.sentinel)) /* WA1 */
		call_thief(w);
}

static uint64_t wait_until(const struct wf_worker *w, uint64_t at)
{
	return at > w->now ? at - w->now : 0;
}

/* Until the nearest timer, and the slack: those that come due meanwhile fire with it. */
static uint64_t sleep_ns(const struct wf_worker *w)
{
	const uint64_t slack = (uint64_t)wf_rt.conf.timer_slack_us * 1000;
	const uint64_t longest[] = {[WF_OFF] = WF_NEVER,
				    [WF_RELIEF] = WF_RELIEF_NS,
				    [WF_WATCH] = WF_SENTINEL_NS};
	uint64_t next = wf_timers_next(&w->timers), ns = WF_NEVER;

	if (next != WF_NEVER)
		ns = next > w->now ? next - w->now + slack : 0;
	if (wf_unlikely(w->trim.due != WF_NEVER) && wait_until(w, w->trim.due) < ns)
		ns = wait_until(w, w->trim.due);
	return ns < longest[w->duty] ? ns : longest[w->duty];
}

/*
 * Who waits for nothing but a wake-up need not be in the ring for it: a futex costs both sides
 * less. But the kernel lets it end 50 us late (prctl(2), PR_SET_TIMERSLACK), so not with timers.
 */
static enum wf_sleep where_to_sleep(const struct wf_worker *w)
{
	return !w->timers.n && w->ring.engine->at_rest(&w->ring) ? WF_ON_WORD
								 : WF_IN_RING;
}

/* Who took `sleeping` down before this is found out by the kernel's comparison. */
static void wait_on_word(struct wf_worker *w, uint64_t ns)
{
	const struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
				    .tv_nsec = (long)(ns % 1000000000u)};

	if (ns)
		wf_sys.futex_wait(&w->sleeping, WF_ON_WORD, ns == WF_NEVER ? NULL : &ts);
}

static void fall_asleep(struct wf_worker *w, enum wf_sleep how)
{
	if (!keeps_to_itself(w)) {
		bool called = answer_call(w); /* by looking, from here on */

		take_duty(w, w->idle && w->duty == WF_RELIEF && !called);
		w->idle = true;
	}
	if (how == WF_ON_WORD)
		wait_on_word(w, sleep_ns(w));
	else
		w->ring.engine->poll(&w->ring, sleep_ns(w));
}

/* Sleep until a completion, a message or the nearest timer; or return something stolen. */
struct wf_co *wf_idle(struct wf_worker *w)
{
	bool alone = keeps_to_itself(w);

	if (w->timers.n || w->trim.period || !alone)
		w->now = wf_clock_ns();
	wf_trim_tick(w);
	struct wf_co *co = alone ? NULL : wf_steal(w);

	if (co || wf_class_spin(w))
		return co;
	wf_class_wait(w);
	enum wf_sleep how = where_to_sleep(w);
	wf_atomic_store_seq(&w->sleeping, (uint32_t)how); /* ID1 */
	if (wf_inbox_empty(&w->inbox)) {                  /* ID1 */
		fall_asleep(w, how);
	} else {
		w->idle = !alone; /* for a moment it seemed to sleep: it may be called */
		w->ring.engine->poll(&w->ring, 0);
	}
	wf_atomic_store_seq(&w->sleeping, (uint32_t)WF_AWAKE); /* ID1 MN1 WA1 */
	wf_monitor_mind();
	return NULL;
}
