/* SPDX-License-Identifier: MIT */
/*
 * Stacks: what they cost, and how deep they go.
 *
 * A coroutine's stack is address space with a guard page below; what it has touched is
 * resident, at least one page. Sizes are powers of two from 16 KiB to 8 MiB, the guard page
 * and the coroutine object (in the topmost page) included. A stack that was made stays, for
 * another coroutine that asks for this size, until the runtime stops.
 *
 * Options that govern them (weft_options): stack_kib, max_coroutines, stack_memory_mib,
 * stack_trim_ms, stack_stats.
 */
#ifndef WEFT_STACK_H
#define WEFT_STACK_H

#include "base.h"

WEFT_BEGIN_DECLS

/* How the stacks of coroutines with one entry function were used. */
struct weft_stack_use {
	int (*fn)(void *arg); /* NULL: those beyond the 1,023 that are told apart */
	const char *name; /* of fn, if the dynamic linker knows it (-rdynamic), or NULL;
				  valid as long as the object that holds fn */
	uint64_t ended;   /* coroutines that have run it to the end */
	uint64_t deepest; /* high-water mark: bytes from the top of the stack to the
				  lowest page touched; whole pages of 4096, so up to 4095
				  more than was needed */
	uint64_t stack_bytes; /* the largest stack that one of them had */
	uint64_t reserved[3]; /* 0 */
};

/*
 * Fill at most n rows, the deepest first, and return how many functions there are. Running
 * coroutines count as far as they went so far; pages that were swapped out are not seen.
 * The rows stay until the next start of the runtime. rows may be NULL if n is 0.
 *   -ENODATA the option stack_stats is off (it costs two system calls a coroutine)
 *   -ENOMEM
 */
WEFT_API int weft_stack_stats(struct weft_stack_use *rows, size_t n);

/*
 * One sentence on why the last weft_spawn() that returned -EAGAIN or -ENOMEM did so, and
 * what to change; "" when none has since the start. A constant, never freed.
 */
WEFT_API const char *weft_stack_refusal(void);

WEFT_END_DECLS

#endif
