/* SPDX-License-Identifier: MIT */
/*
 * The context switch of the port that this build chose: callee-saved registers, red zone,
 * alignment, argument, control words, chains, unwinding. Not covered: that the call frame
 * information is right at each single instruction.
 */
#include "sched/arch/arch.h"

#include <criterion/criterion.h>
#include <execinfo.h>
#include <fenv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STACK_SIZE 65536

/* What a context of this test is: two ends that switch to each other. */
struct pair {
	void *main, *co;
	void *stack;
	uintptr_t seen;
	int rounds;
};

static void pair_init(struct pair *p, void (*entry)(void *))
{
	memset(p, 0, sizeof(*p));
	p->stack = aligned_alloc(16, STACK_SIZE);
	cr_assert(p->stack != NULL);
	p->co = wf_ctx_make((char *)p->stack + STACK_SIZE, entry, p);
}

static void pair_fini(struct pair *p)
{
	free(p->stack);
}

static void to_co(struct pair *p)
{
	wf_ctx_switch(&p->main, p->co);
}

static void to_main(struct pair *p)
{
	wf_ctx_switch(&p->co, p->main);
}

/* ---- registers ---- */

/*
 * poisoned_switch(save, load, values): fills every callee-saved register from values and
 * the red zone with values[0], switches, writes the registers back to values. N_VALUES of
 * 0 means that this test does not know the CPU.
 */
#if defined(__x86_64__) && !defined(__ILP32__)
#define N_VALUES 6
#ifdef WF_ARCH_X86_64
#define SWITCH                                                                           \
	"movq %rbx, -8(%rsp)\n movq %rbx, -64(%rsp)\n movq %rbx, -128(%rsp)\n"           \
	"leaq 1f(%rip), %rdx\n jmp wf_ctx_jump\n 1:\n"                                   \
	"movq -8(%rsp), %rcx\n movq -64(%rsp), %rax\n cmpq %rcx, %rax\n jne 2f\n"        \
	"movq -128(%rsp), %rax\n cmpq %rcx, %rax\n je 3f\n 2: ud2\n 3:\n"
#else
#define SWITCH "call wf_ctx_switch\n"
#endif
__asm__(".text\n"
	".type poisoned_switch, @function\n"
	"poisoned_switch:\n"
	"pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
	"pushq %rdx\n"
	"movq (%rdx), %rbx\n movq 8(%rdx), %rbp\n movq 16(%rdx), %r12\n"
	"movq 24(%rdx), %r13\n movq 32(%rdx), %r14\n movq 40(%rdx), %r15\n" SWITCH
	"popq %rdx\n"
	"movq %rbx, (%rdx)\n movq %rbp, 8(%rdx)\n movq %r12, 16(%rdx)\n"
	"movq %r13, 24(%rdx)\n movq %r14, 32(%rdx)\n movq %r15, 40(%rdx)\n"
	"popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n"
	"ret\n"
	".size poisoned_switch, . - poisoned_switch\n");
#elif defined(__aarch64__)
#define N_VALUES 19
#define PAIRS(op)                                                                        \
	op " x19, x20, [x2]\n" op " x21, x22, [x2, #16]\n" op                            \
	   " x23, x24, [x2, #32]\n" op " x25, x26, [x2, #48]\n" op                       \
	   " x27, x28, [x2, #64]\n" op " d8, d9, [x2, #80]\n" op                         \
	   " d10, d11, [x2, #96]\n" op " d12, d13, [x2, #112]\n" op                      \
	   " d14, d15, [x2, #128]\n"
#define LEAF(op)                                                                         \
	op " x19, x20, [sp, #16]\n" op " x21, x22, [sp, #32]\n" op                       \
	   " x23, x24, [sp, #48]\n" op " x25, x26, [sp, #64]\n" op                       \
	   " x27, x28, [sp, #80]\n" op " d8, d9, [sp, #96]\n" op                         \
	   " d10, d11, [sp, #112]\n" op " d12, d13, [sp, #128]\n" op                     \
	   " d14, d15, [sp, #144]\n"
__asm__(".text\n"
	".type poisoned_switch, %function\n"
	"poisoned_switch:\n"
	"stp x29, x30, [sp, #-176]!\n str x2, [sp, #160]\n" LEAF("stp") PAIRS(
		"ldp") "ldr x29, [x2, #144]\n"
		       "bl wf_ctx_switch\n"
		       "ldr x2, [sp, #160]\n" PAIRS("stp") "str x29, [x2, #144]\n" LEAF(
			       "ldp") "ldp x29, x30, [sp], #176\n"
				      "ret\n"
				      ".size poisoned_switch, . - poisoned_switch\n");
#else
#define N_VALUES 0
#endif

#if N_VALUES > 0
void poisoned_switch(void **save, void *load, uint64_t *values);

