/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a word that other processes share, in coroutines and plain threads.
 *
 * FW1  what is waited for (by its owner, seq or release)  <->  load_acquire by who looks again
 *      without the kernel's help, and takes any other value for a wake-up.
 */
#include <errno.h>
#include <sched.h>

#include "../arch/arch.h"
#include "../base/sys.h"
#include "../sched.h"
#include "switch.h"
#include "waitv.h"

enum {
	GLANCES = 64,       /* that a peer in the middle of a short copy may need */
	YIELDS = 8,         /* it may be waiting for this CPU */
	NAP_LOG2 = 15,      /* then naps of 32 us, each twice as long, */
	NAP_MAX_LOG2 = 20,  /* up to 1 ms */
	LOOK_MAX_LOG2 = 23, /* or 8 ms, for what may take for ever */
};

static struct wf_co *current(void)
{
	struct wf_worker *w = wf_worker_self();

	return w ? w->current : NULL;
}

static struct timespec at(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
				 .tv_nsec = (long)(ns % 1000000000u)};
}

static int wait_in_thread(uint32_t *word, uint32_t val, uint64_t until)
{
	const struct timespec ts = at(until);
	int rc = wf_sys.futex_wait_shared(word, val, until == WF_NEVER ? NULL : &ts);

	return rc == -ETIMEDOUT ? rc : 0;
}

/* Naps that grow: a wait that was short ends soon, and a long one costs little. */
static int look_again(const uint32_t *word, uint32_t val)
{
	int rc = 0;

	for (unsigned nap = NAP_LOG2;
	     !rc && wf_atomic_load_acquire(word) == val; /* FW1 */
	     nap += nap < LOOK_MAX_LOG2)
		rc = wf_sleep_until(wf_clock_ns() + ((uint64_t)1 << nap));
	return rc;
}

static bool is_final(int rc)
{
	return rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT;
}

/* By the kernel, by a thread, or by looking. */
static int wait_in_coroutine(uint32_t *word, uint32_t val)
{
	struct wf_op op = {.code = WF_OP_FUTEX_WAIT, .addr = (uintptr_t)word, .off = val};

	if (wf_can_futex()) {
		int rc = (int)wf_call(&op);
		return is_final(rc) ? rc : 0;
	}
	int rc = wf_waitv_wait(word, val);
	return is_final(rc) ? rc : look_again(word, val);
}

/* [waits] While *word is val, until somebody wakes it, `until`, or for no reason. 0: look again.
 * -ETIMEDOUT, -ECANCELED */
int wf_futex_wait(uint32_t *word, uint32_t val, uint64_t until)
{
	struct wf_scope s;

	if (!current())
		return wait_in_thread(word, val, until);
	if (until == WF_NEVER)
		return wait_in_coroutine(word, val);
	wf_scope_open(&s, until, false);
	int rc = wait_in_coroutine(word, val);
	wf_scope_close(&s);
	return rc;
}

void wf_futex_wake(uint32_t *word, int n)
{
	wf_sys.futex_wake_shared(word, n);
}

static int nap(uint64_t until)
{
	if (current())
		return wf_sleep_until(until);
	const struct timespec ts = at(until);

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return 0;
}

static int yield(void)
{
	if (current())
		return wf_yield();
	sched_yield();
	return 0;
}

/*
 * [waits] Before the next look at what another process does for a moment only; *io_n counts them
 * from 0. Longer and longer: at first it is doing it, then it has lost its CPU, or was stopped.
 */
int wf_relax(unsigned *io_n, uint64_t until)
{
	unsigned n = (*io_n)++;

	if (n < GLANCES) {
		wf_cpu_pause();
		return 0;
	}
	n -= GLANCES;
	if (n < YIELDS)
		return yield();
	n = NAP_LOG2 +
	    (n - YIELDS < NAP_MAX_LOG2 - NAP_LOG2 ? n - YIELDS : NAP_MAX_LOG2 - NAP_LOG2);
	uint64_t now = wf_clock_ns(), end = now + ((uint64_t)1 << n);

	if (now >= until)
		return -ETIMEDOUT;
	return nap(end < until ? end : until);
}
