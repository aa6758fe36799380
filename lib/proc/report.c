/* SPDX-License-Identifier: MIT */
/*
 * The last words of a worker: a handler on a stack of its own notes signal, address and frames at
 * the desk and lets the signal have its way. Names are looked up here, where the maps are; they
 * are those that the dynamic linker knows, the others are MODULE+OFFSET. A handler that hangs
 * (the dead hold locks) is ended by an alarm.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "child.h"

static struct wf_report *report;
static const struct wf_wire_setup *setup;
static char program[256]; /* its path, for addr2line; argv[0] is ours */
static char stack[64 * 1024] __attribute__((aligned(64)));

struct registers {
	uintptr_t pc, sp;
	long third; /* argument of a system call */
};

static struct registers registers(const void *context)
{
	const ucontext_t *u = context;

#if defined(__x86_64__)
	const greg_t *r = u->uc_mcontext.gregs;
	return (struct registers){(uintptr_t)r[REG_RIP], (uintptr_t)r[REG_RSP],
				  (long)r[REG_RDX]};
#elif defined(__aarch64__)
	return (struct registers){u->uc_mcontext.pc, u->uc_mcontext.sp,
				  (long)u->uc_mcontext.regs[2]};
#else
	(void)u;
	return (struct registers){0, 0, 0};
#endif
}

static size_t name_frame(char *text, size_t room, uintptr_t pc)
{
	Dl_info info;
	int n;

	if (!dladdr((void *)pc, &info) || !info.dli_fname)
		n = snprintf(text, room, "%#lx\n", (unsigned long)pc);
	else if (info.dli_sname)
		n = snprintf(text, room, "%s+%#lx\n", info.dli_sname,
			     (unsigned long)(pc - (uintptr_t)info.dli_saddr));
	else
		n = snprintf(text, room, "%s+%#lx\n",
			     strcmp(info.dli_fname, WF_ZYGOTE_NAME) ? info.dli_fname
								    : program,
			     (unsigned long)(pc - (uintptr_t)info.dli_fbase));
	return n < 0 || (size_t)n >= room ? 0 : (size_t)n;
}

/* The frames from the one that the signal interrupted. */
static void trace(uintptr_t pc)
{
	void *frame[WF_DESK_FRAMES];
	int n = backtrace(frame, WF_DESK_FRAMES), first = 0;
	size_t used = 0;

	for (int i = 0; i < n; i++)
		if ((uintptr_t)frame[i] == pc)
			first = i;
	for (int i = first; i < n; i++) {
		size_t len =
			name_frame(report->trace + used, sizeof(report->trace) - used,
				   (uintptr_t)frame[i]);
		if (!len)
			break;
		used += len;
	}
	report->trace[used] = '\0';
}

static bool near(uintptr_t a, uintptr_t b)
{
	return a - b + 65536 < 131072;
}

static uint32_t fault_of(const siginfo_t *si, const struct registers *r)
{
	bool access = si->si_signo == SIGSEGV || si->si_signo == SIGBUS;

	if (si->si_signo == SIGSYS)
		return r->third == SIGABRT && si->si_syscall == SYS_tgkill
			       ? WEFT_JOB_SIGNAL
			       : WEFT_JOB_SYSCALL;
	if (si->si_signo == SIGPROF || si->si_signo == SIGXCPU)
		return WEFT_JOB_CPU;
	if (access && si->si_code > 0 && near((uintptr_t)si->si_addr, r->sp))
		return WEFT_JOB_STACK;
	return wf_limits_exhausted(setup) ? WEFT_JOB_MEMORY : WEFT_JOB_SIGNAL;
}

static void on_death(int sig, siginfo_t *si, void *context)
{
	const struct registers r = registers(context);

	alarm(2);
	report->fault = fault_of(si, &r);
	/* Forbidden to send itself the signal, abort() lands here all the same. */
	report->signal =
		sig == SIGSYS && report->fault == WEFT_JOB_SIGNAL ? SIGABRT : sig;
	report->code = sig == SIGSYS ? si->si_syscall : si->si_code;
	report->address = sig == SIGSEGV || sig == SIGBUS ? (uintptr_t)si->si_addr : 0;
	trace(r.pc);
	wf_atomic_store_release(&report->valid, 1u); /* DK7 */
	if (setup->profile == WEFT_JOB_NONE) {
		signal(sig, SIG_DFL);
		raise(sig); /* blocked here: strikes on return, and leaves a core if wanted */
		return;
	}
	_exit(128 + sig);
}

void wf_report_prepare(void)
{
	void *frame[1];

	backtrace(frame, 1); /* loads what it needs now */
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		strcpy(program, "?");
}

void wf_report_install(struct wf_report *where, const struct wf_wire_setup *s)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL, SIGABRT,
				    SIGTRAP, SIGSYS, SIGXCPU, SIGPROF};
	const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

	report = where;
	setup = s;
	sa.sa_sigaction = on_death;
	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &sa, NULL);
}