static void poison_and_check(void **save, void **load, uint64_t seed)
{
	uint64_t v[N_VALUES];

	for (unsigned i = 0; i < N_VALUES; i++)
		v[i] = seed * 0x9e3779b97f4a7c15u + i;
	poisoned_switch(save, *load, v);
	for (unsigned i = 0; i < N_VALUES; i++)
		cr_assert(v[i] == seed * 0x9e3779b97f4a7c15u + i, "register %u", i);
}

static void poisoner(void *arg)
{
	struct pair *p = arg;

	for (uint64_t seed = 1000;; seed++)
		poison_and_check(&p->co, &p->main, seed);
}

Test(switch, callee_saved_registers)
{
	struct pair p;

	pair_init(&p, poisoner);
	for (uint64_t seed = 1; seed < 100; seed++)
		poison_and_check(&p.main, &p.co, seed);
	pair_fini(&p);
}
#endif

/* ---- entry ---- */

static void entry_probe(void *arg)
{
	struct pair *p = arg;
	_Alignas(16) volatile char aligned[16];

	/* The compiler trusts the ABI here, so a misaligned entry shows in the address.
	 */
	p->seen = (uintptr_t)&aligned;
	for (;;) {
		p->rounds++;
		to_main(p);
	}
}

Test(switch, entry_gets_arg_and_an_aligned_stack)
{
	for (unsigned skew = 0; skew < 32; skew++) {
		struct pair p;

		pair_init(&p, entry_probe);
		p.co = wf_ctx_make((char *)p.stack + STACK_SIZE - skew, entry_probe, &p);
		to_co(&p);
		to_co(&p);
		cr_assert(p.rounds == 2);
		cr_assert(p.seen % 16 == 0, "skew %u", skew);
		cr_assert(p.seen > (uintptr_t)p.stack);
		cr_assert(p.seen < (uintptr_t)p.stack + STACK_SIZE - skew);
		pair_fini(&p);
	}
}

Test(switch, make_stays_below_the_top)
{
	struct pair p;
	char *top;

	pair_init(&p, entry_probe);
	top = (char *)p.stack + STACK_SIZE - 4096;
	memset(top, 0x5a, 4096);
	p.co = wf_ctx_make(top, entry_probe, &p);
	to_co(&p);
	for (unsigned i = 0; i < 4096; i++)
		cr_assert(top[i] == 0x5a, "byte %u above the stack", i);
	pair_fini(&p);
}

/* ---- floating point control ---- */

static void rounds_down(void *arg)
{
	struct pair *p = arg;

	p->seen = (uintptr_t)fegetround(); /* inherited from wf_ctx_make's caller */
	for (;;) {
		fesetround(FE_DOWNWARD);
		to_main(p);
		cr_assert(fegetround() == FE_DOWNWARD);
		p->rounds++;
	}
}

Test(switch, rounding_mode_belongs_to_the_context)
{
	struct pair p;
	volatile double one = 1, three = 3;
	double up;

	fesetround(FE_TOWARDZERO);
	pair_init(&p, rounds_down);
	fesetround(FE_UPWARD);
	up = one / three;
	for (int i = 0; i < 10; i++) {
		to_co(&p);
		cr_assert(fegetround() == FE_UPWARD);
		cr_assert(one / three == up);
	}
	cr_assert(p.seen == FE_TOWARDZERO);
	cr_assert(p.rounds == 9);
	fesetround(FE_TONEAREST);
	pair_fini(&p);
}

#ifdef __x86_64__
static uint16_t x87_get(void)
{
	uint16_t cw;

	__asm__ volatile("fnstcw %0" : "=m"(cw));
	return cw;
}

static void x87_set(uint16_t cw)
{
	__asm__ volatile("fldcw %0" : : "m"(cw));
}

static uint32_t mxcsr_get(void)
{
	return __builtin_ia32_stmxcsr();
}

static void control_words(void *arg)
{
	struct pair *p = arg;

	for (;;) {
		x87_set(0x27f); /* double precision; MXCSR as it is */
		to_main(p);
		cr_assert(x87_get() == 0x27f);
		x87_set(0x37f);
		__builtin_ia32_ldmxcsr(0x9f80); /* flush to zero; x87 as at first */
		to_main(p);
		cr_assert((mxcsr_get() & 0xffc0) == 0x9f80);
		__builtin_ia32_ldmxcsr(0x1f80);
		p->rounds++;
	}
}

/* Each word alone, since either difference alone must be seen. */
Test(switch, mxcsr_and_x87_word_each_alone)
{
	struct pair p;

	pair_init(&p, control_words);
	for (int i = 0; i < 10; i++) {
		to_co(&p);
		cr_assert(x87_get() == 0x37f);
		cr_assert((mxcsr_get() & 0xffc0) == 0x1f80);
	}
	cr_assert(p.rounds == 4);
	pair_fini(&p);
}
#endif

