/* SPDX-License-Identifier: MIT */
/*
 * The x86-64 context switch. A suspended context points at this frame on its own stack:
 *
 *	  0  MXCSR (4 bytes), x87 control word (2 bytes)
 *	  8  r15   16  r14   24  r13   32  r12   40  rbx   48  rbp
 *	 56  where to go on
 *	 64  128 bytes that the caller may be using: the red zone
 *	192  the caller's rsp
 *
 * Those are the callee-saved registers of the System V ABI; every other register is dead
 * across the switch, since switch.h lists it as clobbered.
 *
 * Loading a control word is slow and nearly never needed, so the incoming words are loaded
 * only if they differ from the outgoing. MXCSR's low six bits are sticky status flags, not
 * control: they belong to nobody and are left out of the comparison, or any coroutine that
 * had ever divided would pay on each switch.
 *
 * rsp never lies above live data: a signal handler may run between any two instructions.
 */
#include "../select.h"

#ifdef WF_ARCH_X86_64

#define FRAME 192
#define MXCSR_CONTROL 0xffc0

	.text

/* wf_ctx_jump(rdi: void **save, rsi: void *load, rdx: where to go on) */
	.p2align 6
	.globl	wf_ctx_jump
	.hidden	wf_ctx_jump
	.type	wf_ctx_jump, @function
wf_ctx_jump:
	.cfi_startproc
	.cfi_def_cfa rsp, 0
	.cfi_register rip, rdx
	leaq	-FRAME(%rsp), %rsp
	.cfi_def_cfa_offset FRAME
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movq	%r15, 8(%rsp)
	movq	%r14, 16(%rsp)
	movq	%r13, 24(%rsp)
	movq	%r12, 32(%rsp)
	movq	%rbx, 40(%rsp)
	movq	%rbp, 48(%rsp)
	movq	%rdx, 56(%rsp)
	movq	%rsp, %rax
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	.cfi_offset r15, 8 - FRAME
	.cfi_offset r14, 16 - FRAME
	.cfi_offset r13, 24 - FRAME
	.cfi_offset r12, 32 - FRAME
	.cfi_offset rbx, 40 - FRAME
	.cfi_offset rbp, 48 - FRAME
	.cfi_offset rip, 56 - FRAME

/* From here on this is the incoming context. */
	.globl	wf_ctx_parked
	.hidden	wf_ctx_parked
wf_ctx_parked:
	movq	56(%rsp), %rdx
	movl	(%rax), %r8d
	xorl	(%rsp), %r8d
	movzwl	4(%rax), %ecx
	xorw	4(%rsp), %cx
	andl	$MXCSR_CONTROL, %r8d
	orl	%ecx, %r8d
	jnz	2f
1:	movq	8(%rsp), %r15
	movq	16(%rsp), %r14
	movq	24(%rsp), %r13
	movq	32(%rsp), %r12
	movq	40(%rsp), %rbx
	movq	48(%rsp), %rbp
	.cfi_remember_state
	leaq	FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 0
	.cfi_same_value r15
	.cfi_same_value r14
	.cfi_same_value r13
	.cfi_same_value r12
	.cfi_same_value rbx
	.cfi_same_value rbp
	.cfi_register rip, rdx
	jmpq	*%rdx
	.cfi_restore_state
2:	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	jmp	1b
	.cfi_endproc
	.size	wf_ctx_jump, . - wf_ctx_jump

/* Where a new context begins: wf_ctx_make left entry in rbx and arg in r12. */
	.p2align 4
	.type	wf_ctx_start, @function
	.globl	wf_ctx_start
	.hidden	wf_ctx_start
	.cfi_startproc
wf_ctx_start:
	.cfi_undefined rip	/* nobody called: the stack ends here */
	.cfi_undefined rbp
	nop			/* an unwinder looks up the byte before a return address */
	.globl	wf_ctx_entry
	.hidden	wf_ctx_entry
wf_ctx_entry:
	endbr64
	movq	%r12, %rdi
	/* A jump with a return address laid down by hand: a call that never returns would
	 * put the CPU's return stack out of step, for whoever runs next on this thread. */
	leaq	1f(%rip), %rax
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	jmpq	*%rbx
1:	ud2			/* entry returned */
	.cfi_endproc
	.size	wf_ctx_start, . - wf_ctx_start

/*
 * wf_ctx_visit(rdi: ctx, rsi: fn, rdx: arg): while fn runs, this frame says that its caller's stack
 * pointer is ctx, and that it was called by the instruction at wf_ctx_parked.
 */
	.p2align 4
	.globl	wf_ctx_visit
	.hidden	wf_ctx_visit
	.type	wf_ctx_visit, @function
wf_ctx_visit:
	.cfi_startproc
	endbr64
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%rdi, %rbx
	leaq	wf_ctx_parked+1(%rip), %r12
	movq	%rdx, %rdi
	.cfi_remember_state
	.cfi_def_cfa rbx, 0
	.cfi_register rip, r12
	call	*%rsi
	.cfi_restore_state
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	wf_ctx_visit, . - wf_ctx_visit

#endif

	.section .note.GNU-stack, "", @progbits
