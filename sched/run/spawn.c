/* SPDX-License-Identifier: MIT */
/*
 * Birth, end and joining of coroutines.
 *
 * A coroutine that has returned is published by the incoming side (publish_exit): under
 * its join_lock `done` is set and the joiner, if there is one, taken; a detached one goes
 * back to the pool. After the lock is released a joiner on another worker may recycle it.
 *
 * RT2  spawned and ended are counted by their own workers: spawned relaxed, since the birth
 *      comes before the end, and ended by store_release  <->  load_seq by who looks for
 *      zero. He reads all of ended first, then all of spawned: equal sums mean that none
 *      was alive in between. `bell` is bumped after ended, so the stopper looks again; if
 *      the phase was read too early to bump it, he looks again by himself.
 *      model: tests/model/stop.pml
 *
 * TW1  done: store_release by the ending side  <->  load_acquire by the thread that waits,
 *      which sleeps in a futex in between. model: tests/model/join.pml
 */
#include <errno.h>
#include <string.h>

#include "../base/sys.h"
#include "../sched.h"
#include "belongings.h"
#include "group.h"
#include "rt.h"
#include "switch.h"
#include "target.h"

/* A plain thread that waits for a coroutine's end; its address with bit 0 is the joiner.
 */
struct thread_waiter {
	uint32_t done; /* TW1 */
};

uint64_t wf_live(void)
{
	uint64_t ended = 0, spawned;

	for (unsigned i = 0; i < wf_rt.n_slots; i++)
		ended += wf_atomic_load_seq(&wf_rt.workers[i]->count.ended); /* RT2 */
	spawned = wf_atomic_load_seq(&wf_rt.foreign_spawned);                /* RT2 */
	for (unsigned i = 0; i < wf_rt.n_slots; i++)
		spawned += wf_atomic_load_seq(&wf_rt.workers[i]->count.spawned); /* RT2 */
	return spawned - ended;
}

static void forget_timer(struct wf_worker *w, struct wf_co *co)
{
	if (wf_likely(wf_atomic_load_relaxed(&co->timer.owner) != /* TM1 relaxed: own */
		      (int32_t)w->id))
		return;
	wf_timers_remove(&w->timers, &co->timer);
	wf_atomic_store_seq(&co->timer.owner, -1); /* TM1 */
}

/* join_lock held and released. Whether nobody wants the object any more. */
static __attribute__((noinline)) bool end_member(struct wf_worker *w, struct wf_co *co)
{
	struct wf_parting p = wf_group_ended(co);

	wf_spin_unlock(&co->join_lock);
	wf_group_part(w, &p);
	return !p.kept;
}

/* co's stack is free, its join_lock held. Afterwards a joiner may recycle it. */
static void publish_exit(struct wf_worker *w, struct wf_co *co)
{
	struct thread_waiter *t = NULL;
	bool unwanted = co->detached;

	wf_fiber_fini(&co->fiber);
	forget_timer(w, co);
	if ((uintptr_t)co->joiner & 1)
		t = (void *)((uintptr_t)co->joiner - 1);
	co->done = true;
	if (wf_group_has(co))
		unwanted = end_member(w, co);
	else
		wf_spin_unlock(&co->join_lock);

	if (unwanted)
		wf_co_give(&w->pool, co);
	if (t) {
		wf_atomic_store_release(&t->done, 1u); /* TW1 */
		wf_sys.futex_wake(&t->done, 1);
	}
	wf_atomic_store_release(&w->count.ended, w->count.ended + 1); /* RT2 */
	if (wf_unlikely(wf_atomic_load_relaxed(&wf_rt.phase) ==
			WF_STOPPING)) /* RT1 relaxed */
		wf_rt_ring_bell();
}

/* What a joiner is told that is switched to directly: then it published the exit itself. */
enum { SWITCHED_TO = 1 };

/* join_lock held. The joiner, claimed, if it can go on right here. */
static struct wf_co *claim_joiner(struct wf_worker *w, struct wf_co *co)
{
	struct wf_co *joiner = co->joiner;

	if (!joiner || (uintptr_t)joiner & 1 ||
	    !wf_co_claim(joiner, co->joiner_word)) /* PK1 */
		return NULL;
	joiner->result = 0;
	if (wf_likely(!joiner->traits) ||
	    (joiner->worker == w && !(joiner->traits & WF_CO_CLASS)))
		return joiner;
	/* Pinned elsewhere, or it is not its turn. It may look at co before we have left its stack: it will find
	 * join_lock held until then. */
	wf_ready(w, joiner);
	return NULL;
}