/* ---- values that the compiler keeps in registers ---- */

static double mix(struct pair *p, void (*go)(struct pair *), unsigned seed)
{
	double a = seed, b = seed + 0.5;
	long double c = seed * 3.0L;
	uint64_t i = seed, j = seed * 7u, k = seed * 11u;

	for (unsigned n = 0; n < 50; n++) {
		go(p);
		a += b, c += a, i += j, j ^= k, k += i;
	}
	return a + (double)c + (double)(i ^ j ^ k);
}

static void nothing(struct pair *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

static void mixer(void *arg)
{
	struct pair *p = arg;

	for (unsigned seed = 100;; seed++)
		cr_assert(mix(p, to_main, seed) == mix(p, nothing, seed));
}

Test(switch, live_values_survive)
{
	struct pair p;

	pair_init(&p, mixer);
	for (unsigned seed = 0; seed < 20; seed++)
		cr_assert(mix(&p, to_co, seed) == mix(&p, nothing, seed));
	pair_fini(&p);
}

/* ---- chains ---- */

#define N_LINKS 500

struct link {
	void *self, **next;
	unsigned *count;
	unsigned id;
};

static void link_run(void *arg)
{
	struct link *l = arg;

	for (unsigned round = 0;; round++) {
		cr_assert(*l->count == round * N_LINKS + l->id);
		++*l->count;
		wf_ctx_switch(&l->self, *l->next);
	}
}

Test(switch, five_hundred_in_a_ring)
{
	static struct link links[N_LINKS];
	static char stacks[N_LINKS][16384] __attribute__((aligned(16)));
	unsigned count = 0;
	void *self = NULL;

	for (unsigned i = 0; i < N_LINKS; i++) {
		links[i].next = i + 1 < N_LINKS ? &links[i + 1].self : &self;
		links[i].count = &count;
		links[i].id = i;
		links[i].self =
			wf_ctx_make(stacks[i] + sizeof(stacks[i]), link_run, &links[i]);
	}
	for (unsigned round = 1; round <= 20; round++) {
		wf_ctx_switch(&self, links[0].self);
		cr_assert(count == round * N_LINKS);
	}
}

/* ---- unwinding ---- */

static __attribute__((noinline)) int depth_below(unsigned n)
{
	void *frames[64];
	int depth = n ? depth_below(n - 1) : backtrace(frames, 64);

	__asm__ volatile("" : "+r"(depth)); /* no tail call */
	return depth;
}

static void unwinder(void *arg)
{
	struct pair *p = arg;

	for (;;) {
		p->seen = (uintptr_t)depth_below(10);
		to_main(p);
	}
}

Test(switch, a_backtrace_ends_at_the_entry)
{
	struct pair p;

	pair_init(&p, unwinder);
	to_co(&p);
	/* 11 frames of depth_below, unwinder, perhaps the trampoline and libc's */
	cr_assert(p.seen >= 12 && p.seen <= 15, "%d frames", (int)p.seen);
	pair_fini(&p);
}

#ifdef WF_CTX_VISITS

/* The frames of one who is suspended, by itself before it was and by who looked. */
struct look {
	struct pair pair; /* first */
	void *own[64], *seen[64];
	int n_own, n_seen;
};

static __attribute__((noinline)) int suspend_below(struct look *l, unsigned n)
{
	int depth = 0;

	if (n) {
		depth = suspend_below(l, n - 1);
	} else {
		l->n_own = backtrace(l->own, 64);
		to_main(&l->pair);
	}
	__asm__ volatile("" : "+r"(depth)); /* no tail call */
	return depth;
}

static void suspended(void *arg)
{
	for (;;)
		suspend_below(arg, 10);
}

static void look(void *arg)
{
	struct look *l = arg;
	void *frame[64];
	int n = backtrace(frame, 64), first = 0;

	while (first < n && frame[first] != wf_ctx_visited())
		first++;
	for (int i = first + 1; i < n; i++)
		l->seen[l->n_seen++] = frame[i];
}

Test(switch, a_visitor_sees_the_frames_of_a_suspended_context)
{
	static struct look l;

	pair_init(&l.pair, suspended);
	wf_ctx_visit(l.pair.co, look, &l); /* it has not begun */
	cr_assert_leq(l.n_seen, 2, "%d frames", l.n_seen);
	to_co(&l.pair);
	l.n_seen = 0;
	wf_ctx_visit(l.pair.co, look, &l);
	cr_assert(l.n_seen >= 11 && l.n_own >= 11, "%d, %d", l.n_own, l.n_seen);
	for (int i = 1; i < 11;
	     i++) /* from the outermost; the innermost went on a little */
		cr_assert_eq(l.own[l.n_own - i], l.seen[l.n_seen - i], "frame %d", i);
	to_co(&l.pair); /* nothing was touched */
	pair_fini(&l.pair);
}

#endif
