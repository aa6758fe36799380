/* SPDX-License-Identifier: MIT */
/*
 * The AArch64 context switch. A suspended context points at this frame on its own stack:
 *
 *	  0  FPCR (8 bytes, 8 unused)
 *	 16  x19 .. x28   96  x29   104  x30: where to go on
 *	112  d8 .. d15
 *	176  the caller's sp
 *
 * Those are the callee-saved registers of the AAPCS64: of v8-v15 only the low halves are.
 * FPCR holds rounding, flush-to-zero and trap bits; FPSR holds status and is left alone.
 * Writing FPCR may drain the pipeline, so it is written only if the two differ.
 */
#include "../select.h"

#ifdef WF_ARCH_AARCH64

#define FRAME 176

	.text

/* wf_ctx_switch(x0: void **save, x1: void *load) */
	.p2align 6
	.globl	wf_ctx_switch
	.hidden	wf_ctx_switch
	.type	wf_ctx_switch, %function
wf_ctx_switch:
	.cfi_startproc
	hint	#34		/* bti c */
	sub	sp, sp, #FRAME
	.cfi_def_cfa_offset FRAME
	mrs	x9, fpcr
	str	x9, [sp]
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	x29, x30, [sp, #96]
	stp	d8, d9, [sp, #112]
	stp	d10, d11, [sp, #128]
	stp	d12, d13, [sp, #144]
	stp	d14, d15, [sp, #160]
	mov	x10, sp
	str	x10, [x0]
	mov	sp, x1
	.cfi_offset x19, 16 - FRAME
	.cfi_offset x20, 24 - FRAME
	.cfi_offset x21, 32 - FRAME
	.cfi_offset x22, 40 - FRAME
	.cfi_offset x23, 48 - FRAME
	.cfi_offset x24, 56 - FRAME
	.cfi_offset x25, 64 - FRAME
	.cfi_offset x26, 72 - FRAME
	.cfi_offset x27, 80 - FRAME
	.cfi_offset x28, 88 - FRAME
	.cfi_offset x29, 96 - FRAME
	.cfi_offset x30, 104 - FRAME
	.cfi_offset d8, 112 - FRAME
	.cfi_offset d9, 120 - FRAME
	.cfi_offset d10, 128 - FRAME
	.cfi_offset d11, 136 - FRAME
	.cfi_offset d12, 144 - FRAME
	.cfi_offset d13, 152 - FRAME
	.cfi_offset d14, 160 - FRAME
	.cfi_offset d15, 168 - FRAME

/* From here on this is the incoming context. */
	.globl	wf_ctx_parked
	.hidden	wf_ctx_parked
wf_ctx_parked:
	ldr	x10, [sp]
	cmp	x9, x10
	b.ne	2f
1:	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp, #96]
	ldp	d8, d9, [sp, #112]
	ldp	d10, d11, [sp, #128]
	ldp	d12, d13, [sp, #144]
	ldp	d14, d15, [sp, #160]
	.cfi_remember_state
	add	sp, sp, #FRAME
	.cfi_def_cfa_offset 0
	.cfi_restore x19
	.cfi_restore x20
	.cfi_restore x21
	.cfi_restore x22
	.cfi_restore x23
	.cfi_restore x24
	.cfi_restore x25
	.cfi_restore x26
	.cfi_restore x27
	.cfi_restore x28
	.cfi_restore x29
	.cfi_restore x30
	.cfi_restore d8
	.cfi_restore d9
	.cfi_restore d10
	.cfi_restore d11
	.cfi_restore d12
	.cfi_restore d13
	.cfi_restore d14
	.cfi_restore d15
	ret
	.cfi_restore_state
2:	msr	fpcr, x10
	b	1b
	.cfi_endproc
	.size	wf_ctx_switch, . - wf_ctx_switch

/* Where a new context begins: wf_ctx_make left entry in x19 and arg in x20. */
	.p2align 4
	.type	wf_ctx_start, %function
	.globl	wf_ctx_start
	.hidden	wf_ctx_start
	.cfi_startproc
wf_ctx_start:
	.cfi_undefined x30	/* nobody called: the stack ends here */
	.cfi_undefined x29
	nop			/* an unwinder looks up the byte before a return address */
	.globl	wf_ctx_entry
	.hidden	wf_ctx_entry
wf_ctx_entry:
	mov	x0, x20
	blr	x19
	brk	#1		/* entry returned */
	.cfi_endproc
	.size	wf_ctx_start, . - wf_ctx_start

/*
 * wf_ctx_visit(x0: ctx, x1: fn, x2: arg): while fn runs, this frame says that its caller's stack
 * pointer is ctx, and that it was called by the instruction at wf_ctx_parked.
 */
	.p2align 4
	.globl	wf_ctx_visit
	.hidden	wf_ctx_visit
	.type	wf_ctx_visit, %function
wf_ctx_visit:
	.cfi_startproc
	hint	#34		/* bti c */
	stp	x29, x30, [sp, #-32]!
	.cfi_def_cfa_offset 32
	.cfi_offset x29, -32
	.cfi_offset x30, -24
	stp	x19, x20, [sp, #16]
	.cfi_offset x19, -16
	.cfi_offset x20, -8
	mov	x19, x0
	adr	x20, wf_ctx_parked + 4
	mov	x0, x2
	.cfi_remember_state
	.cfi_def_cfa x19, 0
	.cfi_register x30, x20
	blr	x1
	.cfi_restore_state
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #32
	.cfi_restore x19
	.cfi_restore x20
	.cfi_restore x29
	.cfi_restore x30
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	.size	wf_ctx_visit, . - wf_ctx_visit

#endif

	.section .note.GNU-stack, "", %progbits
