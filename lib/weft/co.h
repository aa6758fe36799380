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
	WEFT_CO_BOUND = 1 << 3,  /* never leaves the NUMA node that it starts on: only
				   workers of that node run it. A group of coroutines that
				   share much is kept together so */
	WEFT_CO_FORK = 1 << 2, /* for divide and conquer, where the caller joins it: runs
				    when nothing else is ready, the youngest first, so that
				    a tree of them is walked depth first and needs few
				    stacks. Idle workers take the oldest. Not with other
				    flags, nor with `place` or `node` */
};

/* Where a coroutine starts. Its stack lies on the node of that worker. */
enum weft_co_place {
	WEFT_CO_HERE = 0,     /* on the caller's worker; by plain threads: as ALL */
	WEFT_CO_LEAST_LOADED, /* where the fewest wait and run, at a look at each queue:
				   costs a cache miss for each worker */
	WEFT_CO_NODE_IN_TURN, /* on the next worker of the caller's node; by plain threads
				   without `node`: as ALL */
	WEFT_CO_ALL_IN_TURN,  /* on the next of all workers, as with WEFT_CO_SPREAD */
};

/*
 * Whose turn it is on a worker: latency first, then normal, then batch; but after 16 latency
 * coroutines one of another class, and after 16 normal ones one of batch, so none starves. (16: or
 * as the settings latency_weight and normal_weight say.) A runnable coroutine waits, besides what
 * of its class came before it,
 *
 *   latency  for the present run to end, for one run of another class, and one more for each
 *            16 latency ones before it. Completions, timers and messages are looked at after
 *            every batch run, and while there is latency work after every 16 runs
 *   normal   for 16 latency runs each, and one batch run for each 16 of its own
 *   batch    for 16 normal runs each, and theirs
 *
 * A run ends when its coroutine parks, yields, or comes to a checkpoint 100 us after the last
 * look: code of class batch that computes should call weft_checkpoint(). How a worker waits
 * follows what it ran last: after latency it looks for completions for spin_us before it
 * sleeps; after nothing but batch it sleeps for linger_us at least, if fewer than 16
 * completions come (kernel 6.12); else until the first completion. Idle workers take over
 * latency before normal before batch. Forks (WEFT_CO_FORK) are normal.
 */
enum weft_co_class { WEFT_CO_NORMAL = 0, WEFT_CO_LATENCY, WEFT_CO_BATCH };

struct weft_co_attr {
	size_t size;       /* sizeof(struct weft_co_attr) */
	const char *name;  /* shown by tools and in reports; copied, cut at 31 bytes */
	size_t stack_size; /* bytes, rounded up to a power of two, 16 KiB to 8 MiB;
			      0: the runtime's default */
	uint32_t flags;    /* WEFT_CO_* */
	int32_t worker;    /* where to start: 1 + index of the worker; 0: see `place` */
	uint32_t place;    /* enum weft_co_place; 0 when `worker` is set, or SPREAD */
	int32_t node;      /* start on a worker of this NUMA node: 1 + its number; 0: any.
			      HERE then means in turn, unless the caller's is one */
	uint32_t service;  /* enum weft_co_class */
};

/*
 * Start fn(arg), on the caller's worker, or from a plain thread on some worker. It runs
 * when the caller next parks, or earlier on an idle worker. attr may be NULL. ret_co NULL
 * detaches at once. arg must outlive the coroutine.
 *   -EAGAIN a limit that was set is reached: max_coroutines or stack_memory_mib
 *   -ENOMEM the kernel has no memory, or no mapping, for a stack: nothing is lost, and what
 *          ends makes room again. weft_stack_refusal() tells either in words.
 *   -ESHUTDOWN the runtime is stopping or not running      -E2BIG bad attr
 *   -EINVAL bad attr, also: no such worker, or no worker on that node
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

/* The class of the running coroutine, from its next turn on. -EPERM in a plain thread;
 * -EINVAL no such class. weft_class() returns it. */
WEFT_API int weft_set_class(enum weft_co_class service);
WEFT_API int weft_class(void);

/*
 * Between pin and unpin this coroutine stays on its worker: for code that depends on
 * thread-local state. Nests; returns the depth, or -EPERM. unpin without pin: -EINVAL.
 */
WEFT_API int weft_pin(void);
WEFT_API int weft_unpin(void);

WEFT_END_DECLS

#endif
