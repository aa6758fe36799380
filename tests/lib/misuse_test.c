/* SPDX-License-Identifier: MIT */
/*
 * Mistakes of the caller's. Those that leave data unguarded ("misuse" in the headers): an errno in
 * release builds, a line that names them and an abort in debug builds. All others: an errno in
 * every build. Whatever it was, nothing is corrupted and the object works on.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "behave.h"

static struct weft_chan *ch;
static struct weft_mutex m;
static struct weft_cond cond;
static struct weft_rwlock rw;
static struct weft_wg wg;

/* ---- misuse ---- */

/* fn as main coroutine in a process of its own, whose stderr goes to fd. */
static int run_apart(int (*fn)(void *), int fd)
{
	const struct rlimit no_core = {0, 0};
	struct weft_options o = {.size = sizeof(o), .workers = 1};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		dup2(fd, 2);
		_exit(weft_run(fn, NULL, &o) != 0);
	}
	cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

/* fn makes the mistake, and returns 0 if it goes on as it should. */
static void expect_misuse(int (*fn)(void *), const char *named)
{
	char said[4096] = "";
	int fd[2];

	cr_assert_eq(pipe(fd), 0);
	int status = run_apart(fn, fd[1]);
	close(fd[1]);
	for (size_t n = 0; n < sizeof(said) - 1;) {
		ssize_t some = read(fd[0], said + n, sizeof(said) - 1 - n);
		if (some <= 0)
			break;
		n += (size_t)some;
	}
	close(fd[0]);
#ifdef NDEBUG
	cr_assert_eq(status, 0, "%s: %s", named, said);
#else
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: %d", named,
		  status);
	cr_assert(strstr(said, named), "%s: %s", named, said);
#endif
}

static int unlocks_free(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_mutex_unlock(&m), -EPERM);
	CHECK_EQ(weft_mutex_trylock(&m), 0);
	return weft_mutex_unlock(&m);
}

static int unlock_of_another(void *arg)
{
	(void)arg;
	return weft_mutex_unlock(&m) == -EPERM ? 0 : 1;
}

static int unlocks_anothers(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_mutex_lock(&m), 0);
	CHECK_EQ(weft_spawn(unlock_of_another, NULL, NULL, &co), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_mutex_trylock(&m), -EBUSY); /* it is still ours */
	return weft_mutex_unlock(&m);
}

static int waits_without_mutex(void *arg)
{
	(void)arg;
	return weft_cond_wait(&cond, &m) == -EPERM ? 0 : 1;
}

static int unlocks_rwlock(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_rwlock_unlock(&rw), -EPERM);
	CHECK_EQ(weft_rwlock_wrlock(&rw), 0);
	return weft_rwlock_unlock(&rw);
}

static int counts_below(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_wg_add(&wg, 1), 0);
	CHECK_EQ(weft_wg_add(&wg, -2), -EINVAL);
	CHECK_EQ(weft_wg_done(&wg), 0); /* the count was as before */
	return weft_wg_wait(&wg);
}

static int receives(void *arg)
{
	int elem = 0, rc = weft_chan_recv(ch, &elem);

	(void)arg;
	return rc ? rc : elem;
}

static int frees_under_waiter(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_chan_new(sizeof(int), 0, &ch), 0);
	CHECK_EQ(start_waiter(receives, NULL, ch, 1, &co), 0);
	CHECK_EQ(weft_chan_free(ch), -EBUSY);
	CHECK_EQ(weft_chan_send(ch, &(int){5}), 0); /* it works on */
	JOIN(co, 5);
	return weft_chan_free(ch);
}

Test(misuse, unlocking_what_one_does_not_hold, .timeout = 60)
{
	expect_misuse(unlocks_free,
		      "misuse of weft_mutex_unlock: the caller does not hold it");
	expect_misuse(unlocks_anothers,
		      "misuse of weft_mutex_unlock: the caller does not hold it");
	expect_misuse(unlocks_rwlock, "misuse of weft_rwlock_unlock: nobody holds it");
}

Test(misuse, waiting_without_the_mutex, .timeout = 60)
{
	expect_misuse(waits_without_mutex,
		      "misuse of weft_cond_wait: the caller does not hold the mutex");
}

Test(misuse, counting_below_zero, .timeout = 60)
{
	expect_misuse(counts_below, "misuse of weft_wg_add: the count would be negative");
}

