/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation between coroutines on any workers and plain threads alike. All objects
 * live in the caller's memory; zeroed memory is a valid object, and nothing has to be freed.
 * An object must outlive every call that uses it. What happens before a release (unlock,
 * set, done, post) is seen by whoever it lets go on.
 *
 * Calls marked [waits] park a coroutine or block a plain thread. In a coroutine they may
 * return -ECANCELED or -ETIMEDOUT (a deadline scope); they then have not taken effect. In a
 * plain thread they wait as long as it takes.
 *
 * Errors marked "misuse" (here and in weft/chan.h) are mistakes that no right program makes and
 * that leave its data unguarded. The call then has done nothing but return that errno; debug
 * builds of the library (without NDEBUG) print one line that names call and mistake, and abort.
 * All other errors are answers, in every build.
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include "base.h"

WEFT_BEGIN_DECLS

/*
 * A mutex. Whoever finds it free takes it, so that a busy one is not handed from sleeper to
 * sleeper; but who was woken once in vain is next in line and gets it handed over.
 */
struct weft_mutex {
	uint64_t opaque[6];
};

/* [waits] -EDEADLK: the caller holds it. */
WEFT_API int weft_mutex_lock(struct weft_mutex *m);

/* -EBUSY: it is held. */
WEFT_API int weft_mutex_trylock(struct weft_mutex *m);

/* Never parks, always takes effect. -EPERM, misuse: the caller does not hold it. */
WEFT_API int weft_mutex_unlock(struct weft_mutex *m);

/*
 * The rest of the scope holds m, however it is left:
 *
 *	weft_lock_scoped(guard, &m);
 *	if (guard.err)
 *		return guard.err;
 */
struct weft_mutex_guard {
	struct weft_mutex *m; /* NULL: not locked */
	int err;              /* of weft_mutex_lock() */
};

static inline struct weft_mutex_guard weft_mutex_guard_open(struct weft_mutex *m)
{
	struct weft_mutex_guard g = {NULL, weft_mutex_lock(m)};

	if (!g.err)
		g.m = m;
	return g;
}

static inline void weft_mutex_guard_close(struct weft_mutex_guard *g)
{
	if (g->m)
		weft_mutex_unlock(g->m);
}

#define weft_lock_scoped(name, mutex)                                                    \
	__attribute__((cleanup(weft_mutex_guard_close))) struct weft_mutex_guard name =  \
		weft_mutex_guard_open(mutex)

/*
 * A condition variable. Waiting lets go of m, which the caller holds, and holds it again on
 * return, whatever that is; taking it again cannot be cancelled. Look at the condition in a
 * loop: wake-ups without a reason happen.
 */
struct weft_cond {
	uint64_t opaque[4];
};

/* [waits] -EPERM, misuse: the caller does not hold m. */
WEFT_API int weft_cond_wait(struct weft_cond *c, struct weft_mutex *m);
WEFT_API void weft_cond_signal(struct weft_cond *c);    /* one, if any waits */
WEFT_API void weft_cond_broadcast(struct weft_cond *c); /* all that wait */

/* A counting semaphore: zeroed it has no permits. First come, first served. */
struct weft_sem {
	uint64_t opaque[4];
};

/* [waits] Take n permits, all at once. */
WEFT_API int weft_sem_wait(struct weft_sem *s, uint32_t n);

/* -EBUSY: there are not so many, or others wait before. */
WEFT_API int weft_sem_trywait(struct weft_sem *s, uint32_t n);

/* Add n permits. -EOVERFLOW: there would be more than UINT32_MAX. */
WEFT_API int weft_sem_post(struct weft_sem *s, uint32_t n);

/* Before it is used: plain threads post it. As weft_event_outside(). */
WEFT_API void weft_sem_outside(struct weft_sem *s);

/* An event: set stays set until reset. Zeroed it is not set. */
struct weft_event {
	uint64_t opaque[4];
};

/* [waits] Until it is set. */
WEFT_API int weft_event_wait(struct weft_event *e);
WEFT_API void weft_event_set(struct weft_event *e);

