/* SPDX-License-Identifier: MIT */
/*
 * The caller's half of the switch: neither a call nor a return. A CPU predicts returns
 * from a stack of its own, filled by calls. A switch that is called and ends in `ret` is
 * mispredicted whenever the two contexts stopped at different places; one that is called
 * and ends in `jmp` leaves an entry behind, and every return of the callers is
 * mispredicted instead. Here the return address travels in rdx, and the predictor sees a
 * plain jump.
 *
 * ns per switch, min of 7 rounds, one run (fcontext is called and ends in jmp):
 *                                               this   call+ret   call+jmp   fcontext
 *   two contexts stopped at different places    2.7    11.8       3.2        4.2
 *   at the same place, two calls deep           3.6     3.8      21.2       22.7
 */
#ifndef WF_ARCH_X86_64_SWITCH_H
#define WF_ARCH_X86_64_SWITCH_H

/* Registers that exist only where the compiler was told so. */
#ifdef __AVX512F__
#define WF_CTX_CLOBBER_AVX512                                                            \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",        \
		"xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",  \
		"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define WF_CTX_CLOBBER_AVX512
#endif

/* The label is reached by an indirect jump, which CET allows only to an endbr64. */
#if defined(__CET__) && (__CET__ & 1)
#define WF_CTX_LANDING "endbr64\n"
#else
#define WF_CTX_LANDING
#endif

/*
 * Suspend the caller into *save and resume load. Returns when somebody switches to *save,
 * perhaps on another thread. Clobbers what a call clobbers; the red zone is kept.
 */
static inline __attribute__((always_inline)) void wf_ctx_switch(void **save, void *load)
{
	__asm__ volatile("leaq 1f(%%rip), %%rdx\n\t"
			 "jmp wf_ctx_jump\n"
			 "1:\t" WF_CTX_LANDING
			 : "+D"(save), "+S"(load)
			 :
			 : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc",
			   "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",
			   "st(7)", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6",
			   "mm7", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
			   "xmm14", "xmm15" WF_CTX_CLOBBER_AVX512);
}

#undef WF_CTX_LANDING
#undef WF_CTX_CLOBBER_AVX512

#endif
