/* SPDX-License-Identifier: MIT */
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../arch/arch.h"
#include "../base/map.h"
#include "../base/sys.h"
#include "dice.h"
#include "kernel.h"

enum {
	STACK = 512 * 1024,
	GUARD = 4096,
	PATIENCE = 200000, /* turns in which no coroutine ran */
	GRACE_MS = 300,    /* real time, for descriptors that somebody else serves */
	OTHERS_MS = 2000,  /* the same, if there are threads of the program */
	SPURIOUS_NS = 1000000,
};

enum state { MAY_RUN, IN_RING, IN_FUTEX, IN_JOIN, ENDED };

struct thread {
	void *sp; /* while it does not run */
	struct wf_fiber fiber;
	void *self; /* its worker */
	enum state state;
	uint64_t until;              /* IN_RING, IN_FUTEX: at most */
	uint64_t frozen;             /* does not run before */
	uint32_t *word;              /* IN_FUTEX */
	bool called;                 /* IN_FUTEX */
	int told;                    /* IN_FUTEX: what the wait returns */
	const struct wf_ring *ring;  /* IN_RING */
	const struct thread *target; /* IN_JOIN */
	void *(*fn)(void *arg);
	void *arg;
	char *stack; /* NULL: the thread that simulates */
	unsigned id;
};

static __thread bool inside;

static struct {
	struct wf_sim_hooks hooks;
	struct wf_sys real;
	struct thread **all; /* by id; NULL: joined */
	unsigned n, room;
	struct thread *current, *left; /* left: who has just switched to current */
	uint64_t progress, idle_turns; /* the number of coroutine runs; turns since */
	uint64_t deadlock_at;          /* progress at the last one */
	uint32_t strangers;            /* SM1 */
	uint32_t knocks;               /* SM1 */
} s;

uint64_t wf_sim_now; /* CV1 */

static uint64_t now(void)
{
	return wf_atomic_load_relaxed(&wf_sim_now); /* CV1 relaxed: own */
}

static void set_time(uint64_t at)
{
	wf_atomic_store_relaxed(&wf_sim_now, at); /* CV1 relaxed: others may ask */
}

bool wf_sim_inside(void)
{
	return inside;
}

/* A look at the clock takes some time, so that who waits for it in a loop gets there. */
static uint64_t clock_ns(void)
{
	if (inside)
		set_time(now() + 20 + wf_dice(60));
	return now();
}

/* Who may go on. */

static bool knocked(void)
{
	return wf_atomic_load_seq(&s.strangers) && /* SM1 */
	       wf_atomic_xchg_seq(&s.knocks, 0u);  /* SM1 */
}

/* From outside. */
static void knock(void)
{
	wf_atomic_store_seq(&s.strangers, 1u); /* SM1 */
	wf_atomic_store_seq(&s.knocks, 1u);    /* SM1 */
	s.real.futex_wake(&s.knocks, 1);
}

/* A thread of the program changed something: look everywhere. */
static void answer_knock(void)
{
	for (unsigned i = 0; i < s.n; i++)
		if (s.all[i])
			s.all[i]->called = true;
}

static bool may_run(const struct thread *t)
{
	if (t->frozen > now())
		return false;
	switch (t->state) {
	case MAY_RUN:
		return true;
	case IN_RING:
		return t->called || t->ring->sim->called || t->until <= now() ||
		       wf_kernel_came(t->ring);
	case IN_FUTEX:
		return t->called || t->until <= now();
	case IN_JOIN:
		return t->target->state == ENDED;
	default:
		return false;
	}
}

static unsigned count_runnable(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s.n; i++)
		n += s.all[i] && may_run(s.all[i]);
	return n;
}

static struct thread *nth_runnable(uint64_t n)
{
	for (unsigned i = 0; i < s.n; i++)
		if (s.all[i] && may_run(s.all[i]) && n-- == 0)
			return s.all[i];
	return NULL;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When the next one may, if nothing else happens. */
static uint64_t next_time(void)
{
	uint64_t next = wf_kernel_next();

	for (unsigned i = 0; i < s.n; i++) {
		const struct thread *t = s.all[i];
		uint64_t at = WF_NEVER;

		if (!t || t->state == ENDED)
			continue;
		if (t->frozen > now())
			at = t->frozen;
		else if (t->state == IN_FUTEX)
			at = t->until;
		else if (t->state == IN_RING)
			at = earliest(t->until, wf_kernel_next_due(t->ring));
		if (at < next)
			next = at;
	}
	return next;
}

/* Deadlocks. */

static bool other_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 3; /* ".", "..", and we */
}

/* Somebody may come from outside of what is simulated: threads knock, others are seen by
 * their descriptors. */