/* Before it is used: plain threads set it, so coroutines that wait for it are not reported to wait in
 * vain (`reports` in weft/rt.h). */
WEFT_API void weft_event_outside(struct weft_event *e);

WEFT_API void weft_event_reset(struct weft_event *e);
WEFT_API bool weft_event_is_set(const struct weft_event *e);

/* A count of things under way. Zeroed it is 0. */
struct weft_wg {
	uint64_t opaque[4];
};

/* Add n, which may be negative; at 0 all that wait go on. Call it before what it counts is
 * started. -EINVAL: the count would be more than INT32_MAX; or, misuse, negative */
WEFT_API int weft_wg_add(struct weft_wg *wg, int32_t n);

/* weft_wg_add(wg, -1) */
WEFT_API int weft_wg_done(struct weft_wg *wg);

/* [waits] Until the count is 0. */
WEFT_API int weft_wg_wait(struct weft_wg *wg);

/* Something done once. Zeroed it is yet to do. */
struct weft_once {
	uint64_t opaque[4];
};

/*
 * [waits] The first caller runs fn(arg); the others wait until it has returned. 0: it was
 * done. If fn returns a negative errno, its caller gets that and the next one tries anew.
 */
WEFT_API int weft_once_do(struct weft_once *o, int (*fn)(void *arg), void *arg);

/* Single flight: of those who ask for the same at the same time one does it. */
struct weft_flight {
	uint64_t opaque[4];
};

/*
 * [waits] If nobody does it now for the same key (len bytes), run fn(arg, &value); else wait for
 * who does. All get its status, and its value, which they share: who it belongs to is fn's and
 * theirs to agree upon. If whoever does it fails because it was cancelled or out of time
 * itself, one of those who wait does it anew. Who asks after fn has returned starts anew: this is
 * no cache. fn must not ask for its own key (it would wait for itself).
 *   -ENOMEM      -ECANCELED, -ETIMEDOUT: of the caller; it goes on for the others
 */
WEFT_API int weft_flight_do(struct weft_flight *flight, const void *key, size_t len,
			    int (*fn)(void *arg, void **ret_value), void *arg,
			    void **ret_value);

/* A barrier for n parties, again and again. */
struct weft_barrier {
	uint64_t opaque[6];
};

/*
 * [waits] Until n parties wait, n as given by each of them. 1 for one of them, 0 for the
 * others. One that is cancelled or out of time no longer counts.
 *   -EINVAL n is 0
 */
WEFT_API int weft_barrier_wait(struct weft_barrier *b, uint32_t n);

/*
 * A reader/writer lock: many readers or one writer. Who waits is served in order: a waiting
 * writer holds up readers that come later, so that neither side starves.
 */
struct weft_rwlock {
	uint64_t opaque[6];
};

WEFT_API int weft_rwlock_rdlock(struct weft_rwlock *l); /* [waits] */
WEFT_API int weft_rwlock_wrlock(struct weft_rwlock *l); /* [waits] */

/* Let go of what the caller holds. -EPERM, misuse: nobody holds it. (Who does is not known
 * of readers: one that lets go twice lets go of another's.) */
WEFT_API int weft_rwlock_unlock(struct weft_rwlock *l);

/*
 * From a signal handler to coroutines. Posts that come before somebody waits, or close together,
 * are one. It belongs to the program, not to a stack: a post may be under way until the runtime
 * stops, so it must live that long (static memory).
 */
struct weft_notify {
	uint64_t opaque[8];
};

/* Async-signal-safe, on any thread, at any time; leaves errno as it is, takes no lock, and makes at
 * most one system call, if the worker sleeps. -ESHUTDOWN: no runtime is up */
WEFT_API int weft_notify_post(struct weft_notify *notify);

/* [waits] Until there was a post since the last wait that ended with 0. One of those who wait
 * gets it. */
WEFT_API int weft_notify_wait(struct weft_notify *notify);

WEFT_END_DECLS

#endif
