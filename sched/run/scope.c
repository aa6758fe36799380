/* SPDX-License-Identifier: MIT */
#include "scope.h"

#include <errno.h>

#include "../sched.h"

static uint32_t level_of(uint32_t kick)
{
	return kick / WF_KICK_LEVEL;
}

/* Another level, or the same: nothing is cancelled there as far as we know. */
static void enter_level(struct wf_co *me, uint32_t by)
{
	uint32_t kick = wf_atomic_load_relaxed(&me->kick); /* SC1 relaxed: cas checks */

	while (!wf_atomic_cas_seq(&me->kick, &kick,
				  (kick + by) & ~(uint32_t)WF_KICK_SCOPE)) /* SC1 */
		;
}

int wf_scope_open(struct wf_scope *s, uint64_t at, bool shield)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	if (!me)
		return wf_no_coroutine();
	if (wf_unlikely(shield))
		enter_level(me, WF_KICK_LEVEL);
	s->at = at;
	s->prev = me->scope;
	s->due = s->prev && s->prev->due < at && !shield ? s->prev->due : at;
	s->level = (uint16_t)level_of(
		wf_atomic_load_relaxed(&me->kick)); /* SC1 relaxed: own */
	s->shield = shield;
	wf_atomic_store_relaxed(&s->cancelled, 0u); /* SC1 relaxed: not yet known */
	me->scope = s;
	wf_set_due(me, s->due);
	return 0;
}

void wf_scope_mark(struct wf_scope *s, struct wf_co *co)
{
	wf_atomic_store_seq(&s->cancelled, 1u);        /* SC1 */
	uint32_t kick = wf_atomic_load_seq(&co->kick); /* SC1 */

	while (level_of(kick) == s->level &&
	       !wf_atomic_cas_seq(&co->kick, &kick, kick | WF_KICK_SCOPE)) /* SC1 */
		;
}

/* Whether a scope that counts is cancelled. */
static void look_again(struct wf_co *me)
{
	uint32_t level = level_of(wf_atomic_load_relaxed(&me->kick)); /* SC1 relaxed */

	for (const struct wf_scope *s = me->scope; s && s->level == level; s = s->prev)
		if (wf_atomic_load_seq(&s->cancelled)) {                      /* SC1 */
			wf_atomic_or_seq(&me->kick, (uint32_t)WF_KICK_SCOPE); /* SC1 */
			return;
		}
}

int wf_scope_close(struct wf_scope *s)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	if (!me)
		return wf_no_coroutine();
	wf_bug(me->scope != s); /* scopes are closed in reverse order, by their owner */
	me->scope = s->prev;
	wf_set_due(me, s->prev ? s->prev->due : WF_NEVER);
	if (wf_unlikely(s->shield || wf_atomic_load_relaxed(&me->kick) & /* SC1 relaxed */
					     WF_KICK_SCOPE)) {
		enter_level(me, s->shield ? -(uint32_t)WF_KICK_LEVEL : 0);
		look_again(me);
	}
	bool cancelled = wf_atomic_load_relaxed(&s->cancelled); /* SC1 relaxed: over */
	bool late = s->at != WF_NEVER && s->at <= wf_clock_ns();
	return (late ? WF_SCOPE_TIMED_OUT : 0) | (cancelled ? WF_SCOPE_CANCELED : 0);
}

void wf_scope_mark_of(struct wf_scope *s, void *handle)
{
	wf_scope_mark(s, wf_co_from_handle(handle));
}

int wf_scope_tell(void *handle)
{
	struct wf_worker *w = wf_worker_self();

	if (!w && !wf_visit())
		return -ESRCH;
	wf_abort(w, wf_co_from_handle(handle));
	if (!w)
		wf_leave();
	return 0;
}

int wf_scope_cancel(struct wf_scope *s, void *handle)
{
	wf_scope_mark_of(s, handle);
	return wf_scope_tell(handle);
}

int wf_stopped(void)
{
	struct wf_worker *w = wf_worker_self();

	return w && w->current ? wf_verdict(w->current) : 0;
}
