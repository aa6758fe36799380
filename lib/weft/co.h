/* SPDX-License-Identifier: MIT */
/* Coroutines: stackful, run by whichever worker is free unless pinned. */
#ifndef WEFT_CO_H
#define WEFT_CO_H

#include "base.h"

WEFT_BEGIN_DECLS

/*
 * A handle, ended by exactly one successful weft_join() or by weft_detach(). It carries a
 * generation, so a stale handle gives -ESRCH rather than somebody else's coroutine. It is
 * not a pointer to memory.
 */
struct weft_co;

enum {
	WEFT_CO_PINNED = 1 << 0, /* never leaves the worker that it starts on */
	WEFT_CO_SPREAD = 1 << 1, /* starts on the next worker in turn: for one acceptor
				    that feeds all workers */
	WEFT_CO_FORK = 1 << 2, /* for divide and conquer, where the caller joins it: runs
				    when nothing else is ready, the youngest first, so that
				    a tree of them is walked depth first and needs few
				    stacks. Idle workers take the oldest. Not with the
				    other two */
};

struct weft_co_attr {
	size_t size;       /* sizeof(struct weft_co_attr) */
	const char *name;  /* shown by tools and in reports; copied, cut at 31 bytes */
	size_t stack_size; /* bytes, rounded up to a power of two, 16 KiB to 8 MiB;
			      0: the runtime's default */
	uint32_t flags;    /* WEFT_CO_* */
	int32_t worker;    /* where to start: 1 + index of the worker; 0: the caller's */
};

/*
 * Start fn(arg), on the caller's worker, or from a plain thread on some worker. It runs
 * when the caller next parks, or earlier on an idle worker. attr may be NULL. ret_co NULL
 * detaches at once. arg must outlive the coroutine.
 *   -EAGAIN a limit that was set is reached: max_coroutines or stack_memory_mib
 *   -ENOMEM the kernel has no memory, or no mapping, for a stack: nothing is lost, and what
 *          ends makes room again. weft_stack_refusal() tells either in words.
 *   -ESHUTDOWN the runtime is stopping or not running      -EINVAL, -E2BIG bad attr
 */
WEFT_API int weft_spawn(int (*fn)(void *arg), void *arg, const struct weft_co_attr *attr,
			struct weft_co **ret_co);

/*
 * [waits] Wait for co to return, store fn's result in *ret_status (NULL: drop it) and
 * release co. After -ECANCELED or -ETIMEDOUT co is still yours: join it again.
 *   -EDEADLK co is the caller      -EBUSY somebody else is joining it
 *   -ESRCH co was already joined or detached
 */
WEFT_API int weft_join(struct weft_co *co, int *ret_status);

/* Give up the handle; co releases itself when it returns. -ESRCH, -EBUSY as for join. */
WEFT_API int weft_detach(struct weft_co *co);

/*
 * Ask co to stop: its present [parks] call and all later ones return -ECANCELED. It still
 * has to be joined. The present call may have taken effect: a result that won the race is
 * delivered, and the next call says -ECANCELED.  -ESRCH stale handle
 */
WEFT_API int weft_cancel(struct weft_co *co);

/* Let other runnable coroutines go first. [parks]; returns 0. */
WEFT_API int weft_yield(void);

/*
 * For code that computes for long: let others go first if it is time, return at once if not.
 * [parks]; returns 0, or as every such call -ECANCELED or -ETIMEDOUT. Costs some 15
 * instructions while nothing is due, so it may stand in an inner loop. It yields when the
 * worker has not looked at its completions, messages and timers for 100 us. The clock is not
 * read each time: that may be noticed as many as 64 checkpoints late when they suddenly come
 * more slowly, and with stall_ms (weft/rt.h) one period late at most. A cancellation is
 * seen at once, a deadline when the clock is read. Without checkpoints (or other [parks]
 * calls) a coroutine keeps its worker for as long as it likes: what is runnable there may
 * be taken over by another worker, completions and timers of that worker wait.
 */
WEFT_API int weft_checkpoint(void);

/* The running coroutine, or NULL in a plain thread. A handle for comparing and
 * cancelling; joining oneself is -EDEADLK. */
WEFT_API struct weft_co *weft_self(void);

/* The running coroutine's name; "" without one, and in plain threads. Valid until it
 * returns or is renamed. */
WEFT_API const char *weft_name(void);

/* Rename the running coroutine; cut at 31 bytes. -EPERM in a plain thread. */
WEFT_API int weft_set_name(const char *name);

/*
 * Between pin and unpin this coroutine stays on its worker: for code that depends on
 * thread-local state. Nests; returns the depth, or -EPERM. unpin without pin: -EINVAL.
 */
WEFT_API int weft_pin(void);
WEFT_API int weft_unpin(void);

WEFT_END_DECLS

#endif
