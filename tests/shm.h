/* SPDX-License-Identifier: MIT */
/* Other processes for tests of what they share. */
#ifndef WF_TESTS_SHM_H
#define WF_TESTS_SHM_H

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* Children of a process with threads start some of their own. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

/* So long that only a hang takes it. */
#define SOON (weft_now() + 20 * WEFT_SEC)

/* Run fn in a child, which ends with its result. */
static inline pid_t shm_child(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	cr_assert(pid > 0);
	return pid;
}

/* Its result, or minus the signal that killed it. */
static inline int shm_reap(pid_t pid)
{
	int status = 0;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void shm_kill(pid_t pid)
{
	cr_assert_eq(kill(pid, SIGKILL), 0);
	shm_reap(pid);
}

static inline struct weft_shm *shm_region(size_t bytes)
{
	struct weft_shm *shm = NULL;

	cr_assert_eq(weft_shm_new(bytes, NULL, &shm), 0);
	return shm;
}

static inline int shm_run(int (*fn)(void *), void *arg)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2};

	return weft_run(fn, arg, &o);
}

#endif
