/* SPDX-License-Identifier: MIT */
/* The mutex, and what becomes of it when its holder dies. */
#include <errno.h>
#include <pthread.h>

#include "../shm.h"
#include "sched/base/sys.h"

struct counted {
	struct weft_shm *shm;
	struct weft_shm_mutex *mutex;
	int *n;
	int rounds;
};

static int count_up(void *arg)
{
	struct counted *c = arg;

	for (int i = 0; i < c->rounds; i++) {
		CHECK_EQ(weft_shm_mutex_lock(c->mutex, SOON), 0);
		int n = *(volatile int *)c->n;
		if (i % 64 == 0)
			usleep(0);
		*(volatile int *)c->n = n + 1;
		CHECK_EQ(weft_shm_mutex_unlock(c->mutex), 0);
	}
	return 0;
}

static int count_up_four(void *arg)
{
	struct weft_co *co[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(weft_spawn(count_up, arg, NULL, &co[i]), 0);
	for (int i = 0; i < 4; i++)
		JOIN(co[i], 0);
	return 0;
}

static struct counted counted(int rounds)
{
	struct counted c = {.shm = shm_region(8192), .rounds = rounds};

	cr_assert_eq(weft_shm_mutex_at(c.shm, 64, &c.mutex), 0);
	c.n = weft_shm_at(c.shm, 4096, sizeof(int));
	return c;
}

Test(shm_mutex, a_mutex_excludes_processes_and_coroutines, .timeout = 60)
{
	struct counted c = counted(3000);
	pid_t pid[3];

	for (int i = 0; i < 3; i++)
		pid[i] = shm_child(count_up, &c);
	cr_assert_eq(shm_run(count_up_four, &c), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(shm_reap(pid[i]), 0);
	cr_assert_eq(*c.n, 7 * c.rounds);
	weft_shm_free(c.shm);
}

Test(shm_mutex, a_mutex_knows_its_holder)
{
	struct counted c = counted(1);

	cr_assert_eq(weft_shm_mutex_unlock(c.mutex), -EPERM);
	cr_assert_eq(weft_shm_mutex_trylock(c.mutex), 0);
	cr_assert_eq(weft_shm_mutex_lock(c.mutex, WEFT_NEVER), -EDEADLK);
	cr_assert_eq(weft_shm_mutex_trylock(c.mutex), -EBUSY);
	cr_assert_eq(weft_shm_mutex_consistent(c.mutex), -EINVAL);
	cr_assert_eq(weft_shm_mutex_unlock(c.mutex), 0);
	cr_assert_eq(weft_shm_mutex_consistent(c.mutex), -EPERM);
	weft_shm_free(c.shm);
}

static int lock_and_die(void *arg)
{
	struct counted *c = arg;
	int rc = weft_shm_mutex_lock(c->mutex, SOON);

	*c->n = rc;
	kill(getpid(), SIGKILL);
	return 1;
}

static int lock_and_exit(void *arg)
{
	struct counted *c = arg;

	return weft_shm_mutex_lock(c->mutex, SOON) ? 1 : 0;
}

static int child_of_holder(void *arg)
{
	struct counted *c = arg;

	CHECK_EQ(weft_shm_mutex_unlock(c->mutex), -EPERM);
	CHECK_EQ(weft_shm_mutex_lock(c->mutex, weft_now() + 10 * WEFT_MS), -ETIMEDOUT);
	return 0;
}

Test(shm_mutex, a_dead_holder_is_told_of_once, .timeout = 60)
{
	struct counted c = counted(1);

	cr_assert_eq(shm_reap(shm_child(lock_and_die, &c)), -SIGKILL);
	cr_assert_eq(weft_shm_mutex_lock(c.mutex, SOON), -EOWNERDEAD);
	cr_assert_eq(shm_reap(shm_child(child_of_holder, &c)), 0);
	cr_assert_eq(weft_shm_mutex_consistent(c.mutex), 0);
	cr_assert_eq(weft_shm_mutex_unlock(c.mutex), 0);
	cr_assert_eq(weft_shm_mutex_lock(c.mutex, SOON), 0);
	cr_assert_eq(weft_shm_mutex_unlock(c.mutex), 0);
	/* one that dies before it has repaired anything */
	cr_assert_eq(shm_reap(shm_child(lock_and_exit, &c)), 0);
	cr_assert_eq(shm_reap(shm_child(lock_and_die, &c)), -SIGKILL);
	cr_assert_eq(*c.n, -EOWNERDEAD);
	cr_assert_eq(weft_shm_mutex_trylock(c.mutex), -EOWNERDEAD);
	/* nobody repairs it */
	cr_assert_eq(weft_shm_mutex_unlock(c.mutex), 0);
	cr_assert_eq(weft_shm_mutex_lock(c.mutex, SOON), -ENOTRECOVERABLE);
	cr_assert_eq(weft_shm_mutex_trylock(c.mutex), -ENOTRECOVERABLE);
	weft_shm_free(c.shm);
}

static int lock_and_sleep(void *arg)
{
	struct counted *c = arg;

	if (weft_shm_mutex_lock(c->mutex, SOON))
		return 1;
	*(volatile int *)c->n = 1;
	pause();
	return 1;
}

static int outlive(void *arg)
{
	struct counted *c = arg;

	CHECK_EQ(weft_shm_mutex_lock(c->mutex, SOON), -EOWNERDEAD);
	CHECK_EQ(weft_shm_mutex_consistent(c->mutex), 0);
	CHECK_EQ(weft_shm_mutex_unlock(c->mutex), 0);
	return 0;
}

static int kill_under_sleeper(void *arg)
{
	struct counted *c = arg;
	struct weft_co *co;

	CHECK_EQ(weft_spawn(outlive, c, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(20 * WEFT_MS), 0);
	CHECK_EQ(kill(c->rounds, SIGKILL), 0);
	JOIN(co, 0);
	return 0;
}

Test(shm_mutex, a_coroutine_that_waits_hears_of_the_death, .timeout = 60)
{
	for (int i = 0; i < 3; i++) {
		struct counted c = counted(1);

		if (i == 2)
			setenv("WEFT_DISABLE", "FUTEX", 1);
		c.rounds = shm_child(lock_and_sleep, &c);
		while (!*(volatile int *)c.n)
			usleep(100);
		cr_assert_eq(shm_run(kill_under_sleeper, &c), 0);
		cr_assert_eq(shm_reap(c.rounds), -SIGKILL);
		weft_shm_free(c.shm);
	}
}

Test(shm_mutex, what_is_held_when_its_region_goes_is_left_to_others, .timeout = 60)
{
	struct counted c = counted(1);
	struct weft_shm *other = NULL;
	struct weft_shm_mutex *m = NULL, *free_one = NULL;

	cr_assert_eq(weft_shm_mutex_at(c.shm, 128, &m), 0);
	cr_assert_eq(weft_shm_attach(weft_shm_fd(c.shm), &other), 0);
	cr_assert_eq(weft_shm_mutex_lock(c.mutex, SOON), 0);
	weft_shm_free(c.shm);
	cr_assert_eq(weft_shm_mutex_at(other, 64, &m), 0);
	cr_assert_eq(weft_shm_mutex_at(other, 128, &free_one), 0);
	cr_assert_eq(weft_shm_mutex_lock(m, SOON), -EOWNERDEAD);
	cr_assert_eq(weft_shm_mutex_lock(free_one, SOON), 0);
	weft_shm_free(other);
}

static int no_thread(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *),
		     void *arg)
{
	(void)t, (void)a, (void)fn, (void)arg;
	return -EAGAIN;
}

Test(shm_mutex, no_mutex_without_its_keeper)
{
	struct weft_shm *shm = shm_region(4096);
	struct weft_shm_mutex *mutex;

	const struct wf_sys real = wf_sys;
	wf_sys.thread_create = no_thread;
	cr_assert_eq(weft_shm_mutex_at(shm, 64, &mutex), -EAGAIN);
	wf_sys = real;
	cr_assert_eq(weft_shm_mutex_at(shm, 64, &mutex), 0);
	weft_shm_free(shm);
}

Test(shm_mutex, as_many_mutexes_as_the_kernel_looks_at, .timeout = 60)
{
	struct weft_shm *shm[2] = {shm_region(WEFT_SHM_MUTEXES),
				   shm_region(WEFT_SHM_MUTEXES)};
	struct weft_shm_mutex *mutex = NULL;
	int n = 0, rc = 0;

	for (int r = 0; r < 2; r++)
		for (size_t at = 64; at < WEFT_SHM_MUTEXES && !rc; at += 64) {
			rc = weft_shm_mutex_at(shm[r], at, &mutex);
			n += !rc;
		}
	cr_assert_eq(rc, -ENOSPC);
	cr_assert_eq(n, 2000);
	weft_shm_free(shm[1]);
	weft_shm_free(shm[0]); /* and then there is room again */
	struct counted c = counted(1);
	cr_assert_eq(shm_reap(shm_child(lock_and_die, &c)), -SIGKILL);
	cr_assert_eq(weft_shm_mutex_lock(c.mutex, SOON), -EOWNERDEAD);
	weft_shm_free(c.shm);
}
