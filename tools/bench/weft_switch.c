/* SPDX-License-Identifier: MIT */
/*
 * weft's raw switch, without the scheduler: N one-way switches between two stacks. The
 * only program here that looks inside: the switch is not public.
 */
#include "sched/arch/arch.h"
#include "micro.h"

static void *here, *there;
static _Alignas(64) char stack[65536];

static void other(void *arg)
{
	(void)arg;
	for (;;)
		wf_ctx_switch(&there, here);
}

int main(int argc, char **argv)
{
	long trips = bench_count(argc, argv, 20000000) / 2;
	uint64_t start;

	there = wf_ctx_make(stack + sizeof(stack), other, NULL);
	wf_ctx_switch(&here, there);
	start = bench_now();
	for (long i = 0; i < trips; i++)
		wf_ctx_switch(&here, there);
	bench_per_op(start, trips * 2);
	return 0;
}
