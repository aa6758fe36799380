/* SPDX-License-Identifier: MIT */
/* The first frame of an AArch64 context: what wf_ctx_switch loads, see switch.S. */
#include "../arch.h"

#ifdef WF_ARCH_AARCH64

#include <stddef.h>
#include <stdint.h>

struct frame {
	uint64_t fpcr, unused;
	uint64_t x19, x20, x21_to_x28[8], x29, x30;
	uint64_t d8_to_d15[8];
};

_Static_assert(offsetof(struct frame, x19) == 16, "switch.S");
_Static_assert(offsetof(struct frame, x30) == 104, "switch.S");
_Static_assert(sizeof(struct frame) == 176, "switch.S");
_Static_assert(sizeof(struct frame) % 16 == 0, "sp is aligned when entry is called");

void wf_ctx_entry(void);

void *wf_ctx_make(void *stack_top, void (*entry)(void *arg), void *arg)
{
	struct frame *f = (struct frame *)((uintptr_t)stack_top & ~(uintptr_t)15) - 1;

	*f = (struct frame){
		.x19 = (uintptr_t)entry,
		.x20 = (uintptr_t)arg,
		.x29 = 0, /* ends the chain of frame pointers */
		.x30 = (uintptr_t)wf_ctx_entry,
	};
	__asm__("mrs %0, fpcr" : "=r"(f->fpcr));
	return f;
}

#endif