/*
 * The end: take join_lock, switch away with it held, and let the incoming side release it.
 * A joiner is switched to directly: it then runs on, and no queue is touched.
 */
static inline __attribute__((always_inline)) void end(struct wf_worker *w,
						      struct wf_co *co)
{
	wf_bug(co->scope != NULL); /* a scope, or a group, was left open */
	wf_atomic_store_relaxed(&co->due,
				WF_NEVER); /* TM1 relaxed: a late timer is harmless */
	wf_spin_lock(&co->join_lock);
	struct wf_co *next = claim_joiner(w, co);

	if (wf_unlikely(--w->budget <= 0)) {
		if (next)
			wf_ready(w, next);
		next = NULL; /* the loop looks at the ring */
	} else if (next) {
		next->result = SWITCHED_TO;
	} else {
		next = wf_next(w);
	}
	w->publish = publish_exit;
	wf_switch_to(w, co, next, true);
}

void wf_co_main(void *arg)
{
	struct wf_co *co = arg;
	struct wf_worker *w = co->worker;

	wf_fiber_enter(&co->fiber, w->leaving ? NULL : &w->loop_fiber);
	w->publish(w, w->leaving);
	co->status = wf_likely(!co->context) ? co->fn(co->arg) : wf_context_run(co);
	if (wf_unlikely(co->cleanups != NULL))
		wf_cleanups_run(co);
	if (wf_unlikely(co->context != NULL))
		wf_context_drop(co);
	end(wf_worker_self(), co);
	wf_bug("a coroutine that ended ran again");
}

static void set_name(struct wf_co *co, const char *name)
{
	size_t n = name ? strnlen(name, sizeof(co->name) - 1) : 0;

	for (size_t i = 0; i <= n; i++) /* CU1 relaxed: the monitor may read it */
		wf_atomic_store_relaxed(&co->name[i], i < n ? name[i] : '\0');
}

/* Begin a new life; timer and messages keep what earlier lives left there. */
static void init(struct wf_co *co, const void *from, int (*fn)(void *), void *arg,
		 bool detached)
{
	wf_atomic_store_relaxed(&co->due,
				WF_NEVER); /* TM1 relaxed: a timer looks again */
	wf_atomic_store_relaxed(&co->kick,
				0u); /* PK2 relaxed: not yet known to anybody */
	co->saved_errno = 0;
	co->traits = 0;
	wf_atomic_store_relaxed(&co->bound, (uint16_t)0); /* BD1 relaxed: not yet known */
	co->scope = NULL;
	co->open = NULL;
	co->cleanups = NULL;
	co->locals = NULL;
	co->context = NULL;
	wf_atomic_store_relaxed(&co->group, NULL); /* GR1 relaxed: not yet known */
	co->runs_local = co->runs_remote = 0;
	wf_atomic_store_relaxed(&co->fn, fn); /* CN1 relaxed: for reports */
	co->arg = arg;
	co->from = from;
	co->done = false;
	co->detached = detached;
	co->joiner = NULL;
	wf_atomic_store_relaxed(&co->name[0], '\0'); /* CU1 relaxed: see set_name */
	wf_fiber_init(&co->fiber, co, wf_stack_bottom);
	co->sp = wf_ctx_make(wf_stack_top(co), wf_co_main, co);
}

static uint32_t class_trait(uint32_t flags)
{
	return flags & WF_SPAWN_LATENCY ? WF_CO_LATENCY
	       : flags & WF_SPAWN_BATCH ? WF_CO_BATCH
					: 0;
}

/* Make it runnable on target, as its attributes say. */
static void place(struct wf_worker *w, struct wf_co *co, const struct wf_spawn *s,
		  struct wf_worker *target)
{
	set_name(co, s->name);
	co->traits =
		(s->flags & WF_SPAWN_PINNED ? WF_CO_PINNED : 0u) | class_trait(s->flags);
	if (s->flags & WF_SPAWN_BOUND) {
		co->traits |= WF_CO_BOUND;
		wf_atomic_store_relaxed(&co->bound, /* BD1 relaxed: not yet known */
					(uint16_t)(wf_worker_home(target) + 1));
	}
	wf_atomic_store_relaxed(&co->worker, target); /* WK1 relaxed: not yet known */
	if (s->flags & WF_SPAWN_FORK && target == w)
		wf_push_fork(w, co);
	else
		wf_ready(target == w ? w : NULL, co);
}

static int class_of(const struct wf_spawn *s)
{
	if (wf_likely(!s))
		return wf_rt.stack_class;
	if (wf_target_check(s))
		return -EINVAL;
	return s->stack_size ? wf_stack_class(s->stack_size) : wf_rt.stack_class;
}

