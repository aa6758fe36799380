/* SPDX-License-Identifier: MIT */
/*
 * The reference port, on ucontext: any CPU that libc knows, two system calls a switch
 * (libc keeps the signal mask). A suspended context points at a ucontext_t on its own
 * stack.
 */
#include "../arch.h"

#ifdef WF_ARCH_GENERIC

#include <stddef.h>
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

struct start {
	ucontext_t ctx; /* first: its address is the context */
	void (*entry)(void *arg);
	void *arg;
};

/* libc asks for bottom and size of the stack and uses only their sum. */
#define STACK_CLAIMED 1024

/* makecontext passes ints: the pointer comes in two halves. */
static void start(unsigned high, unsigned low)
{
	struct start *s = (struct start *)(uintptr_t)((uint64_t)high << 32 | low);

	s->entry(s->arg);
	__builtin_trap();
}

void *wf_ctx_make(void *stack_top, void (*entry)(void *arg), void *arg)
{
	uintptr_t mask = _Alignof(struct start) > 16 ? _Alignof(struct start) - 1 : 15;
	struct start *s = (struct start *)(((uintptr_t)stack_top - sizeof(*s)) & ~mask);
	uint64_t at = (uintptr_t)s;

	getcontext(&s->ctx); /* cannot fail: it only reads */
	s->ctx.uc_link = NULL;
	/* swapcontext brings back the mask of whoever made the context, which may be a
	 * plain thread: a worker keeps SIGPIPE blocked. */
	sigaddset(&s->ctx.uc_sigmask, SIGPIPE);
	s->ctx.uc_stack.ss_sp = (char *)s - STACK_CLAIMED;
	s->ctx.uc_stack.ss_size = STACK_CLAIMED;
	s->entry = entry;
	s->arg = arg;
	makecontext(&s->ctx, (void (*)(void))start, 2, (unsigned)(at >> 32),
		    (unsigned)at);
	return s;
}

void wf_ctx_switch(void **save, void *load)
{
	ucontext_t self;
	void *here = &self;

	self.uc_stack.ss_size = 0; /* sanitizers read it: say nothing about the stack */
	__asm__("" : "+r"(here));  /* it outlives this call only while this call waits */
	*save = here;
	swapcontext(&self, load);
}

#endif
