/* SPDX-License-Identifier: MIT */
/*
 * What differs between CPUs: the context switch, the pause in a spin loop, the size of a
 * cache line. The only header of this folder that others include, where.h apart.
 *
 * A suspended context is one pointer, valid for exactly one switch. A switch keeps what
 * the ABI calls callee-saved and the floating-point control words (rounding, exception
 * masks), not the signal mask and not the status flags of the floating-point unit.
 *
 * Unwinding: call frame information is complete at every instruction of a switch, and
 * a stack ends at the entry trampoline. With the stack pointer set to a suspended context
 * and the program counter to wf_ctx_parked (x86_64, aarch64) a debugger sees the stack as
 * its owner left it.
 */
#ifndef WF_ARCH_ARCH_H
#define WF_ARCH_ARCH_H

#include "select.h"

#define WF_CACHE_LINE 64

/*
 * A context that calls entry(arg) on the stack that ends below stack_top (any alignment)
 * at the first switch into it. It starts with the caller's floating-point control words.
 * entry must not return. Takes at most 256 bytes of stack (generic: sizeof(ucontext_t)
 * more). Cannot fail.
 */
__attribute__((visibility("hidden"))) void *wf_ctx_make(void *stack_top,
							void (*entry)(void *arg),
							void *arg);

/*
 * Call fn(arg) so that to an unwinder its caller is the suspended context: backtrace(3) in fn goes on
 * in frames that nobody runs. Frames of ctx begin behind the address that is returned by
 * wf_ctx_visited(). The context must stay suspended meanwhile; it is not touched.
 */
#ifndef WF_ARCH_GENERIC
#define WF_CTX_VISITS 1
__attribute__((visibility("hidden"))) void wf_ctx_visit(void *ctx, void (*fn)(void *arg),
							void *arg);
__attribute__((visibility("hidden"))) extern const char wf_ctx_parked[];

static inline const void *wf_ctx_visited(void)
{
#ifdef WF_ARCH_X86_64
	return wf_ctx_parked + 1;
#else
	return wf_ctx_parked + 4;
#endif
}
#endif

/* A suspended context uses its stack down to that many bytes below the pointer to it: the red
 * zone of the ABI, or what libc keeps there. */
#ifdef WF_ARCH_GENERIC
#define WF_CTX_BELOW 1024
#else
#define WF_CTX_BELOW 128
#endif

#ifdef WF_ARCH_X86_64
#include "x86_64/switch.h"
#else
/*
 * Suspend the caller into *save and resume load. Returns when somebody switches to *save,
 * perhaps on another thread.
 */
__attribute__((visibility("hidden"))) void wf_ctx_switch(void **save, void *load);
#endif

/* Tell the CPU that this is a spin loop. */
static inline void wf_cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	/* `yield` does nothing on most cores; a pipeline flush pauses on all of them. */
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#endif
