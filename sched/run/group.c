/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <errno.h>
#include <limits.h>

#include "../sched.h"
#include "rt.h"
#include "scope.h"

enum { BATCH = 16 }; /* members looked at between two holds of the lock */

/* Lists. */

static void link_in(struct wf_members *l, struct wf_co *co)
{
	co->members_next = NULL;
	co->members_prev = l->last;
	*(l->last ? &l->last->members_next : &l->first) = co;
	l->last = co;
}

static void link_out(struct wf_members *l, struct wf_co *co)
{
	*(co->members_prev ? &co->members_prev->members_next : &l->first) =
		co->members_next;
	*(co->members_next ? &co->members_next->members_prev : &l->last) =
		co->members_prev;
}

static void lock(struct wf_group *g)
{
	wf_spin_lock(&g->q.lock);
}

static void unlock(struct wf_group *g)
{
	wf_spin_unlock(&g->q.lock);
}

/* Members. */

static void count_live(struct wf_group *g, int by)
{
	wf_atomic_store_relaxed(&g->n_live, g->n_live + (unsigned)by); /* GR2 relaxed */
}

static bool full(const struct wf_group *g)
{
	return g->limit && g->n_live + g->n_ended >= g->limit;
}

static int may_add(const struct wf_group *g)
{
	if (g->state != WF_GROUP_OPEN)
		return g->state == WF_GROUP_CLOSED ? -ESHUTDOWN : -EINVAL;
	if (g->cancelled)
		return -ECANCELED;
	return full(g) ? -EAGAIN : 0;
}

int wf_group_add(struct wf_group *g, struct wf_co *co)
{
	lock(g);
	int rc = may_add(g);
	if (!rc) {
		link_in(&g->live, co);
		count_live(g, 1);
		co->member = g->spawned++;
		wf_atomic_store_relaxed(&co->group, g); /* GR1 relaxed: not yet known */
	}
	unlock(g);
	return rc;
}

/* It was told to stop, and did. */
static bool gave_in(const struct wf_co *co)
{
	return co->status == -ECANCELED &&
	       wf_atomic_load_seq(&co->kick) & WF_KICK_CANCEL; /* PK2 */
}

/* Whether co's end decides the group's result. */
static bool decides(struct wf_group *g, const struct wf_co *co)
{
	if (g->decider != UINT_MAX)
		return false;
	if (g->flags & WF_GROUP_FIRST && co->status < 0)
		g->result = co->status; /* unless one succeeds */
	if (g->flags & WF_GROUP_FIRST ? co->status < 0 : co->status >= 0 || gave_in(co))
		return false;
	g->decider = co->member;
	g->result = co->status;
	return true;
}

struct wf_parting wf_group_ended(struct wf_co *co)
{
	struct wf_group *g =
		wf_atomic_load_relaxed(&co->group); /* GR1 relaxed: join_lock */
	struct wf_parting p = {.kept = !co->detached || g->flags & WF_GROUP_KEEP};

	lock(g);
	bool heard = full(g) || g->flags & WF_GROUP_KEEP; /* somebody may wait for it */
	link_out(&g->live, co);
	count_live(g, -1);
	if (decides(g, co) && !(g->flags & WF_GROUP_COLLECT) && !g->cancelled) {
		g->cancelled = true;
		g->pins++;
		p.cancel = g;
	}
	if (p.kept) {
		link_in(&g->ended, co);
		g->n_ended += !!(g->flags & WF_GROUP_KEEP);
	} else {
		wf_atomic_store_relaxed(&co->group, NULL); /* GR1 relaxed: join_lock */
	}
	p.woken = heard || !g->n_live ? wf_waitq_take_all(&g->q) : NULL;
	unlock(g);
	return p;
}

