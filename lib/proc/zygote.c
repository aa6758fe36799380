/* SPDX-License-Identifier: MIT */
/*
 * The zygote: a process with one thread and clean memory that forks workers, waits for them,
 * and tells the pool how they ended. It ends when the pool's end of the socket does.
 *
 * No process outlives it: workers ask to be killed when their parent dies, which has one
 * thread; what they leave behind becomes the zygote's child (it is a subreaper), and is killed before
 * the worker's end is told.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

enum { MAX_WORKERS = 1024 };

static struct wf_zygote zygote; /* one a process; workers inherit it */
static pid_t worker_pid[MAX_WORKERS];

static bool is_worker(const void *arg, pid_t pid)
{
	(void)arg;
	for (unsigned i = 0; i < MAX_WORKERS; i++)
		if (worker_pid[i] == pid)
			return true;
	return false;
}

/* What a worker may leave behind, where it can leave anything behind. */
static void kill_orphans(void)
{
	if (zygote.setup.profile != WEFT_JOB_PURE && !zygote.sandbox.own_pid_space)
		wf_orphans_kill(is_worker, NULL);
}

/* Without pidfds. The worker was not reaped, so the number is still its own. */
static void kill_worker(uint32_t worker)
{
	if (worker_pid[worker])
		kill(worker_pid[worker], SIGKILL);
}

_Noreturn static void end(void)
{
	for (unsigned i = 0; i < MAX_WORKERS; i++)
		kill_worker(i);
	for (unsigned i = 0; i < MAX_WORKERS; i++)
		if (worker_pid[i])
			waitpid(worker_pid[i], NULL, __WALL);
	memset(worker_pid, 0, sizeof(worker_pid));
	kill_orphans();
	_exit(0);
}

static void tell(const struct wf_wire_msg *msg, const int *fds, unsigned n)
{
	if (wf_wire_send(WF_ZYGOTE_FD, msg, sizeof(*msg), fds, n))
		end(); /* the pool is gone */
}

static void tell_exit(uint32_t worker, const siginfo_t *si)
{
	const struct wf_wire_msg msg = {.op = WF_WIRE_EXITED,
					.worker = worker,
					.pid = si->si_pid,
					.code = si->si_code,
					.status = si->si_status};

	tell(&msg, NULL, 0);
}

static void reap(void)
{
	siginfo_t si;

	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | __WALL) || !si.si_pid)
			return;
		for (uint32_t i = 0; i < MAX_WORKERS; i++) {
			if (worker_pid[i] != si.si_pid)
				continue;
			worker_pid[i] = 0;
			kill_orphans();
			tell_exit(i, &si);
		}
	}
}

static int open_pidfd(pid_t pid)
{
	if (zygote.setup.lacking & WF_LACK_PIDFD)
		return -1;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void fork_worker(uint32_t worker, const int fds[WF_FORK_FDS])
{
	struct wf_wire_msg msg = {.op = WF_WIRE_FORKED, .worker = worker};
	pid_t pid = wf_sandbox_fork(&zygote.sandbox);

	if (!pid)
		wf_worker_run(&zygote, worker, fds);
	if (pid < 0) {
		msg.op = WF_WIRE_FAILED;
		msg.status = -errno;
		tell(&msg, NULL, 0);
		return;
	}
	worker_pid[worker] = msg.pid = pid;
	int pidfd = open_pidfd(pid);
	tell(&msg, &pidfd, pidfd >= 0);
	if (pidfd >= 0)
		close(pidfd);
}

static void serve(void)
{
	struct wf_wire_msg msg;
	int fds[WF_FORK_FDS] = {-1, -1, -1, -1};
	unsigned n = WF_FORK_FDS;
	ssize_t len = wf_wire_recv(WF_ZYGOTE_FD, &msg, sizeof(msg), fds, &n);

	if (len != sizeof(msg) || msg.worker >= MAX_WORKERS)
		end();
	if (msg.op == WF_WIRE_FORK && n >= WF_FORK_CGROUP)
		fork_worker(msg.worker, fds);
	else if (msg.op == WF_WIRE_KILL)
		kill_worker(msg.worker);
	while (n)
		close(fds[--n]);
}

_Noreturn static void loop(int children)
{
	struct pollfd p[] = {{.fd = WF_ZYGOTE_FD, .events = POLLIN},
			     {.fd = children, .events = POLLIN}};
	struct signalfd_siginfo drop;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents && read(children, &drop, sizeof(drop)) > 0)
			reap();
		if (p[0].revents)
			serve();
	}
}

/* ---- start ------------------------------------------------------------------------------ */

static int list_jobs(struct wf_table *t)
{
	for (const struct weft_job_entry *e = t->begin; e < t->end; e++) {
		if (e->kind != WEFT_JOB_ENTRY)
			continue;
		if (t->n == WF_JOBS_MAX)
			return -E2BIG;
		t->job[t->n++] = e;
	}
	return 0;
}

static int warm_up(const struct wf_table *t)
{
	for (const struct weft_job_entry *e = t->begin; e < t->end; e++) {
		int rc = e->kind == WEFT_JOB_ENTRY_WARM ? e->warm() : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int prepare(const char **ret_missing)
{
	struct wf_zygote *z = &zygote;
	int rc;

	*ret_missing = "a name for every job; there are too many";
	rc = list_jobs(&z->table);
	if (rc)
		return rc;
	z->pid = getpid();
	z->self = open_pidfd(z->pid);
	*ret_missing = "a WEFT_JOB_WARM function that succeeds";
	rc = warm_up(&z->table);
	return rc ? rc
		  : wf_sandbox_prepare(&z->sandbox, &z->setup, z->grant, ret_missing);
}

/* Answer with the names of the jobs, or with what is missing. */
static void say_hello(int error, const char *missing)
{
	static struct wf_wire_hello hello = {.op = WF_WIRE_HELLO,
					     .version = WF_WIRE_VERSION};

	hello.error = error;
	strncpy(hello.missing, error ? missing : "", sizeof(hello.missing) - 1);
	hello.n_jobs = zygote.table.n;
	for (uint32_t i = 0; i < zygote.table.n; i++)
		strncpy(hello.name[i], zygote.table.job[i]->name, WF_JOB_NAME - 1);
	size_t len = offsetof(struct wf_wire_hello, name) + hello.n_jobs * WF_JOB_NAME;
	if (wf_wire_send(WF_ZYGOTE_FD, &hello, len, NULL, 0) || error)
		_exit(1);
}

static int watch_children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn void wf_zygote_run(const struct weft_job_entry *begin,
			     const struct weft_job_entry *end_)
{
	const char *missing = "this version of weft";
	unsigned n = WF_WIRE_FDS;
	ssize_t len = wf_wire_recv(WF_ZYGOTE_FD, &zygote.setup, sizeof(zygote.setup),
				   zygote.grant, &n);
	int rc = -EPROTO;

	prctl(PR_SET_NAME, WF_ZYGOTE_NAME);
	zygote.table.begin = begin;
	zygote.table.end = end_;
	int children = watch_children();
	if (len == sizeof(zygote.setup) && zygote.setup.version == WF_WIRE_VERSION &&
	    n == zygote.setup.n_grants && children >= 0)
		rc = prepare(&missing);
	wf_report_prepare();
	say_hello(rc, missing);
	loop(children);
}