static bool await_outside(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	const int most = other_threads() ? OTHERS_MS : GRACE_MS;

	for (int i = 0; i < most; i++) {
		if (wf_kernel_await())
			return true;
		if (knocked()) {
			answer_knock();
			return true;
		}
		s.real.futex_wait(&s.knocks, 0, &ms);
	}
	return false;
}

/* The thread that simulates waits for a coroutine, or to stop: it is told, and may end all. If
 * that helps nobody there is nobody left to tell. */
static void deadlock(const char *what)
{
	struct thread *first = s.all[0];
	char title[160];

	wf_sim_count.deadlocks++;
	snprintf(title, sizeof(title), "simulation %" PRIu64 ":%u: %s, at %.6f s",
		 wf_sim_count.seed, wf_sim_count.level, what,
		 (double)(now() - WF_SIM_EPOCH) / 1e9);
	s.hooks.standstill(title);
	if (first->state != IN_FUTEX || s.deadlock_at == s.progress + 1)
		abort();
	s.deadlock_at = s.progress + 1;
	s.idle_turns = 0;
	first->called = true;
	first->told = -EDEADLK;
}

static bool is_stuck(void)
{
	uint64_t progress = s.hooks.progress();

	if (progress != s.progress)
		s.idle_turns = 0;
	s.progress = progress;
	return ++s.idle_turns > PATIENCE;
}

/* Nobody may run and nothing can be done: let time pass. */
static void pass_time(void)
{
	uint64_t next = next_time();

	if (next != WF_NEVER) {
		set_time(next + wf_dice(200));
		wf_note(WF_EV_TIME, 0, (int64_t)(now() - WF_SIM_EPOCH));
		wf_kernel_stir();
	} else if (!await_outside()) {
		deadlock("deadlock: nobody can go on");
	}
}

/* Who goes on. Meanwhile the kernel may. */
static struct thread *choose(void)
{
	if (is_stuck())
		deadlock("livelock: turns are taken, and no coroutine runs");
	for (;;) {
		if (knocked())
			answer_knock();
		unsigned n = count_runnable();
		bool kernel = wf_kernel_may_move();

		if (n + kernel == 0) {
			pass_time();
			continue;
		}
		uint64_t i = wf_dice(n + kernel);
		if (i < n)
			return nth_runnable(i);
		wf_kernel_step();
	}
}

/* Switching. */

static void entered(struct thread *me)
{
	wf_fiber_enter(&me->fiber, &s.left->fiber);
	s.hooks.become(me->self);
}

static void switch_to(struct thread *next, bool ends)
{
	struct thread *me = s.current;
	int err = errno;

	wf_kernel_stir();
	set_time(now() + 100 + wf_dice(400));
	next->state = next->state == ENDED ? ENDED : MAY_RUN;
	if (next == me)
		return;
	wf_note(WF_EV_THREAD, next->id, (int64_t)(now() - WF_SIM_EPOCH));
	wf_sim_count.switches++;
	me->self = s.hooks.self();
	wf_fiber_note(&me->fiber);
	s.left = me;
	s.current = next;
	wf_fiber_leave(&me->fiber, &next->fiber, ends);
	wf_ctx_switch(&me->sp, next->sp);
	entered(me);
	errno = err;
}

static void thread_main(void *arg)
{
	struct thread *me = arg;

	entered(me);
	me->fn(me->arg);
	me->state = ENDED;
	switch_to(choose(), true);
}

/* As if another process had the CPU. */
static void freeze(struct thread *me)
{
	wf_sim_count.freezes++;
	me->frozen = now() + wf_dice_delay();
	switch_to(choose(), false);
}

void wf_thread_pause(void)
{
	if (wf_odds(WF_ODDS_FREEZE))
		freeze(s.current);
	else if (wf_odds(WF_ODDS_PREEMPT))
		switch_to(choose(), false);
}

void wf_thread_wait_ring(struct wf_ring *r, uint64_t wait_ns)
{
	struct thread *me = s.current;

	me->state = IN_RING;
	me->ring = r;
	me->until = wait_ns < WF_NEVER - now() ? now() + wait_ns : WF_NEVER;
	me->called = false;
	switch_to(choose(), false);
	if (wf_odds(WF_ODDS_FREEZE))
		freeze(me);
	r->sim->called = false;
}

void wf_thread_call(struct wf_ring *r)
{
	if (!inside) {
		knock();
		return;
	}
	r->sim->called = true;
}

/* The entries of the table of system calls. */

