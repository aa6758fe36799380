/* SPDX-License-Identifier: MIT */
/*
 * MU1  word: cas_seq of the process's number for none (and OWNER_DIED)  <->  xchg_seq of 0 by
 *      the holder, or the kernel's when the process is dead. FUTEX_WAITERS is set by who is about to sleep, and
 *      found by who leaves. The next holder sees all that the last one wrote.
 * MU2  who: store_relaxed by the holder, private to the process  <->  load_relaxed by others, who only compare it with
 *      themselves.
 *
 * Who was woken may be killed before it acts, and so may who has left the mutex and not yet woken
 * anybody. So nobody sleeps for longer than a second without a look.
 */
#include <errno.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <time.h>

#include "keeper.h"
#include "region.h"

enum { LOOK_NS = 1000000000, GRACE_NS = 20000000 };

enum health { WELL, SICK /* its holder found a dead one's data */, LOST };

struct weft_shm_mutex {
	uint32_t word;   /* MU1 */
	uint32_t health; /* by the holder */
};

_Static_assert(sizeof(struct weft_shm_mutex) <= WEFT_SHM_OBJECT, "lib/weft/shm.h");

static struct keeper_entry *entry_of(struct weft_shm_mutex *m)
{
	return (void *)((char *)m - SHADOW);
}

_Static_assert(sizeof(struct keeper_entry) <= WEFT_SHM_OBJECT, "one lies beside another");

int weft_shm_mutex_at(struct weft_shm *shm, size_t offset,
		      struct weft_shm_mutex **ret_mutex)
{
	struct weft_shm_mutex *m = weft__shm_object(shm, offset, WEFT_SHM_OBJECT);

	if (!m || offset >= WEFT_SHM_MUTEXES)
		return -EINVAL;
	int rc = weft__keeper_tid();
	if (rc < 0)
		return rc;
	rc = weft__keeper_watch(entry_of(m));
	if (rc)
		return rc;
	*ret_mutex = m;
	return 0;
}

/* In a forked child `who` may be what the parent left there. */
static bool is_held_by(struct weft_shm_mutex *m, uintptr_t who)
{
	return wf_atomic_load_relaxed(&entry_of(m)->who) == who && /* MU2 relaxed */
	       (int)(wf_atomic_load_seq(&m->word) & FUTEX_TID_MASK) ==
		       weft__keeper_tid(); /* MU1 */
}

static void leave(struct weft_shm_mutex *m, int n)
{
	wf_atomic_store_relaxed(&entry_of(m)->who, (uintptr_t)0); /* MU2 relaxed: held */
	if (wf_atomic_xchg_seq(&m->word, 0u) & FUTEX_WAITERS)     /* MU1 FW1 */
		wf_futex_wake(&m->word, n);
}

/*
 * The keeper may have died some moments before the other threads of its process, which run on until
 * the kernel interrupts them. It has been asked to: after a grace period of all CPUs it has done so.
 */
static void outlive_the_dead(void)
{
	const struct timespec grace = {.tv_nsec = GRACE_NS};

	if (wf_sys.membarrier(MEMBARRIER_CMD_GLOBAL))
		clock_nanosleep(CLOCK_MONOTONIC, 0, &grace, NULL);
}

/* The mutex is taken, from somebody who died if `died`. */
static int receive(struct weft_shm_mutex *m, uintptr_t who, bool died)
{
	wf_atomic_store_relaxed(&entry_of(m)->who, who); /* MU2 relaxed: held */
	if (wf_unlikely(died))
		outlive_the_dead();
	if (wf_unlikely(m->health == LOST)) {
		leave(m, INT_MAX);
		return -ENOTRECOVERABLE;
	}
	if (wf_likely(!died))
		return 0;
	m->health = SICK;
	return -EOWNERDEAD;
}

/* -EBUSY, with the word as it is in *ret_word. waited: others may sleep too. */
static int take(struct weft_shm_mutex *m, uintptr_t who, bool waited, uint32_t *ret_word)
{
	int tid = weft__keeper_tid();
	uint32_t word = wf_atomic_load_seq(&m->word), mine; /* MU1 */

	if (tid < 0)
		return tid;
	do {
		*ret_word = word;
		if (word & FUTEX_TID_MASK)
			return -EBUSY;
		mine = (uint32_t)tid | (word & FUTEX_WAITERS) |
		       (waited ? FUTEX_WAITERS : 0);
	} while (!wf_atomic_cas_seq(&m->word, &word, mine)); /* MU1 */
	return receive(m, who, word & FUTEX_OWNER_DIED);
}

/* Until it is worth another look. */
static int sleep_by(struct weft_shm_mutex *m, uint32_t word, uint64_t until)
{
	const uint64_t look = wf_clock_ns() + LOOK_NS;
	uintptr_t who;

	if (!(word & FUTEX_WAITERS) &&
	    !wf_atomic_cas_seq(&m->word, &word, word | FUTEX_WAITERS)) /* MU1 */
		return 0;
	int rc = wf_futex_wait(&m->word, word | FUTEX_WAITERS,
			       look < until ? look : until);
	if (rc == -ETIMEDOUT && look < until)
		rc = wf_may_wait(&who); /* was it the look or an outer scope? */
	return rc;
}

int weft_shm_mutex_lock(struct weft_shm_mutex *mutex, weft_time until)
{
	bool waited = false;
	uint32_t word = 0;
	uintptr_t who;
	int rc = wf_may_wait(&who);

	if (!rc && is_held_by(mutex, who))
		return -EDEADLK;
	while (!rc) {
		rc = take(mutex, who, waited, &word);
		if (rc != -EBUSY)
			return rc;
		rc = sleep_by(mutex, word, until);
		waited = true;
	}
	if (waited)
		wf_futex_wake(&mutex->word,
			      1); /* what woke us may have been meant for one who stays */
	return rc;
}

int weft_shm_mutex_trylock(struct weft_shm_mutex *mutex)
{
	uint32_t word;
	uintptr_t who;

	wf_may_wait(&who);
	return take(mutex, who, false, &word);
}

int weft_shm_mutex_unlock(struct weft_shm_mutex *mutex)
{
	uintptr_t who;

	wf_may_wait(&who);
	if (!is_held_by(mutex, who))
		return -EPERM;
	if (wf_likely(mutex->health == WELL)) {
		leave(mutex, 1);
		return 0;
	}
	mutex->health = LOST;
	leave(mutex, INT_MAX);
	return 0;
}

int weft_shm_mutex_consistent(struct weft_shm_mutex *mutex)
{
	uintptr_t who;

	wf_may_wait(&who);
	if (!is_held_by(mutex, who))
		return -EPERM;
	if (mutex->health != SICK)
		return -EINVAL;
	mutex->health = WELL;
	return 0;
}
