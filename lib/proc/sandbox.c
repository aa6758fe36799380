/* SPDX-License-Identifier: MIT */
/* Which parts a profile needs, and applying them. A part that is missing closes the shop. */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

#define SET_MODE_FILTER 1 /* linux/seccomp.h */

/* Turn what is missing into nothing if the pool can do without it. */
static int may_lack(const struct wf_wire_setup *s, int rc)
{
	return s->flags & WEFT_JOB_LOOSE ? 0 : rc;
}

static int make_filter(struct wf_sandbox *s, const struct wf_wire_setup *setup)
{
	if (setup->profile == WEFT_JOB_NONE)
		return 0;
	return setup->lacking & WF_LACK_SECCOMP
		       ? -ENOSYS
		       : wf_filter_make(setup->profile, s->rings, &s->filter);
}

/* Whether workers can have one: each makes its own. Out of memory or descriptors is no missing part. */
static int try_ring(struct wf_sandbox *s, const struct wf_wire_setup *setup,
		    const int *grants)
{
	if (!setup->n_grants)
		return 0;
	int rc = setup->lacking & WF_LACK_JOB_RING ? -ENOSYS
						   : wf_grant_open(setup, grants);
	if (rc < 0)
		return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE ? rc : -ENOSYS;
	wf_grant_close();
	s->rings = true;
	return 0;
}

static int make_landlock(struct wf_sandbox *s, const struct wf_wire_setup *setup)
{
	if (setup->profile < WEFT_JOB_READ)
		return 0;
	return setup->lacking & WF_LACK_LANDLOCK
		       ? -ENOSYS
		       : wf_landlock_make(setup->dirs, &s->landlock);
}

static int enter_spaces(struct wf_sandbox *s, const struct wf_wire_setup *setup)
{
	if (!(setup->flags & WEFT_JOB_SPACES))
		return 0;
	int rc = setup->lacking & WF_LACK_NAMESPACES ? -ENOSYS : wf_spaces_enter();
	s->own_pid_space = !rc;
	return rc;
}

int wf_sandbox_prepare(struct wf_sandbox *s, const struct wf_wire_setup *setup,
		       const int *grants, const char **ret_missing)
{
	s->landlock = -1;
	*ret_missing = "rings for what is granted (io_uring of Linux 5.10, and "
		       "kernel.io_uring_disabled=0)";
	int rc = may_lack(setup, try_ring(s, setup, grants));
	if (rc)
		return rc;
	*ret_missing =
		"seccomp (libseccomp when weft was built, and CONFIG_SECCOMP_FILTER)";
	rc = may_lack(setup, make_filter(s, setup));
	if (rc)
		return rc;
	*ret_missing = "Landlock (CONFIG_SECURITY_LANDLOCK, kernel 5.13), or a read_dirs "
		       "that exists";
	rc = may_lack(setup, make_landlock(s, setup));
	if (rc)
		return rc;
	*ret_missing = "namespaces (CONFIG_USER_NS and the right to use it)";
	return may_lack(setup, enter_spaces(s, setup));
}

/*
 * fork(2) knows no flags, and a second unshare(CLONE_NEWPID) is refused. The C library keeps the
 * thread's number; where the kernel tells where, the new one is put there, else abort() shows as
 * the trap that it falls back on.
 */
static pid_t fork_into_space(void)
{
	int *tid = NULL;
	struct clone_args a = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};

	if (!prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0) && tid) {
		a.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		a.child_tid = (uintptr_t)tid;
	}
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

pid_t wf_sandbox_fork(const struct wf_sandbox *s)
{
	return s->own_pid_space ? fork_into_space() : fork();
}

int wf_sandbox_apply(const struct wf_sandbox *s, const struct wf_wire_setup *setup)
{
	if (setup->profile == WEFT_JOB_NONE)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	int rc = s->landlock >= 0 ? wf_landlock_apply(s->landlock) : 0;
	if (!rc && s->filter.len)
		rc = syscall(SYS_seccomp, SET_MODE_FILTER, 0, &s->filter) ? -errno : 0;
	return rc;
}