static int not_up(void)
{
	return wf_atomic_load_acquire(&wf_rt.forked) ? -EOWNERDEAD : -ESHUTDOWN; /* RT1 */
}

/* For another worker: with a stack of its node. */
static int take_for(struct wf_worker *w, struct wf_worker *target, unsigned class,
		    struct wf_co **ret_co)
{
	unsigned home = wf_worker_home(target);

	return home == w->pool.home ? wf_co_take(&w->pool, class, ret_co)
				    : wf_co_take_at(home, class, ret_co);
}

/* Groups. */

/* g, or else the group that the caller has open, or is in. */
static int join_group(const struct wf_worker *w, struct wf_group *g, struct wf_co *co)
{
	struct wf_co *me = w ? w->current : NULL;

	if (!g && me)
		g = me->open;
	if (g || !me)
		return g ? wf_group_add(g, co) : 0;
	wf_spin_lock(&me->join_lock); /* it may be detached, and the group close */
	g = wf_atomic_load_relaxed(&me->group); /* GR1 relaxed: join_lock */
	int rc = g ? wf_group_add(g, co) : 0;
	wf_spin_unlock(&me->join_lock);
	return rc;
}

/* What the group's members are by default, in *copy; or s. */
static const struct wf_spawn *by_group(const struct wf_worker *w, struct wf_group *g,
				       const struct wf_spawn *s, struct wf_spawn *copy)
{
	struct wf_co *me = w ? w->current : NULL;

	if (s)
		return s;
	if (!g && me)
		g = me->open;
	if (!g && me)
		wf_spin_lock(&me->join_lock);
	const struct wf_group *from = g    ? g
				      : me ? wf_atomic_load_relaxed(&me->group)
					   : NULL; /* GR1 relaxed */
	bool has = from && from->has_spawn;
	if (has)
		*copy = from->spawn;
	if (!g && me)
		wf_spin_unlock(&me->join_lock);
	return has ? copy : NULL;
}

/* It never began. */
static int give_up(struct wf_worker *w, struct wf_co *co, int rc)
{
	wf_fiber_fini(&co->fiber);
	wf_co_give(w ? &w->pool : NULL, co);
	return rc;
}

/* On a worker; grouped: the coroutine has a group other than the runtime's, or a context. */
static inline __attribute__((always_inline)) int spawn_on(
	struct wf_worker *w, struct wf_group *g, bool grouped, const void *from,
	int (*fn)(void *), void *arg, const struct wf_spawn *s, void **ret_handle)
{
	int class = class_of(s);
	struct wf_co *co;

	if (wf_unlikely(class < 0))
		return class;
	struct wf_worker *target = s ? wf_target(w, s) : w;
	int rc = wf_likely(target == w) ? wf_co_take(&w->pool, (unsigned)class, &co)
					: take_for(w, target, (unsigned)class, &co);
	if (wf_unlikely(rc))
		return rc;
	init(co, from, fn, arg, !ret_handle);
	if (grouped && (rc = join_group(w, g, co)))
		return give_up(w, co, rc);
	if (grouped)
		wf_context_inherit(co, w->current);
	if (ret_handle)
		*ret_handle = wf_co_handle(co);
	wf_count(&w->count.spawned, 1u); /* RT2: relaxed */
	if (wf_likely(!s)) {
		wf_atomic_store_relaxed(&co->worker, w); /* WK1 relaxed: not yet known */
		wf_push(w, co);
	} else {
		place(w, co, s, target);
	}
	return 0;
}

static __attribute__((noinline)) int spawn_grouped(struct wf_worker *w,
						   struct wf_group *g, const void *from,
						   int (*fn)(void *), void *arg,
						   const struct wf_spawn *s,
						   void **ret_handle)
{
	struct wf_spawn copy;

	return spawn_on(w, g, true, from, fn, arg, by_group(w, g, s, &copy), ret_handle);
}

static int spawn_foreign(struct wf_group *g, const void *from, int (*fn)(void *),
			 void *arg, const struct wf_spawn *s, void **ret_handle)
{
	const struct wf_spawn plain = {.worker = -1, .node = -1};
	struct wf_spawn copy;

	s = by_group(NULL, g, s, &copy);
	int class = class_of(s);
	struct wf_co *co;

	if (class < 0)
		return class;
	if (!s)
		s = &plain;
	struct wf_worker *target = wf_target(NULL, s);
	int rc = wf_co_take_at(wf_worker_home(target), (unsigned)class, &co);
	if (rc)
		return rc;
	init(co, from, fn, arg, !ret_handle);
	rc = join_group(NULL, g, co);
	if (rc)
		return give_up(NULL, co, rc);
	if (ret_handle)
		*ret_handle = wf_co_handle(co);
	wf_atomic_add_seq(&wf_rt.foreign_spawned, 1u); /* RT2 */
	place(NULL, co, s, target);
	return 0;
}

