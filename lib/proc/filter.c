/* SPDX-License-Identifier: MIT */
/*
 * Filters of system calls, made once by the zygote and applied by each worker. PURE is a list of
 * what is allowed, all else is a report and death; the others are lists of what is refused (EPERM), for
 * code that has a use for files or threads.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"

#ifdef WF_HAVE_SECCOMP
#include <seccomp.h>

/* Memory, time, waiting, and what the C library needs to die. */
static const int pure[] = {
	SCMP_SYS(futex),           SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),    SCMP_SYS(sigaltstack),  SCMP_SYS(exit),
	SCMP_SYS(exit_group),      SCMP_SYS(munmap),       SCMP_SYS(mremap),
	SCMP_SYS(madvise),         SCMP_SYS(brk),          SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),    SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),    SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),     SCMP_SYS(getrandom),    SCMP_SYS(getpid),
	SCMP_SYS(gettid),          SCMP_SYS(getrusage),    SCMP_SYS(getcpu),
	SCMP_SYS(alarm),           SCMP_SYS(setitimer)};

/* Ways out of the process: network, other processes, namespaces, kernel interfaces. */
static const int refused[] = {SCMP_SYS(socket),
			      SCMP_SYS(kill),
			      SCMP_SYS(tkill),
			      SCMP_SYS(rt_sigqueueinfo),
			      SCMP_SYS(rt_tgsigqueueinfo),
			      SCMP_SYS(pidfd_open),
			      SCMP_SYS(pidfd_getfd),
			      SCMP_SYS(pidfd_send_signal),
			      SCMP_SYS(ptrace),
			      SCMP_SYS(process_vm_readv),
			      SCMP_SYS(process_vm_writev),
			      SCMP_SYS(process_madvise),
			      SCMP_SYS(kcmp),
			      SCMP_SYS(unshare),
			      SCMP_SYS(setns),
			      SCMP_SYS(mount),
			      SCMP_SYS(umount2),
			      SCMP_SYS(pivot_root),
			      SCMP_SYS(chroot),
			      SCMP_SYS(open_tree),
			      SCMP_SYS(move_mount),
			      SCMP_SYS(fsopen),
			      SCMP_SYS(fsmount),
			      SCMP_SYS(bpf),
			      SCMP_SYS(perf_event_open),
			      SCMP_SYS(userfaultfd),
			      SCMP_SYS(keyctl),
			      SCMP_SYS(add_key),
			      SCMP_SYS(request_key),
			      SCMP_SYS(io_uring_setup),
			      SCMP_SYS(io_uring_enter),
			      SCMP_SYS(io_uring_register),
			      SCMP_SYS(init_module),
			      SCMP_SYS(finit_module),
			      SCMP_SYS(delete_module),
			      SCMP_SYS(kexec_load),
			      SCMP_SYS(reboot),
			      SCMP_SYS(swapon),
			      SCMP_SYS(swapoff),
			      SCMP_SYS(open_by_handle_at),
			      SCMP_SYS(name_to_handle_at),
			      SCMP_SYS(quotactl),
			      SCMP_SYS(acct),
			      SCMP_SYS(settimeofday),
			      SCMP_SYS(clock_settime),
			      SCMP_SYS(sethostname),
			      SCMP_SYS(setdomainname),
			      SCMP_SYS(iopl),
			      SCMP_SYS(ioperm),
			      SCMP_SYS(syslog)};

static const scmp_datum_t new_spaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS |
				       CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
				       CLONE_NEWCGROUP;

static int add_pure(scmp_filter_ctx c, bool rings)
{
	int rc = rings ? seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(io_uring_enter), 0)
		       : 0;

	for (size_t i = 0; !rc && i < sizeof(pure) / sizeof(pure[0]); i++)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, pure[i], 0);
	/* stderr, and the descriptor that tells the keeper */
	for (scmp_datum_t fd = 2; !rc && fd <= 3; fd++)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
				      SCMP_A0(SCMP_CMP_EQ, fd));
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* the C library asks, and does without */
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 0);
	return rc ? rc
		  : seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(newfstatat), 0);
}

static int add_refused(scmp_filter_ctx c, bool rings)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i] != SCMP_SYS(io_uring_enter) || !rings)
			rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	/* a thread of another process: abort() lands in the report all the same */
	if (!rc)
		rc = seccomp_rule_add(c, SCMP_ACT_TRAP, SCMP_SYS(tgkill), 0);
	if (!rc) /* its flags cannot be seen; the C library then takes clone */
		rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	for (scmp_datum_t bit = 1; !rc && bit <= new_spaces; bit <<= 1)
		if (bit & new_spaces)
			rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone),
					      1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
	return rc;
}

/* The kernel's form of a filter. */
static int export(scmp_filter_ctx c, struct sock_fprog *ret_filter)
{
	int fd = memfd_create("weft-filter", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : seccomp_export_bpf(c, fd);
	off_t bytes = rc ? 0 : lseek(fd, 0, SEEK_END);
	struct sock_filter *f = bytes > 0 ? malloc((size_t)bytes) : NULL;

	if (!rc)
		rc = f && pread(fd, f, (size_t)bytes, 0) == bytes ? 0 : -ENOMEM;
	if (fd >= 0)
		close(fd);
	if (rc) {
		free(f);
		return rc;
	}
	ret_filter->filter = f;
	ret_filter->len = (unsigned short)((size_t)bytes / sizeof(*f));
	return 0;
}

int wf_filter_make(uint32_t profile, bool rings, struct sock_fprog *ret_filter)
{
	bool only = profile == WEFT_JOB_PURE;
	scmp_filter_ctx c = seccomp_init(only ? SCMP_ACT_TRAP : SCMP_ACT_ALLOW);
	int rc = c ? only ? add_pure(c, rings) : add_refused(c, rings) : -ENOMEM;

	if (!rc)
		rc = export(c, ret_filter);
	seccomp_release(c);
	return rc;
}

#else

int wf_filter_make(uint32_t profile, bool rings, struct sock_fprog *ret_filter)
{
	(void)profile;
	(void)rings;
	(void)ret_filter;
	return -ENOSYS;
}

#endif
