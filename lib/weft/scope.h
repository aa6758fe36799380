/* SPDX-License-Identifier: MIT */
/*
 * Scopes: parts of what a coroutine does that can be cancelled or bounded in time, and shields
 * for cleaning up. They nest, live on the stack, and are closed in reverse order by who opened
 * them (asserted); deadline scopes (weft/time.h) are of the same family.
 *
 * While a scope is cancelled, every [parks] call in it, also in scopes inside, returns -ECANCELED;
 * when it is closed that is over, and the coroutine goes on. (weft_cancel() cancels the
 * coroutine instead, to its end.) So cancelling is a state, not an event: it cannot be missed, and
 * code that swallows one -ECANCELED gets the next.
 *
 * What a cancelled operation may have done: a call that returns -ECANCELED or -ETIMEDOUT has done
 * nothing, with two exceptions that say so: calls that send or receive all of something may
 * have done a part, and a connect goes on in the kernel (close the descriptor). A call whose
 * result was there first returns the result. Calls that release (close, unlock, free, joining at
 * a group's end, taking the lock again in a condition wait) are never cut short.
 */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include "time.h"

WEFT_BEGIN_DECLS

struct weft_scope {
	uint64_t opaque[6];
};

/*
 * Open a scope, or a shield; from `at` on (WEFT_NEVER: never) [parks] calls in it return
 * -ETIMEDOUT. Inside a shield only its own deadline and its own cancelling count (and those of
 * scopes opened inside), not what comes from outside, whether it came before or comes later; that
 * counts again when the shield is closed. Owner only; no system call, no memory.
 *   -EPERM not in a coroutine
 */
WEFT_API int weft_scope_open(struct weft_scope *scope, weft_time at);
WEFT_API int weft_shield_open(struct weft_scope *scope, weft_time at);

/* Why it was over, if it was. */
enum { WEFT_SCOPE_TIMED_OUT = 1, WEFT_SCOPE_CANCELED = 2 };

/* 0, or one or both of these: its deadline has passed, it was cancelled. Owner only. */
WEFT_API int weft_scope_close(struct weft_scope *scope);

/*
 * Cancel it: again does nothing. Any thread, any coroutine, the owner too. It must be open: who does not
 * own it has to know that its owner is still inside (a mutex, or a group: weft/group.h).
 *   -ESRCH the runtime has stopped
 */
WEFT_API int weft_scope_cancel(struct weft_scope *scope);

/* 0, -ECANCELED or -ETIMEDOUT: what a [parks] call would be told at entry. For code that computes and
 * should stop when nobody wants its result. 0 in plain threads. Anywhere. */
WEFT_API int weft_stopped(void);

/*
 * The rest of the block is in a scope, or shielded, however it is left:
 *
 *	weft_shield_scoped(guard, weft_now() + 2 * WEFT_SEC);
 *	say_goodbye(fd);
 */
static inline void weft_scope_guard_close(struct weft_scope *scope)
{
	weft_scope_close(scope);
}

#define weft_scope_scoped(name, at)                                                      \
	__attribute__((cleanup(weft_scope_guard_close), unused)) struct weft_scope name; \
	weft_scope_open(&name, at)
#define weft_shield_scoped(name, at)                                                     \
	__attribute__((cleanup(weft_scope_guard_close), unused)) struct weft_scope name; \
	weft_shield_open(&name, at)

WEFT_END_DECLS

#endif
