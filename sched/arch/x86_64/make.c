/* SPDX-License-Identifier: MIT */
/* The first frame of an x86-64 context: what wf_ctx_jump expects to find, see switch.S.
 */
#include "../arch.h"

#ifdef WF_ARCH_X86_64

#include <stddef.h>
#include <stdint.h>

struct frame {
	uint32_t mxcsr;
	uint16_t x87cw;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	uint64_t go_on;
	uint8_t red_zone[128];
};

_Static_assert(offsetof(struct frame, r15) == 8, "switch.S");
_Static_assert(offsetof(struct frame, go_on) == 56, "switch.S");
_Static_assert(sizeof(struct frame) == 192, "switch.S");
_Static_assert(sizeof(struct frame) % 16 == 0, "rsp is aligned when entry is called");

void wf_ctx_entry(void);

void *wf_ctx_make(void *stack_top, void (*entry)(void *arg), void *arg)
{
	struct frame *f = (struct frame *)((uintptr_t)stack_top & ~(uintptr_t)15) - 1;

	__asm__("stmxcsr %0" : "=m"(f->mxcsr));
	__asm__("fnstcw %0" : "=m"(f->x87cw));
	f->rbx = (uintptr_t)entry;
	f->r12 = (uintptr_t)arg;
	f->r13 = f->r14 = f->r15 = 0;
	f->rbp = 0; /* ends the chain of frame pointers */
	f->go_on = (uintptr_t)wf_ctx_entry;
	return f;
}

#endif
