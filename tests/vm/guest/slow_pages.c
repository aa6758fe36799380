/* SPDX-License-Identifier: MIT */
/*
 * Counts pages of free memory to which the emulator is slow to write, because it keeps translations of
 * code that was there before (../README.md): `SLOW-PAGES N`. A store to them takes hundreds of times as long.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { STORES = 200, SLOW_NS = 40000, TRIES = 5 };

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Each time: once, its CPU may have been taken away. */
static bool is_slow(volatile uint64_t *word)
{
	for (int i = 0; i < TRIES; i++) {
		long start = now();
		for (int j = 0; j < STORES; j++)
			*word = 1;
		if (now() - start < SLOW_NS)
			return false;
	}
	return true;
}

int main(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (size_t)sysconf(_SC_AVPHYS_PAGES) / 4 * 3, slow = 0;
	char *all = mmap(NULL, n * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < n; i++)
		slow += is_slow((volatile void *)(all + i * page + page / 2));
	printf("SLOW-PAGES %zu\n", slow);
	return 0;
}