/* g is cancelled and pinned. Tell the owner and all members; then let go of it. */
static void tell_all(struct wf_worker *w, struct wf_group *g)
{
	struct wf_co *told[BATCH];
	unsigned left;

	lock(g);
	if (g->owner)
		wf_scope_mark(&g->scope, g->owner);
	told[0] = g->owner;
	for (left = g->n_live; left || told[0];
	     left = left < g->n_live ? left : g->n_live) {
		unsigned n = !!told[0];

		for (; left && n < BATCH; left--) {
			struct wf_co *co = g->live.first;
			link_out(&g->live,
				 co); /* and in again: who comes first was told */
			link_in(&g->live, co);
			if (!(wf_atomic_or_seq(&co->kick,
					       (uint32_t)WF_KICK_CANCEL) & /* PK2 */
			      WF_KICK_CANCEL))
				told[n++] = co;
		}
		unlock(g);
		while (n)
			wf_abort(w, told[--n]);
		told[0] = NULL;
		lock(g);
	}
	g->pins--;
	struct wf_waiter *woken = g->pins ? NULL : wf_waitq_take_all(&g->q);
	unlock(g);
	wf_waiters_wake(woken);
}

void wf_group_part(struct wf_worker *w, const struct wf_parting *p)
{
	wf_waiters_wake(p->woken);
	if (p->cancel)
		tell_all(w, p->cancel);
}

struct wf_waiter *wf_group_take_out(struct wf_co *co)
{
	struct wf_group *g =
		wf_atomic_load_relaxed(&co->group); /* GR1 relaxed: join_lock */

	if (!g)
		return NULL;
	lock(g);
	link_out(co->done ? &g->ended : &g->live, co);
	if (!co->done)
		count_live(g, -1);
	else
		g->n_ended -= !!(g->flags & WF_GROUP_KEEP);
	wf_atomic_store_relaxed(&co->group, NULL); /* GR1 relaxed: join_lock */
	struct wf_waiter *woken = wf_waitq_take_all(&g->q);
	unlock(g);
	return woken;
}

/* The owner. */

int wf_group_open(struct wf_group *g, uint32_t flags, uint32_t limit, uint64_t at)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	if (g->state == WF_GROUP_OPEN)
		return -EALREADY;
	if (!me && at != WF_NEVER)
		return -EINVAL;
	*g = (struct wf_group){.flags = flags,
			       .limit = limit,
			       .owner = me,
			       .state = WF_GROUP_OPEN,
			       .decider = UINT_MAX};
	if (me) {
		wf_scope_open(&g->scope, at, false);
		g->outer = me->open;
		me->open = g;
	}
	return 0;
}

/* For plain threads: the runtime must not end under what follows. */
static bool come_in(const struct wf_worker *w)
{
	return w || wf_visit();
}

static void go_out(const struct wf_worker *w)
{
	if (!w)
		wf_leave();
}

int wf_group_cancel(struct wf_group *g)
{
	struct wf_worker *w = wf_worker_self();

	if (!come_in(w))
		return -ESRCH;
	lock(g);
	bool open = g->state == WF_GROUP_OPEN;
	if (open) {
		g->cancelled = true;
		g->pins++;
	}
	unlock(g);
	if (open)
		tell_all(w, g);
	go_out(w);
	return open ? 0 : -EINVAL;
}

unsigned wf_group_running(const struct wf_group *g)
{
	return wf_atomic_load_relaxed(&g->n_live); /* GR2 relaxed: a hint */
}

static const struct wf_awaited awaited_room = {.text = "room in its group"},
			       awaited_member = {.text = "a member of its group"},
			       awaited_end = {.text = "the end of its group"};

/* [waits] Until there is room, or there never will be. */
static int await_room(struct wf_group *g)
{
	struct wf_waiter me = {.what = &awaited_room};
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (rc >= 0) {
		lock(g);
		if (may_add(g) != -EAGAIN) {
			unlock(g);
			return 0;
		}
		rc = wf_waitq_wait(&g->q, &me, false);
	}
	return rc;
}

