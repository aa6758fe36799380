/* SPDX-License-Identifier: MIT */
/* Boost.Fiber, one thread: `fiber N yield|spawn|memory|chan|many|one|mutex|wg|executor`, as weft's programs
 * of that name. It has no select. */
#include <boost/fiber/all.hpp>
#include <chrono>
#include <unistd.h>
#include <vector>

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

static void channel(long n)
{
	fibers::unbuffered_channel<long> to, from;
	fibers::fiber pong([&] {
		long elem;
		while (to.pop(elem) == fibers::channel_op_status::success)
			from.push(elem);
	});
	uint64_t start = bench_now();

	for (long i = 0, elem; i < n; i++) {
		to.push(i);
		from.pop(elem);
	}
	bench_per_op(start, n);
	to.close();
	pong.join();
}

static void through_one(long n, bool many_send)
{
	enum { MANY = 8, HELD = 64 };
	fibers::buffered_channel<long> c(HELD);
	std::vector<fibers::fiber> all;
	long each = n / MANY, elem;
	uint64_t start = bench_now();

	for (int p = 0; p < MANY; p++)
		all.emplace_back([&c, each, many_send] {
			long got;
			for (long i = 0; many_send && i < each; i++)
				c.push(i);
			while (!many_send &&
			       c.pop(got) == fibers::channel_op_status::success)
				;
		});
	for (long i = 0; i < each * MANY; i++)
		if (many_send)
			c.pop(elem);
		else
			c.push(i);
	c.close();
	for (auto &f : all)
		f.join();
	bench_per_op(start, each * MANY);
}

static void mutex(long n, int parties)
{
	fibers::mutex m;
	std::vector<fibers::fiber> all;
	long each = n / parties, count = 0;
	uint64_t start = bench_now();

	for (int p = 0; p < parties; p++)
		all.emplace_back([&] {
			for (long i = 0; i < each; i++) {
				m.lock();
				count++;
				m.unlock();
				if (i % 100 == 99)
					boost::this_fiber::yield();
			}
		});
	for (auto &f : all)
		f.join();
	bench_per_op(start, count);
}

/* It has no wait group either: a count, a mutex and a condition. */
static void group(long n)
{
	fibers::pooled_fixedsize_stack stacks;
	fibers::mutex m;
	fibers::condition_variable none;
	long left = 0;

	for (int round = 0; round < 2; round++) {
		uint64_t start = bench_now();

		left = n;
		for (long i = 0; i < n; i++)
			fibers::fiber(std::allocator_arg, stacks, [&] {
				std::unique_lock<fibers::mutex> lock(m);
				if (--left == 0)
					none.notify_all();
			}).detach();
		std::unique_lock<fibers::mutex> lock(m);
		none.wait(lock, [&] { return left == 0; });
		if (round)
			bench_per_op(start, n);
	}
}

static void executor(long n, bool batches)
{
	enum { BATCH = 512 };
	fibers::pooled_fixedsize_stack stacks;
	auto submit = [&] {
		return fibers::async(fibers::launch::post, std::allocator_arg, stacks,
				     [] { return 0; });
	};
	uint64_t start = bench_now();

	for (long i = 0; i < n && !batches; i++)
		submit().get();
	for (long done = 0; done < n && batches; done += BATCH) {
		std::vector<fibers::future<int>> all;
		for (int i = 0; i < BATCH; i++)
			all.push_back(submit());
		for (auto &one : all)
			one.get();
	}
	bench_per_op(start, batches ? (n + BATCH - 1) / BATCH * BATCH : n);
}

int main(int argc, char **argv)
{
	long n = bench_count(argc, argv, 1000);
	const char *what = argc > 2 ? argv[2] : "yield";

	if (!strcmp(what, "yield"))
		yields(n);
	else if (!strcmp(what, "spawn"))
		spawns(n);
	else if (!strcmp(what, "chan"))
		channel(n);
	else if (!strcmp(what, "many") || !strcmp(what, "one"))
		through_one(n, *what == 'm');
	else if (!strcmp(what, "mutex"))
		mutex(n, argc > 3 ? atoi(argv[3]) : 1);
	else if (!strcmp(what, "wg"))
		group(n);
	else if (!strcmp(what, "executor"))
		executor(n, argc > 3 && argv[3][0] == 'b');
	else
		memory(n);
	return 0;
}
