/* SPDX-License-Identifier: MIT */
/* Boost.Fiber, one thread: `fiber N yield|spawn|memory`, as weft's programs of that name.
 */
#include <boost/fiber/all.hpp>
#include <chrono>
#include <unistd.h>

#include "../micro.h"

namespace fibers = boost::fibers;

static void yields(long n)
{
	long each = n / 2;
	auto turns = [each] {
		for (long i = 0; i < each; i++)
			boost::this_fiber::yield();
	};
	fibers::fiber a(turns), b(turns);
	uint64_t start = bench_now();

	a.join();
	b.join();
	bench_per_op(start, each * 2);
}

static void spawns(long n)
{
	fibers::pooled_fixedsize_stack stacks;
	uint64_t start = bench_now();

	for (long i = 0; i < n; i++) {
		fibers::fiber f(std::allocator_arg, stacks, [] {});
		f.join();
	}
	bench_per_op(start, n);
}

static void memory(long n)
{
	long asleep = 0, before = bench_memory();
	uint64_t start = bench_now();

	for (long i = 0; i < n; i++)
		fibers::fiber([&asleep] {
			asleep++;
			boost::this_fiber::sleep_for(std::chrono::hours(1));
		}).detach();
	while (asleep < n)
		boost::this_fiber::yield();
	printf("create_ns_per_coroutine %.1f\n",
	       (double)(bench_now() - start) / (double)n);
	printf("bytes_per_coroutine %.1f\n",
	       (double)(bench_memory() - before) / (double)n);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	long n = bench_count(argc, argv, 1000);
	const char *what = argc > 2 ? argv[2] : "yield";

	if (!strcmp(what, "yield"))
		yields(n);
	else if (!strcmp(what, "spawn"))
		spawns(n);
	else
		memory(n);
	return 0;
}
