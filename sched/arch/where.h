/* SPDX-License-Identifier: MIT */
/* What a signal's context tells. Apart from arch.h for what <ucontext.h> brings along. */
#ifndef WF_ARCH_WHERE_H
#define WF_ARCH_WHERE_H

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* The instruction that the signal interrupted; NULL on CPUs that we do not know. */
static inline void *wf_interrupted_at(const void *context)
{
	const ucontext_t *u = (const ucontext_t *)context;

	(void)u;
#if defined(__x86_64__)
	return (void *)(uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (void *)(uintptr_t)u->uc_mcontext.pc;
#else
	return NULL;
#endif
}

#endif
