/* SPDX-License-Identifier: MIT */
/*
 * Between processes: regions of shared memory, and in them queues, mutexes, semaphores and events
 * that coroutines, plain threads and programs without a runtime use alike. Nothing here needs
 * weft_start(); a coroutine that waits parks, anybody else blocks.
 *
 *	struct weft_shm *shm;                           the one process
 *	struct weft_shm_queue *q;
 *	weft_shm_new(1 << 20, NULL, &shm);
 *	weft_shm_queue_format(shm, WEFT_SHM_FIRST, 1 << 19, 65536);
 *	weft_shm_queue_at(shm, WEFT_SHM_FIRST, &q);
 *	weft_shm_queue_push(q, "hello", 6, WEFT_NEVER);
 *
 *	weft_shm_attach(fd, &shm);                      the other
 *	weft_shm_queue_at(shm, WEFT_SHM_FIRST, &q);
 *	len = weft_shm_queue_pop(q, buf, sizeof(buf), WEFT_NEVER);
 *
 * Time     `until` is a point of weft_now(): -ETIMEDOUT if it took longer, WEFT_NEVER for as long as
 *          it takes. In a coroutine the deadline scopes hold as well, and it may be -ECANCELED;
 *          the call has then not taken effect.
 * Fork     All of this works in a child made by fork(), on what it inherited: one way to share.
 * Death    A process may be killed at any instruction. The others go on: see each object.
 * Trust    What another process writes into the region can make calls return -EBADMSG, wait, or
 *          deliver garbage. It cannot make them touch memory outside of it, nor make it shorter.
 * Sandbox  What is attached needs of the system only futex, gettid, get_robust_list, sched_yield and
 *          clock_nanosleep; a mutex also clone, set_robust_list and membarrier.
 * PIDs     All who lock a mutex or use a queue of a region must be in one PID namespace: the kernel
 *          knows the dead by their numbers.
 */
#ifndef WEFT_SHM_H
#define WEFT_SHM_H

#include "base.h"
#include "time.h"

WEFT_BEGIN_DECLS

struct weft_shm; /* a region as this process has mapped it */

enum weft_shm_memory {
	WEFT_SHM_DEFAULT,    /* pages lie where they are touched first */
	WEFT_SHM_PREFER,     /* on the first of the nodes while it has room */
	WEFT_SHM_BIND,       /* on the nodes, nowhere else */
	WEFT_SHM_INTERLEAVE, /* on the nodes in turn */
};

struct weft_shm_options {
	size_t size;      /* sizeof(struct weft_shm_options) */
	const char *name; /* in /proc/PID/maps; NULL: "weft" */
	enum weft_shm_memory
		memory; /* ignored under a policy from outside (numactl -m, ...) */
	uint64_t nodes; /* a bit for each NUMA node, for the policies but DEFAULT */
};

/*
 * A region of `bytes`, rounded up to pages, zeroed, that nobody can make shorter or longer. It has
 * all its memory from the start: who uses it is not killed by SIGBUS when there is none. It lives
 * until the last process has freed it and closed its descriptors. opt may be NULL.
 *   -EINVAL  no bytes or too many, unknown options, a policy without nodes or with such as are not
 *            there
 *   -ENOMEM  also: more than the machine has
 *   -ENOSPC, -EMFILE, -ENFILE
 */
WEFT_API int weft_shm_new(size_t bytes, const struct weft_shm_options *opt,
			  struct weft_shm **ret_shm);

/*
 * Map a region by a descriptor, which stays yours: inherited, or from a unix socket.
 *   -EBADMSG  not a region, not sealed, of another version, or not as long as it says
 *   -EBADF, -ENOMEM, -EMFILE
 */
WEFT_API int weft_shm_attach(int fd, struct weft_shm **ret_shm);

/* Unmap it here. Nobody in this process may use it any more, nor anything in it; mutexes that
 * this process holds are left to others with -EOWNERDEAD. NULL is allowed. */
WEFT_API void weft_shm_free(struct weft_shm *shm);

/* The region's descriptor, close-on-exec, valid until weft_shm_free(): send it, or clear
 * FD_CLOEXEC of a duplicate for a program that inherits it. */
WEFT_API int weft_shm_fd(const struct weft_shm *shm);

WEFT_API size_t weft_shm_bytes(const struct weft_shm *shm);

/*
 * Offsets mean the same in all processes; addresses do not. Whoever lays a region out, and all
 * who attach, count with the same code:
 *
 *	size_t at = WEFT_SHM_FIRST;
 *	size_t lock = weft_shm_take(&at, WEFT_SHM_OBJECT), table = weft_shm_take(&at, sizeof(t));
 */
enum {
	WEFT_SHM_FIRST = 64,      /* what is before is the region's own */
	WEFT_SHM_OBJECT = 64,     /* bytes of a mutex, semaphore or event */
	WEFT_SHM_MUTEXES = 65536, /* mutexes lie before this offset */
};

static inline size_t weft_shm_take(size_t *io_at, size_t bytes)
{
	size_t at = *io_at;

	*io_at += (bytes + 63) & ~(size_t)63;
	return at;
}

/* Where [offset, offset + len) is mapped here; NULL: not in the region. */
WEFT_API void *weft_shm_at(struct weft_shm *shm, size_t offset, size_t len);

/*
 * Objects of 64 bytes, at offsets that are multiples of 64. Zeroed memory is a valid object: a new
 * region needs no preparation. Pointers are valid until weft_shm_free(). All _at calls:
 *   -EINVAL  not at a multiple of 64, or not in the region
 */