int wf_spawn_into(struct wf_group *g, const void *from, int (*fn)(void *), void *arg,
		  const struct wf_spawn *s, void **ret_handle)
{
	struct wf_worker *w = wf_worker_self();
	int rc;

	if (wf_likely(w != NULL)) {
		if (wf_unlikely(wf_atomic_load_acquire(&wf_rt.phase) != WF_UP)) /* RT1 */
			return not_up();
		const struct wf_co *me = w->current; /* NULL: a message of the loop's */
		if (wf_unlikely(g || !me || me->open || me->context || wf_group_has(me)))
			return spawn_grouped(w, g, from, fn, arg, s, ret_handle);
		return spawn_on(w, NULL, false, from, fn, arg, s, ret_handle);
	}
	/* The stopper waits until nobody is between the look at the phase and the push. */
	wf_atomic_add_seq(&wf_rt.gate, 1u);            /* RT1 */
	if (wf_atomic_load_seq(&wf_rt.phase) == WF_UP) /* RT1 */
		rc = spawn_foreign(g, from, fn, arg, s, ret_handle);
	else
		rc = not_up();
	wf_atomic_sub_seq(&wf_rt.gate, 1u); /* RT1 */
	return rc;
}

int wf_spawn_alone(const void *from, int (*fn)(void *), void *arg,
		   const struct wf_spawn *s)
{
	struct wf_worker *w = wf_worker_self();

	if (!w) /* a thread has no group either */
		return wf_spawn_into(NULL, from, fn, arg, s, NULL);
	if (wf_atomic_load_acquire(&wf_rt.phase) != WF_UP) /* RT1 */
		return not_up();
	return spawn_on(w, NULL, false, from, fn, arg, s, NULL);
}

void wf_joiner_remove(struct wf_co *target, const struct wf_co *joiner)
{
	wf_spin_lock(&target->join_lock);
	if (target->joiner == joiner)
		target->joiner = NULL;
	wf_spin_unlock(&target->join_lock);
}

static __attribute__((noinline)) void leave_group(struct wf_co *co)
{
	wf_spin_lock(&co->join_lock);
	struct wf_waiter *woken = wf_group_take_out(co);
	wf_spin_unlock(&co->join_lock);
	wf_waiters_wake(woken);
}

/* co is done, and nobody but its group will look at it. */
static int take_result(struct wf_worker *w, struct wf_co *co, int *ret_status)
{
	if (wf_group_has(co))
		leave_group(co);
	if (ret_status)
		*ret_status = co->status;
	wf_co_give(w ? &w->pool : NULL, co);
	return 0;
}

/* join_lock held, co done. */
static int finish_join(struct wf_worker *w, struct wf_co *co, int *ret_status)
{
	wf_spin_unlock(&co->join_lock);
	return take_result(w, co, ret_status);
}

/* Under simulation: nobody can go on, so co does not end. */
static int forsake(struct wf_co *co)
{
	wf_spin_lock(&co->join_lock);
	co->joiner = NULL;
	wf_spin_unlock(&co->join_lock);
	return -EDEADLK;
}

static int join_thread(struct wf_co *co, int *ret_status)
{
	struct thread_waiter t = {0};

	wf_spin_lock(&co->join_lock);
	bool busy = co->joiner; /* done or not: the result is its */
	if (!busy && co->done)
		return finish_join(NULL, co, ret_status);
	if (!busy)
		co->joiner = (void *)((uintptr_t)&t | 1);
	wf_spin_unlock(&co->join_lock);
	if (busy)
		return -EBUSY;
	while (!wf_atomic_load_acquire(&t.done)) /* TW1 */
		if (wf_sys.futex_wait(&t.done, 0, NULL) == -EDEADLK)
			return forsake(co);
	wf_spin_lock(&co->join_lock);
	return finish_join(NULL, co, ret_status);
}

/* join_lock held and released. */
static int park_for_join(struct wf_worker *w, struct wf_co *me, struct wf_co *co)
{
	co->joiner = me;
	co->joiner_word = wf_co_next_word(me, WF_WAIT_JOIN);
	me->wait_obj = co;
	return wf_park(w, me, WF_WAIT_JOIN, &co->join_lock);
}