static int sim_futex_wait(uint32_t *word, uint32_t val, const struct timespec *rel)
{
	struct thread *me = s.current;

	if (!inside) {
		wf_atomic_store_seq(&s.strangers, 1u); /* SM1 */
		return s.real.futex_wait(word, val, rel);
	}
	if (wf_atomic_load_seq(word) != val) /* SM1 */
		return -EAGAIN;
	me->state = IN_FUTEX;
	me->word = word;
	me->until =
		rel ? now() + (uint64_t)rel->tv_sec * 1000000000u + (uint64_t)rel->tv_nsec
		    : WF_NEVER;
	if (wf_odds(WF_ODDS_SPURIOUS) && me->until > now() + SPURIOUS_NS)
		me->until = now() + wf_dice(SPURIOUS_NS);
	me->called = false;
	me->told = 0;
	switch_to(choose(), false);
	me->word = NULL;
	return me->told ? me->told : me->called ? 0 : -ETIMEDOUT;
}

static int sim_futex_wake(uint32_t *word, int n)
{
	int woken = 0;

	if (!inside) {
		knock();
		return s.real.futex_wake(word, n);
	}
	for (unsigned i = 0; i < s.n && woken < n; i++) {
		struct thread *t = s.all[i];

		if (t && t->state == IN_FUTEX && t->word == word && !t->called) {
			t->called = true;
			woken++;
		}
	}
	if (wf_atomic_load_seq(&s.strangers)) /* SM1 */
		woken += s.real.futex_wake(word, n);
	return woken;
}

static int sim_nap(unsigned us)
{
	const struct timespec t = {.tv_nsec = (long)us * 1000};
	uint32_t word = 0;

	if (!inside)
		return s.real.nap(us);
	sim_futex_wait(&word, 0, &t);
	return 0;
}

static int add(struct thread *t)
{
	if (s.n == s.room) {
		unsigned room = s.room * 2 + 8;
		struct thread **all = realloc(s.all, room * sizeof(struct thread *));

		if (!all)
			return -ENOMEM;
		s.all = all;
		s.room = room;
	}
	t->id = s.n;
	s.all[s.n++] = t;
	return 0;
}

static void thread_free(struct thread *t)
{
	s.all[t->id] = NULL;
	if (t->stack) {
		wf_fiber_fini(&t->fiber);
		wf_fiber_forget(t->stack, STACK);
		wf_sys.munmap(t->stack, STACK);
	}
	free(t);
}

static int sim_thread_create(pthread_t *ret_id, const pthread_attr_t *attr,
			     void *(*fn)(void *), void *arg)
{
	if (!inside)
		return s.real.thread_create(ret_id, attr, fn, arg);
	struct thread *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct thread){.fn = fn, .arg = arg, .stack = wf_map(STACK)};
	if (!t->stack || add(t)) {
		if (t->stack)
			wf_sys.munmap(t->stack, STACK);
		free(t);
		return -ENOMEM;
	}
	wf_map_name(t->stack, STACK, "simulated thread", (int)t->id);
	wf_sys.mprotect(t->stack, GUARD, PROT_NONE);
	wf_fiber_init_at(&t->fiber, t->stack + GUARD, STACK - GUARD);
	t->sp = wf_ctx_make(t->stack + STACK, thread_main, t);
	memcpy(ret_id, &t, sizeof(t)); /* the number is ours to choose */
	return 0;
}

_Static_assert(sizeof(pthread_t) >= sizeof(struct thread *), "a thread's number");

static int sim_thread_join(pthread_t id)
{
	struct thread *me = s.current, *t;

	memcpy(&t, &id, sizeof(t));
	me->state = IN_JOIN;
	me->target = t;
	switch_to(choose(), false);
	thread_free(t);
	return 0;
}

int wf_threads_open(const struct wf_sim_hooks *hooks)
{
	struct thread *first = calloc(1, sizeof(*first));

	memset(&s, 0, sizeof(s));
	if (!first || add(first)) {
		free(first);
		return -ENOMEM;
	}
	s.hooks = *hooks;
	s.real = wf_sys;
	s.current = first;
	inside = true;
	set_time(WF_SIM_EPOCH);
	wf_fiber_init_thread(&first->fiber);
	wf_sys.thread_create = sim_thread_create;
	wf_sys.thread_join = sim_thread_join;
	wf_sys.futex_wait = sim_futex_wait;
	wf_sys.futex_wake = sim_futex_wake;
	wf_sys.nap = sim_nap;
	wf_atomic_store_release(&wf_clock_virtual, clock_ns); /* CV1 */
	return 0;
}

void wf_threads_close(void)
{
	wf_atomic_store_release(&wf_clock_virtual, /* CV1 */
				(uint64_t(*)(void))NULL);
	wf_sys.thread_create = s.real.thread_create;
	wf_sys.thread_join = s.real.thread_join;
	wf_sys.futex_wait = s.real.futex_wait;
	wf_sys.futex_wake = s.real.futex_wake;
	wf_sys.nap = s.real.nap;
	inside = false;
	for (unsigned i = 0; i < s.n; i++)
		if (s.all[i])
			thread_free(s.all[i]);
	free(s.all);
	s.all = NULL;
	s.n = s.room = 0;
}