/*
 * A mutex, owned by a process, and within it by a coroutine or thread. One that dies, or executes
 * another program, leaves it to the next with -EOWNERDEAD: that one holds it, and what it protects
 * may be half changed. It repairs that and says weft_shm_mutex_consistent(); if it unlocks
 * without, the mutex is lost for all: -ENOTRECOVERABLE. The first use starts a thread in this process, which
 * sleeps for ever: by its death the kernel tells the others.
 */
struct weft_shm_mutex;

/* -EINVAL also: not before WEFT_SHM_MUTEXES.  -EAGAIN no thread  -ENOSPC over 2,000 of them */
WEFT_API int weft_shm_mutex_at(struct weft_shm *shm, size_t offset,
			       struct weft_shm_mutex **ret_mutex);

/* [waits] -EOWNERDEAD (held)  -ENOTRECOVERABLE (not held)  -EDEADLK: the caller holds it */
WEFT_API int weft_shm_mutex_lock(struct weft_shm_mutex *mutex, weft_time until);

/* The same without waiting: -EBUSY */
WEFT_API int weft_shm_mutex_trylock(struct weft_shm_mutex *mutex);

/* Never parks, always takes effect. -EPERM: the caller does not hold it */
WEFT_API int weft_shm_mutex_unlock(struct weft_shm_mutex *mutex);

/* By who holds it after -EOWNERDEAD: all is well again. -EINVAL: it was; -EPERM */
WEFT_API int weft_shm_mutex_consistent(struct weft_shm_mutex *mutex);

/*
 * A counting semaphore. Who dies with permits keeps them. Who waits may be overtaken. A post wakes all
 * that sleep: where a process has many that wait, let one of them do it for the others.
 */
struct weft_shm_sem;

WEFT_API int weft_shm_sem_at(struct weft_shm *shm, size_t offset,
			     struct weft_shm_sem **ret_sem);

/* [waits] Take n permits, all at once. */
WEFT_API int weft_shm_sem_wait(struct weft_shm_sem *sem, uint32_t n, weft_time until);

/* -EAGAIN: there are not so many */
WEFT_API int weft_shm_sem_trywait(struct weft_shm_sem *sem, uint32_t n);

/* -EOVERFLOW: there would be more than UINT32_MAX */
WEFT_API int weft_shm_sem_post(struct weft_shm_sem *sem, uint32_t n);

/* An event: set stays set until reset. */
struct weft_shm_event;

WEFT_API int weft_shm_event_at(struct weft_shm *shm, size_t offset,
			       struct weft_shm_event **ret_event);

/* [waits] Until it is set. */
WEFT_API int weft_shm_event_wait(struct weft_shm_event *event, weft_time until);
WEFT_API void weft_shm_event_set(struct weft_shm_event *event);
WEFT_API void weft_shm_event_reset(struct weft_shm_event *event);
WEFT_API bool weft_shm_event_is_set(const struct weft_shm_event *event);

/*
 * A queue of messages of any size up to a bound, many producers and consumers, in order. Messages
 * are copied in and out. A producer that dies in the middle has pushed all of its message
 * or nothing; a consumer that dies in the middle of a pop has taken it, or leaves it to the
 * next. Producers copy one at a time, and so do consumers; the two sides do not hold up each other. No
 * system call is made unless somebody sleeps.
 */
struct weft_shm_queue;

/* The least bytes for a queue that takes messages of max_bytes, n of them at a time. 0: too many */
WEFT_API size_t weft_shm_queue_bytes(size_t max_bytes, size_t n);

/*
 * Make [offset, offset + bytes) an empty queue of messages of up to max_bytes, before anybody
 * else looks at it. A message takes 8 bytes and its size, rounded up to 8.
 *   -EINVAL  offset is no multiple of 64, it is not in the region, or no message of max_bytes fits
 */
WEFT_API int weft_shm_queue_format(struct weft_shm *shm, size_t offset, size_t bytes,
				   size_t max_bytes);

/* Yours, until weft_shm_queue_free(), which is before weft_shm_free().
 *   -EBADMSG no queue is there    -EINVAL no multiple of 64, or not in the region    -ENOMEM */
WEFT_API int weft_shm_queue_at(struct weft_shm *shm, size_t offset,
			       struct weft_shm_queue **ret_queue);
WEFT_API void weft_shm_queue_free(struct weft_shm_queue *queue);

/*
 * [waits] While it is full. 0; -EPIPE: it is closed; -EMSGSIZE: over its max_bytes; -EBADMSG:
 * somebody has broken it
 */
WEFT_API int weft_shm_queue_push(struct weft_shm_queue *queue, const void *msg,
				 size_t len, weft_time until);

/*
 * [waits] While it is empty. The message's length, which may be 0; -EPIPE: it is closed and empty;
 * -EMSGSIZE: the next one is longer than `size`, and stays; -EBADMSG
 */
WEFT_API ssize_t weft_shm_queue_pop(struct weft_shm_queue *queue, void *buf, size_t size,
				    weft_time until);

/* The same without waiting for room or a message: -EAGAIN. (Only for one who copies, or was stopped in
 * the middle of that, they do wait a millisecond: then -EAGAIN too.) */
WEFT_API int weft_shm_queue_trypush(struct weft_shm_queue *queue, const void *msg,
				    size_t len);
WEFT_API ssize_t weft_shm_queue_trypop(struct weft_shm_queue *queue, void *buf,
				       size_t size);

/* No more messages: pushes fail, also those that wait; pops get what is held, then -EPIPE. Never
 * waits, always takes effect. -EPIPE: it was closed before */
WEFT_API int weft_shm_queue_close(struct weft_shm_queue *queue);

WEFT_END_DECLS

#endif