Test(misuse, freeing_a_channel_that_is_waited_on, .timeout = 60)
{
	expect_misuse(frees_under_waiter,
		      "misuse of weft_chan_free: somebody waits in it");
}

/* ---- answers ---- */

static int closed(void *arg)
{
	int rc = 0, elem = 1;

	(void)arg;
	CHECK_EQ(weft_chan_new(sizeof(int), 2, &ch), 0);
	const struct weft_select send = {WEFT_SELECT_SEND, ch, &elem};
	CHECK_EQ(weft_chan_send(ch, &(int){7}), 0);
	CHECK_EQ(weft_chan_close(ch), 0);
	CHECK_EQ(weft_chan_close(ch), -EPIPE);
	CHECK_EQ(weft_chan_send(ch, &(int){8}), -EPIPE);
	CHECK_EQ(weft_chan_trysend(ch, &(int){8}), -EPIPE);
	CHECK_EQ(weft_select(&send, 1, true, &rc), 0);
	CHECK_EQ(rc, -EPIPE);
	CHECK_EQ(receives(NULL), 7);
	CHECK_EQ(receives(NULL), -EPIPE);
	return weft_chan_free(ch);
}

Test(misuse, a_closed_channel_says_so)
{
	RUN_EVERYWHERE(closed);
}

static int own_deadlocks(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_join(weft_self(), NULL), -EDEADLK);
	CHECK_EQ(weft_mutex_lock(&m), 0);
	CHECK_EQ(weft_mutex_lock(&m), -EDEADLK);
	CHECK_EQ(weft_mutex_unlock(&m), 0);
	CHECK_EQ(weft_mutex_trylock(&m), 0); /* it was held once */
	return weft_mutex_unlock(&m);
}

Test(misuse, who_would_wait_for_itself_is_told)
{
	RUN_EVERYWHERE(own_deadlocks);
}

static int limits(void *arg)
{
	struct weft_select cases[WEFT_SELECT_MAX + 1] = {{0}};
	struct weft_watch watch;
	struct weft_sem sem = {{0}};
	struct weft_barrier barrier = {{0}};

	(void)arg;
	CHECK_EQ(weft_chan_new(65537, 1, &ch), -EINVAL);
	CHECK_EQ(weft_select(cases, 0, false, NULL), -EINVAL);
	CHECK_EQ(weft_select(cases, WEFT_SELECT_MAX + 1, false, NULL), -EINVAL);
	CHECK_EQ(weft_watch_init(&watch, &watch, WEFT_WATCH_MAX + 1), -EINVAL);
	CHECK_EQ(weft_barrier_wait(&barrier, 0), -EINVAL);
	CHECK_EQ(weft_sem_post(&sem, UINT32_MAX), 0);
	CHECK_EQ(weft_sem_post(&sem, 1), -EOVERFLOW);
	CHECK_EQ(weft_sem_trywait(&sem, UINT32_MAX), 0);
	CHECK_EQ(weft_wg_add(&wg, INT32_MAX), 0);
	CHECK_EQ(weft_wg_add(&wg, 1), -EINVAL);
	return weft_wg_add(&wg, -INT32_MAX);
}

Test(misuse, more_than_the_limits_is_refused)
{
	RUN_EVERYWHERE(limits);
}

/* In a plain thread, with a runtime and without: what only coroutines may do is refused, and
 * the rest works. */
static void *in_a_thread(void *arg)
{
	struct weft_deadline scope;
	struct weft_mutex own = {{0}};

	(void)arg;
	intptr_t bad = weft_yield() != -EPERM;
	bad += weft_sleep_ns(WEFT_MS) != -EPERM;
	bad += weft_deadline_open(&scope, WEFT_NEVER) != -EPERM;
	bad += weft_checkpoint() != -EPERM;
	bad += weft_pin() != -EPERM;
	bad += weft_mutex_lock(&own) || weft_mutex_lock(&own) != -EDEADLK ||
	       weft_mutex_unlock(&own);
	return (void *)bad;
}

static int beside_a_thread(void *arg)
{
	pthread_t t;
	void *bad;

	(void)arg;
	CHECK_EQ(pthread_create(&t, NULL, in_a_thread, NULL), 0);
	CHECK_EQ(pthread_join(t, &bad), 0);
	return (int)(intptr_t)bad;
}

Test(misuse, the_wrong_context_is_refused)
{
	cr_assert_null(in_a_thread(NULL));
	RUN_EVERYWHERE(beside_a_thread);
}