static int join_coroutine(struct wf_worker *w, struct wf_co *me, struct wf_co *co,
			  int *ret_status)
{
	int rc = wf_may_begin(w, me);

	while (!rc) {
		wf_spin_lock(&co->join_lock);
		if (co->joiner && co->joiner != me) { /* the result is its */
			wf_spin_unlock(&co->join_lock);
			return -EBUSY;
		}
		if (co->done)
			return finish_join(wf_worker_self(), co, ret_status);
		rc = park_for_join(wf_worker_self(), me, co);
		if (wf_likely(rc == SWITCHED_TO))
			return take_result(me->worker, co, ret_status);
		if (rc == WF_ABORTED)
			rc = wf_verdict(me);
	}
	return rc;
}

/* A thread may look at co. Ended by leave(). */
static inline bool visit(const struct wf_worker *w, const struct wf_co *co)
{
	return wf_likely(co != NULL) && (wf_likely(w != NULL) || wf_visit());
}

static inline void leave(const struct wf_worker *w)
{
	if (wf_unlikely(!w))
		wf_leave();
}

static int join(struct wf_worker *w, void *handle, int *ret_status)
{
	struct wf_co *co = wf_co_from_handle(handle);

	if (wf_unlikely(wf_co_stale(handle) || co->detached))
		return -ESRCH;
	if (!w)
		return join_thread(co, ret_status);
	return w->current == co ? -EDEADLK
				: join_coroutine(w, w->current, co, ret_status);
}

int wf_join(void *handle, int *ret_status)
{
	struct wf_worker *w = wf_worker_self();

	if (wf_unlikely(!visit(w, wf_co_from_handle(handle))))
		return wf_atomic_load_acquire(&wf_rt.forked) ? -EOWNERDEAD
							     : -ESRCH; /* RT1 */
	int rc = join(w, handle, ret_status);
	leave(w);
	return rc;
}

static int detach(struct wf_worker *w, void *handle)
{
	struct wf_co *co = wf_co_from_handle(handle);

	if (wf_co_stale(handle))
		return -ESRCH;
	wf_spin_lock(&co->join_lock);
	int rc = co->detached ? -ESRCH : co->joiner ? -EBUSY : 0;
	struct wf_waiter *woken = rc ? NULL : wf_group_take_out(co);
	bool done = co->done;
	if (!rc)
		co->detached = true;
	wf_spin_unlock(&co->join_lock);
	wf_waiters_wake(woken);
	if (!rc && done)
		wf_co_give(w ? &w->pool : NULL, co);
	return rc;
}

int wf_detach(void *handle)
{
	struct wf_worker *w = wf_worker_self();

	if (!visit(w, wf_co_from_handle(handle)))
		return -ESRCH;
	int rc = detach(w, handle);
	leave(w);
	return rc;
}

void wf_cancel_co(struct wf_worker *w, struct wf_co *co)
{
	wf_atomic_or_seq(&co->kick, (uint32_t)WF_KICK_CANCEL); /* PK2 */
	wf_abort(w, co);
}

int wf_cancel(void *handle)
{
	struct wf_worker *w = wf_worker_self();
	struct wf_co *co = wf_co_from_handle(handle);
	int rc = -ESRCH;

	if (!visit(w, co))
		return rc;
	if (!wf_co_stale(handle)) {
		wf_cancel_co(w, co);
		rc = 0;
	}
	leave(w);
	return rc;
}

void *wf_self(void)
{
	struct wf_worker *w = wf_worker_self();

	return w && w->current ? wf_co_handle(w->current) : NULL;
}

const char *wf_name(void)
{
	struct wf_worker *w = wf_worker_self();

	return w && w->current ? w->current->name : "";
}

int wf_set_name(const char *name)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	set_name(w->current, name);
	return 0;
}

int wf_set_class(uint32_t flag)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	w->current->traits =
		(w->current->traits & ~(uint32_t)WF_CO_CLASS) | class_trait(flag);
	return 0;
}

int wf_get_class(void)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	switch (wf_co_class(w->current)) {
	case WF_LATENCY:
		return WF_SPAWN_LATENCY;
	case WF_BATCH:
		return WF_SPAWN_BATCH;
	default:
		return 0;
	}
}

int wf_pin(void)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	w->current->traits += WF_CO_PIN_ONE;
	return (int)(w->current->traits / WF_CO_PIN_ONE);
}

int wf_unpin(void)
{
	struct wf_worker *w = wf_worker_self();

	if (!w || !w->current)
		return wf_no_coroutine();
	if (w->current->traits < WF_CO_PIN_ONE)
		return -EINVAL;
	w->current->traits -= WF_CO_PIN_ONE;
	return (int)(w->current->traits / WF_CO_PIN_ONE);
}
