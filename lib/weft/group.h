/* SPDX-License-Identifier: MIT */
/*
 * Groups: coroutines that end together. Who opens a group waits at its close until all that were
 * spawned into it have ended, so nothing outlives the block that it belongs to:
 *
 *	weft_group_scoped(g);
 *	if (weft_group_open(&g, NULL) < 0)
 *		...
 *	weft_group_spawn(&g, fetch, &a, NULL, NULL);
 *	weft_group_spawn(&g, fetch, &b, NULL, NULL);
 *	return weft_group_close(&g, NULL);
 *
 * Every coroutine has a group: that which weft_group_spawn() names; for weft_spawn() the innermost
 * one that the caller has open, else the one that the caller itself is a member of, else the
 * runtime's, which weft_run() ends. weft_detach() moves a coroutine to the runtime's.
 *
 * A member fails when its function returns a negative number (except -ECANCELED after it was
 * cancelled). What then becomes of the rest:
 *
 *   (none)               the first failure cancels all others, and the owner's calls in the group
 *   WEFT_GROUP_COLLECT   nothing: all run to their end
 *   WEFT_GROUP_FIRST     nothing; but the first that does not fail cancels the rest
 *
 * A group is a scope as well (weft/scope.h): it has a deadline, and while it is cancelled the
 * owner's [parks] calls in it return -ECANCELED, until it is closed.
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include "co.h"
#include "scope.h"

WEFT_BEGIN_DECLS

/* In the owner's memory, which must not move; zeroed before it is opened first. */
struct weft_group {
	uint64_t opaque[36];
};

enum {
	WEFT_GROUP_COLLECT = 1 << 0,
	WEFT_GROUP_FIRST = 1 << 1,
	WEFT_GROUP_KEEP = 1 << 2, /* members that ended are kept, with their stacks, for
				     weft_group_next(); they count in `limit` until then */
};

struct weft_group_options {
	size_t size;
	uint32_t flags; /* WEFT_GROUP_* */
	uint32_t limit; /* members at a time; 0: no limit */
	weft_time
		deadline; /* 0: none. When it has passed, members are cancelled as soon as the
			       owner waits for them, or for anything else, and says so to close */
	const struct weft_co_attr
		*attr; /* of members that are spawned with attr NULL; copied, but for
					    the name, which must outlive the group. With
					    WEFT_CO_BOUND and a node, or with a worker and WEFT_CO_PINNED, the
					    group is bound there */
};

/*
 * Open one. In a coroutine groups nest with scopes and are closed in reverse order, by the
 * coroutine that opened them (asserted). A plain thread may have one too; then only
 * weft_group_spawn() puts members in, and it has no deadline. opt may be NULL.
 *   -EINVAL both FIRST and COLLECT, or a bad attr, or a deadline in a plain thread
 *   -E2BIG bad options      -EALREADY it is open
 */
WEFT_API int weft_group_open(struct weft_group *g, const struct weft_group_options *opt);

/*
 * [waits] Spawn fn(arg) as a member; waits only while `limit` are there. By the owner, by members,
 * or by anybody who knows that the group is not closed meanwhile. ret_co may be NULL; a member with a
 * handle may be joined and cancelled as any coroutine, until the group has closed.
 *   -ECANCELED the group is cancelled, or the caller      -ESHUTDOWN it is closed
 *   -EINVAL not open      and those of weft_spawn()
 * weft_spawn() in a full group does not wait: -EAGAIN.
 */
WEFT_API int weft_group_spawn(struct weft_group *g, int (*fn)(void *arg), void *arg,
			      const struct weft_co_attr *attr, struct weft_co **ret_co);

/*
 * [waits] With WEFT_GROUP_KEEP: the next member that has ended and was not told yet, in the order in
 * which they ended; its number in the order of spawning from 0, and what its function returned. ret_
 * arguments may be NULL.
 *   -ENOENT all were told, and none runs      -EINVAL the group does not keep them
 */
WEFT_API int weft_group_next(struct weft_group *g, unsigned *ret_index, int *ret_status);

/* Cancel all members, and what the owner does in the group. Any thread, any coroutine that knows that
 * it is open; again does nothing. Members that are spawned later are refused.  -EINVAL not open */
WEFT_API int weft_group_cancel(struct weft_group *g);

/* How many members run. A hint while others spawn. */
WEFT_API unsigned weft_group_running(const struct weft_group *g);

/*
 * [waits] Wait until all members have ended, and close it. Never cut short: if the owner is
 * cancelled or out of time, members are cancelled, and then waited for. Handles of members are
 * stale afterwards.
 *   (none), COLLECT   the status of the first that failed, *ret_index its number; else 0
 *   FIRST             the status of the first that did not fail, *ret_index its number; if all failed,
 *                     that of the last, and UINT_MAX
 * If none decided and the owner was stopped: -ECANCELED or -ETIMEDOUT, and *ret_index is UINT_MAX, as
 * it is with 0.
 *   -EINVAL not open      -EPERM the caller is not the owner
 */
WEFT_API int weft_group_close(struct weft_group *g, unsigned *ret_index);

/* Cancel and close it if it is open: what the block's end does, however it is left. */
WEFT_API void weft_group_abandon(struct weft_group *g);

#define weft_group_scoped(name)                                                          \
	__attribute__((cleanup(weft_group_abandon), unused)) struct weft_group name = {  \
		{0}}

/* One of many things to do. */
struct weft_task {
	int (*fn)(void *arg);
	void *arg;
	int status; /* out: what fn returned; -ECANCELED: it was not begun */
};

/*
 * [waits] All of them at a time, in a group with these options (NULL: none): as asyncio.gather().
 * Returns as weft_group_close() does; each one's status stands in its place.
 *   -EINVAL opt has WEFT_GROUP_KEEP, and as weft_group_open(), weft_spawn()
 */
WEFT_API int weft_gather(struct weft_task *tasks, unsigned n,
			 const struct weft_group_options *opt, unsigned *ret_index);

WEFT_END_DECLS

#endif
