/* SPDX-License-Identifier: MIT */
/* Create and join an empty thread, N times, one at a time. */
#include <pthread.h>

#include "../micro.h"

static void *empty(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	long n = bench_count(argc, argv, 10000);
	uint64_t start = bench_now();
	pthread_t t;

	for (long i = 0; i < n; i++) {
		if (pthread_create(&t, NULL, empty, NULL))
			return 1;
		pthread_join(t, NULL);
	}
	bench_per_op(start, n);
	return 0;
}
