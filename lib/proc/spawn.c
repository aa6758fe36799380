/* SPDX-License-Identifier: MIT */
/*
 * Starting a zygote. exec makes a child one that sends SIGCHLD and that wait(-1) finds, whatever
 * it was cloned with. So it is somebody else's: a helper that shares our memory, sends no
 * signal and is waited for by name, clones it and is gone; it falls to whoever adopts orphans.
 * Nobody runs in our memory longer than until the exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "pool.h"

extern int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

enum { STACK_BYTES = 64 * 1024 };

struct spawn {
	const char *exe;
	char **env;
	int ctl;
	char *stack; /* of the zygote until it executes */
	pid_t pid;
	int pidfd, error;
};

#ifdef WF_TSAN
#define RAW __attribute__((no_sanitize("thread"), noinline))
#else
#define RAW __attribute__((noinline))
#endif

/* Signals as a program expects them: the default for all, none blocked. */
RAW static void plain_signals(void)
{
	const struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} by_default = {0};
	const uint64_t none = 0;

	for (int sig = 1; sig < 65; sig++)
		syscall(SYS_rt_sigaction, sig, &by_default, NULL, sizeof(none));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/*
 * In the child, before the program: nothing of ours but stdout and stderr. Bare system calls: what
 * the C library, or a sanitizer, notes about them would be noted in our memory.
 */
RAW static int execute(void *arg)
{
	struct spawn *s = arg;
	char *argv[] = {(char *)(uintptr_t)WF_ZYGOTE_NAME, NULL};

	plain_signals();
	syscall(SYS_setsid);
	long null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	long rc = null < 0 ? null : syscall(SYS_dup3, null, 0, 0);
	if (rc >= 0 && s->ctl == WF_ZYGOTE_FD)
		rc = syscall(SYS_fcntl, WF_ZYGOTE_FD, F_SETFD, 0);
	else if (rc >= 0)
		rc = syscall(SYS_dup3, s->ctl, WF_ZYGOTE_FD, 0);
	if (rc >= 0 && !syscall(SYS_close_range, WF_ZYGOTE_FD + 1, ~0u, 0))
		syscall(SYS_execve, s->exe, argv, s->env);
	s->error = -errno;
	syscall(SYS_exit_group, 127);
	return 0;
}

/* Not clone(): the thread sanitizer takes that for a fork. */
RAW static int help(void *arg)
{
	struct spawn *s = arg;

	s->pid = __clone(execute, s->stack + STACK_BYTES,
			 CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, s, &s->pidfd);
	if (s->pid < 0)
		s->error = -errno;
	syscall(SYS_exit_group, 0);
	return 0;
}

static int spawn(struct spawn *s)
{
	char *stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, ours;

	if (stacks == MAP_FAILED)
		return -errno;
	s->stack = stacks + STACK_BYTES;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &ours);
	/* CLONE_FILES: the pidfd that the helper gets is in our table. */
	pid_t helper = __clone(help, stacks + STACK_BYTES,
			       CLONE_VM | CLONE_VFORK | CLONE_FILES, s);
	int rc = helper < 0 ? -errno : 0;
	if (!rc)
		waitpid(helper, NULL, __WCLONE);
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
	munmap(stacks, 2 * STACK_BYTES);
	if (!rc && s->error && s->pidfd >= 0)
		close(s->pidfd);
	return rc ? rc : s->error;
}

/* ---- what it inherits ------------------------------------------------------------------- */

extern char **environ;

static bool may_pass(const char *var, uint32_t profile)
{
	static const char *const known[] = {
		"PATH=", "TZ=", "LANG=", "LC_", "LD_", "WEFT_"};
	const char *name_end = strchr(var, '=');

	if (profile == WEFT_JOB_NONE)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strncmp(var, known[i], strlen(known[i])))
			return true;
	return name_end && name_end - var > 12 &&
	       !strncmp(name_end - 12, "SAN_OPTIONS", 11);
}

