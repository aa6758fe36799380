/* SPDX-License-Identifier: MIT */
/* A round trip by nothing but a futex between two processes: `queue_futex N`. One word goes up by
 * one on each side in turn. */
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../pair.h"

static uint32_t *word;
static long n;

static void await(uint32_t want)
{
	uint32_t seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != want)
		syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL);
}

static void go_on(uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE, 1);
}

static int other(void)
{
	for (long i = 0; i < n; i++) {
		await((uint32_t)(2 * i + 1));
		go_on((uint32_t)(2 * i + 2));
	}
	return 0;
}

int main(int argc, char **argv)
{
	int cpu = pair_cpu(0);

	n = bench_count(argc, argv, 20000);
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
	pid_t pid = pair_child(pair_cpu(1), other);
	pair_pin(cpu);
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++) {
		go_on((uint32_t)(2 * i + 1));
		await((uint32_t)(2 * i + 2));
	}
	return pair_end(start, n, 0, pid);
}
