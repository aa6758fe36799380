/* SPDX-License-Identifier: MIT */
/*
 * What the kernel asks for N stacks, and nothing else: one mapping, a guard page in each slot
 * of 64 KiB and one page of it touched. The least that creating coroutines can cost.
 */
#include <sys/mman.h>

#include "../micro.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { SLOT = 65536, PAGE = 4096 };

int main(int argc, char **argv)
{
	long n = bench_count(argc, argv, 100000);
	size_t bytes = (size_t)n * SLOT;
	long before = bench_memory();
	char *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return 1;
	madvise(mem, bytes, MADV_NOHUGEPAGE);
	uint64_t start = bench_now();
	for (char *slot = mem; slot < mem + bytes; slot += SLOT) {
		if (madvise(slot, PAGE, MADV_GUARD_INSTALL)) {
			fprintf(stderr, "no MADV_GUARD_INSTALL\n");
			return 1;
		}
		slot[SLOT - PAGE] = 1;
	}
	printf("create_ns_per_coroutine %.1f\n",
	       (double)(bench_now() - start) / (double)n);
	printf("bytes_per_coroutine %.1f\n",
	       (double)(bench_memory() - before) / (double)n);
	return 0;
}
