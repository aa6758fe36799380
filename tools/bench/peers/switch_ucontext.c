/* SPDX-License-Identifier: MIT */
/* Raw switch, swapcontext(3): N one-way switches; each saves the signal mask by a system
 * call. */
#include <ucontext.h>

#include "../micro.h"

static ucontext_t here, there;
static char stack[65536];

static void other(void)
{
	for (;;)
		swapcontext(&there, &here);
}

int main(int argc, char **argv)
{
	long trips = bench_count(argc, argv, 1000000) / 2;
	uint64_t start;

	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	makecontext(&there, other, 0);
	swapcontext(&here, &there);
	start = bench_now();
	for (long i = 0; i < trips; i++)
		swapcontext(&here, &there);
	bench_per_op(start, trips * 2);
	return 0;
}
