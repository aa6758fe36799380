	.text
	.globl wf_ctx_switch
	.hidden wf_ctx_switch
	.type wf_ctx_switch,@function
	.align 16
wf_ctx_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $8,%rsp
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	movl (%rsp),%eax
	movzwl 4(%rsp),%ecx
	movq %rsp,(%rdi)
	movq %rsi,%rsp
	cmpl (%rsp),%eax
	jne 1f
2:	cmpw 4(%rsp),%cx
	jne 3f
4:	addq $8,%rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
1:	ldmxcsr (%rsp)
	jmp 2b
3:	fldcw 4(%rsp)
	jmp 4b
	.size wf_ctx_switch,.-wf_ctx_switch
	.globl wf_ctx_start
	.hidden wf_ctx_start
wf_ctx_start:
	movq %r12,%rdi
	call *%r13
	ud2
	.section .note.GNU-stack,"",@progbits