/* The environment for a profile; free() it. The strings are ours. */
static char **make_env(uint32_t profile)
{
	size_t n = 0, kept = 0;

	while (environ && environ[n])
		n++;
	char **env = calloc(n + 1, sizeof(*env));
	for (size_t i = 0; env && i < n; i++)
		if (may_pass(environ[i], profile))
			env[kept++] = environ[i];
	return env;
}

/* ---- the handshake ---------------------------------------------------------------------- */

static int keep_names(struct weft_job_pool *p, const struct wf_wire_hello *hello)
{
	uint32_t n = hello->n_jobs < WF_JOBS_MAX ? hello->n_jobs : WF_JOBS_MAX;
	char **names = calloc(n + 1, sizeof(*names) + WF_JOB_NAME);

	if (!names)
		return -ENOMEM;
	char *text = (char *)(names + n + 1);
	for (uint32_t i = 0; i < n; i++) {
		names[i] = memcpy(text + i * WF_JOB_NAME, hello->name[i], WF_JOB_NAME);
		names[i][WF_JOB_NAME - 1] = '\0';
	}
	pthread_mutex_lock(&p->lock);
	if (p->names) /* of a zygote that died: the program is the same, and so are they */
		free(names);
	else {
		p->names = names;
		p->n_names = n;
	}
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int no_answer(struct weft_job_pool *p, int rc)
{
	snprintf(p->why, sizeof(p->why),
		 "%s did not answer as a zygote does: its main must begin with "
		 "weft_job_main(argc, argv)",
		 p->exe);
	return rc;
}

static int hear(struct weft_job_pool *p, int ctl)
{
	struct wf_wire_hello *hello = calloc(1, sizeof(*hello));
	struct pollfd fd = {.fd = ctl, .events = POLLIN};
	uint64_t end = weft_now() + p->opt.start_ns;
	unsigned none = 0;
	int rc = 0;

	if (!hello)
		return -ENOMEM;
	while (!rc && weft_now() < end)
		rc = poll(&fd, 1, (int)((end - weft_now()) / 1000000) + 1);
	ssize_t len = rc > 0 ? wf_wire_recv(ctl, hello, sizeof(*hello), NULL, &none) : 0;
	if (rc <= 0)
		rc = no_answer(p, -ETIMEDOUT);
	else if (len < (ssize_t)offsetof(struct wf_wire_hello, name) ||
		 hello->op != WF_WIRE_HELLO || hello->version != WF_WIRE_VERSION)
		rc = no_answer(p, -ENOEXEC);
	else if (hello->error)
		rc = snprintf(p->why, sizeof(p->why), "the jobs' processes lack %.95s",
			      hello->missing) < 0
			     ? -EIO
			     : hello->error;
	else
		rc = keep_names(p, hello);
	free(hello);
	return rc;
}

static void drop(struct spawn *s)
{
	syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	close(s->pidfd);
}

int wf_zygote_start(struct weft_job_pool *p)
{
	int pair[2];
	struct spawn s = {.exe = p->exe, .pidfd = -1, .env = make_env(p->opt.profile)};

	if (!s.env)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		free(s.env);
		return -errno;
	}
	s.ctl = pair[1];
	int rc = spawn(&s);
	free(s.env);
	close(pair[1]);
	if (rc) {
		snprintf(p->why, sizeof(p->why), "cannot start %s: %s", p->exe,
			 strerror(-rc));
		close(pair[0]);
		return rc;
	}
	rc = wf_wire_send(pair[0], &p->setup, sizeof(p->setup), p->grant,
			  p->setup.n_grants);
	rc = rc ? no_answer(p, -ENOEXEC) : hear(p, pair[0]);
	if (rc) {
		drop(&s);
		close(pair[0]);
		return rc;
	}
	pthread_mutex_lock(&p->lock);
	p->ctl = pair[0];
	p->zygote = s.pid;
	p->zygote_fd = s.pidfd;
	p->stats.zygotes++;
	pthread_mutex_unlock(&p->lock);
	return 0;
}
