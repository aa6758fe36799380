/* SPDX-License-Identifier: MIT */
/* Raw switch, boost.context's fcontext: N one-way jumps between two stacks. */
#include "../micro.h"

typedef void *fcontext_t;
struct transfer {
	fcontext_t from;
	void *data;
};

struct transfer jump_fcontext(fcontext_t to, void *data);
fcontext_t make_fcontext(void *stack_top, size_t size, void (*fn)(struct transfer));

static _Alignas(64) char stack[65536];

static void other(struct transfer t)
{
	for (;;)
		t = jump_fcontext(t.from, NULL);
}

int main(int argc, char **argv)
{
	long trips = bench_count(argc, argv, 20000000) / 2;
	struct transfer t = {make_fcontext(stack + sizeof(stack), sizeof(stack), other),
			     NULL};
	uint64_t start;

	t = jump_fcontext(t.from, NULL);
	start = bench_now();
	for (long i = 0; i < trips; i++)
		t = jump_fcontext(t.from, NULL);
	bench_per_op(start, trips * 2);
	return 0;
}