int wf_group_spawn(struct wf_group *g, const void *from, int (*fn)(void *), void *arg,
		   const struct wf_spawn *s, void **ret_handle)
{
	int rc;

	if (g->state != WF_GROUP_OPEN)
		return g->state == WF_GROUP_CLOSED ? -ESHUTDOWN : -EINVAL;
	for (;;) {
		rc = await_room(g);
		if (!rc)
			rc = wf_spawn_into(g, from, fn, arg, s, ret_handle);
		if (rc != -EAGAIN)
			return rc;
		lock(g); /* a limit of the runtime's, or somebody was quicker? */
		bool again = full(g);
		unlock(g);
		if (!again)
			return rc;
	}
}

/* One that has ended leaves the group: true, and what it was. */
static bool take_ended(struct wf_worker *w, struct wf_group *g, void *handle,
		       unsigned *ret_index, int *ret_status)
{
	struct wf_co *co = wf_co_from_handle(handle);
	struct wf_waiter *woken = NULL;

	wf_spin_lock(&co->join_lock);
	bool mine = !wf_co_stale(handle) &&
		    wf_atomic_load_relaxed(&co->group) == g; /* GR1 relaxed: join_lock */
	bool joined = co->joiner;                            /* then it is the joiner's */
	if (mine) {
		*ret_index = co->member;
		*ret_status = co->status;
		woken = wf_group_take_out(co);
	}
	wf_spin_unlock(&co->join_lock);
	wf_waiters_wake(woken);
	if (mine && !joined)
		wf_co_give(w ? &w->pool : NULL, co);
	return mine;
}

/* lock held and released. */
static void *first_ended(struct wf_group *g)
{
	struct wf_co *co = g->ended.first;
	void *handle = co ? wf_co_handle(co) : NULL;

	unlock(g);
	return handle;
}

/* Members that nobody has joined, and nobody will. */
static void forget_ended(struct wf_group *g)
{
	struct wf_worker *w = wf_worker_self();
	unsigned index;
	void *handle;
	int status;

	if (!come_in(w))
		return;
	while (lock(g), (handle = first_ended(g)))
		take_ended(w, g, handle, &index, &status);
	go_out(w);
}

int wf_group_next(struct wf_group *g, unsigned *ret_index, int *ret_status)
{
	struct wf_waiter me = {.what = &awaited_member};
	uintptr_t who;
	int rc;

	if (g->state != WF_GROUP_OPEN || !(g->flags & WF_GROUP_KEEP))
		return -EINVAL;
	rc = wf_may_wait(&who);
	while (rc >= 0) {
		struct wf_worker *w = wf_worker_self();
		lock(g);
		if (!g->ended.first && g->n_live) {
			rc = wf_waitq_wait(&g->q, &me, false);
			continue;
		}
		void *handle = first_ended(g);
		if (!handle)
			return -ENOENT;
		if (!come_in(w))
			return -ESRCH;
		bool told = take_ended(w, g, handle, ret_index, ret_status);
		go_out(w);
		if (told)
			return 0;
	}
	return rc;
}

/* Wait until nobody is left. 0, or why the owner was stopped meanwhile. */
static int await_end(struct wf_group *g)
{
	struct wf_waiter me = {.what = &awaited_end};
	int rc = 0, why = 0;

	for (;;) {
		lock(g);
		if (!g->n_live && !g->pins) {
			g->state = WF_GROUP_CLOSED;
			unlock(g);
			return why;
		}
		rc = wf_waitq_wait(&g->q, &me, why != 0);
		if (rc < 0) {
			why = rc;
			wf_group_cancel(g);
		}
	}
}

int wf_group_close(struct wf_group *g, unsigned *ret_index)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *me = w ? w->current : NULL;

	*ret_index = UINT_MAX;
	if (g->state != WF_GROUP_OPEN)
		return -EINVAL;
	if (g->owner != me)
		return -EPERM;
	int why = await_end(g);
	forget_ended(g);
	if (me) {
		wf_bug(me->open != g); /* groups are closed in reverse order */
		me->open = g->outer;
		wf_scope_close(&g->scope);
	}
	if (!why && g->cancelled)
		why = -ECANCELED;
	*ret_index = g->decider;
	return g->decider == UINT_MAX && why ? why : g->result;
}
