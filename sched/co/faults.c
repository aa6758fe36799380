/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/map.h"
#include "../base/sys.h"
#include "stack.h"

enum { ALT_BYTES = 64 * 1024, GUARD_BYTES = 4096 };

static struct sigaction before_segv, before_bus;
static bool installed;
static __thread void *alt_stack;

/* Async-signal-safe text: no stdio in a handler. */
struct line {
	char text[256];
	size_t n;
};

static void put(struct line *l, const char *s)
{
	while (*s && l->n < sizeof(l->text))
		l->text[l->n++] = *s++;
}

static void put_number(struct line *l, uintptr_t v, unsigned base)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while ((v /= base));
	while (n > 0)
		put(l, (char[2]){digits[--n], 0});
}

static void report(const struct wf_co *co, uintptr_t addr)
{
	uintptr_t bottom = (uintptr_t)wf_stack_bottom(co), top = (uintptr_t)co;
	struct line l = {.n = 0};

	put(&l, "weft: stack overflow in coroutine '");
	put(&l, co->name[0] ? co->name : "(unnamed)");
	put(&l, "': address 0x");
	put_number(&l, addr, 16);
	put(&l, " is in the guard page below its stack 0x");
	put_number(&l, bottom, 16);
	put(&l, "-0x");
	put_number(&l, top, 16);
	put(&l, " (");
	put_number(&l, (top - bottom + 4095) / 1024, 10);
	put(&l, " KiB); give it a larger stack_size or set WEFT_STACK_KIB\n");
	if (write(STDERR_FILENO, l.text, l.n) < 0)
		return;
}

/* Hand over to what was there before; the default ends the process when we return. */
static void chain(int sig, siginfo_t *info, void *context)
{
	struct sigaction *before = sig == SIGSEGV ? &before_segv : &before_bus;

	if (before->sa_flags & SA_SIGINFO && before->sa_sigaction)
		before->sa_sigaction(sig, info, context);
	else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
		before->sa_handler(sig);
	else
		signal(sig, SIG_DFL);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	struct wf_co *co = wf_co_of_address(info->si_addr);

	if (co) {
		uintptr_t bottom = (uintptr_t)wf_stack_bottom(co);
		if (addr < bottom && addr >= bottom - GUARD_BYTES)
			report(co, addr);
	}
	chain(sig, info, context);
}

int wf_faults_open(void)
{
	struct sigaction act = {.sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGSEGV, &act, &before_segv) ||
	    sigaction(SIGBUS, &act, &before_bus))
		return -errno;
	installed = true;
	return 0;
}

void wf_faults_close(void)
{
	if (!installed)
		return;
	sigaction(SIGSEGV, &before_segv, NULL);
	sigaction(SIGBUS, &before_bus, NULL);
	installed = false;
}

int wf_faults_thread_open(bool wanted)
{
	if (!wanted)
		return 0;
	void *mem = wf_sys.mmap(ALT_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS);
	int rc = wf_sys_ptr_err(mem);
	if (rc)
		return rc;
	stack_t alt = {.ss_sp = mem, .ss_size = ALT_BYTES};
	if (sigaltstack(&alt, NULL)) {
		rc = -errno;
		wf_sys.munmap(mem, ALT_BYTES);
		return rc;
	}
	wf_map_name(mem, ALT_BYTES, "fault stack", WF_MAP_SHARED);
	alt_stack = mem;
	return 0;
}

void wf_faults_thread_close(void)
{
	if (!alt_stack)
		return;
	sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
	wf_sys.munmap(alt_stack, ALT_BYTES);
	alt_stack = NULL;
}
