/* SPDX-License-Identifier: MIT */
/*
 * What belongs to a coroutine: local values, cleanups at its end, and the context of the request that it
 * works on, which its children inherit. Coroutines change threads, so thread-local variables will
 * not do.
 */
#ifndef WEFT_LOCAL_H
#define WEFT_LOCAL_H

#include "co.h"
#include "time.h"

WEFT_BEGIN_DECLS

/* ---- local values ---------------------------------------------------------------------- */

/*
 * A key has a value in each coroutine, NULL at first. When a coroutine ends, destroy(value) is called
 * in it for each value that is not NULL, the newest key first; what that sets anew is destroyed
 * in turn, four times at most. destroy may be NULL, and may park. Keys are for the program's life:
 * there are WEFT_LOCAL_MAX. A coroutine that sets none pays nothing; the first costs an allocation.
 *   key_new: -EAGAIN there are no more keys
 *   set: -EPERM in a plain thread      -EINVAL no such key      -ENOMEM
 * get: NULL in plain threads too.
 */
enum { WEFT_LOCAL_MAX = 64 };

WEFT_API int weft_local_key_new(void (*destroy)(void *value), unsigned *ret_key);
WEFT_API int weft_local_set(unsigned key, void *value);
WEFT_API void *weft_local_get(unsigned key);

/* ---- cleanups -------------------------------------------------------------------------- */

/*
 * Have fn(arg) called when this coroutine ends, whether it returns by itself or because it was
 * cancelled; the latest first. It runs in the coroutine and may park, but a coroutine that was
 * cancelled still is: shield what must wait (weft/scope.h).
 *   -EPERM in a plain thread      -ENOMEM
 */
WEFT_API int weft_at_end(void (*fn)(void *arg), void *arg);

/*
 * The same at the end of a block, however that is left:
 *
 *	weft_defer_scoped(closing, close_it, &fd);
 *
 * calls close_it(&fd). weft_defer_drop(&closing) takes it back.
 */
struct weft_defer {
	void (*fn)(void *arg);
	void *arg;
};

static inline void weft_defer_run(struct weft_defer *d)
{
	if (d->fn)
		d->fn(d->arg);
}

static inline void weft_defer_drop(struct weft_defer *d)
{
	d->fn = NULL;
}

#define weft_defer_scoped(name, function, argument)                                      \
	__attribute__((cleanup(weft_defer_run), unused)) struct weft_defer name = {      \
		(function), (argument)}

/* ---- the context of a request ---------------------------------------------------------- */

/* Never changed once it is made, shared by all who work on the request, counted. */
struct weft_context;

struct weft_context_attr {
	size_t size;
	const char *name;   /* copied, cut at 63 bytes */
	weft_time deadline; /* 0: none. What the context has from its parent bounds it */
	const uint8_t
		*trace_id; /* 16 bytes, as in W3C's traceparent; NULL: the parent's, else
				      a random one */
};

/* parent may be NULL. What attr leaves out is the parent's. The caller owns one reference. -ENOMEM, -EINVAL,
 * -E2BIG */
WEFT_API int weft_context_new(struct weft_context *parent,
			      const struct weft_context_attr *attr,
			      struct weft_context **ret_context);
WEFT_API void weft_context_put(struct weft_context *context); /* NULL is fine */

/*
 * From here on the coroutine works within the context: coroutines that it spawns have it too, and until
 * their end. Its deadline is one of a scope: it bounds calls until it is left, and all calls of such
 * children. Enters and leaves nest with scopes and groups. Owner only.
 *   -EPERM in a plain thread
 */
struct weft_context_scope {
	uint64_t opaque[6];
};
WEFT_API int weft_context_enter(struct weft_context_scope *scope,
				struct weft_context *context);
WEFT_API int weft_context_leave(struct weft_context_scope *scope);

/* The caller's, or NULL; valid while it is entered. And what it says; NULL: "", WEFT_NEVER, zeros. */
WEFT_API struct weft_context *weft_context(void);
WEFT_API const char *weft_context_name(const struct weft_context *context);
WEFT_API weft_time weft_context_deadline(const struct weft_context *context);
WEFT_API const uint8_t *weft_context_trace_id(const struct weft_context *context);

WEFT_END_DECLS

#endif
