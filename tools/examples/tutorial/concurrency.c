/* SPDX-License-Identifier: MIT */
/* Waiting interleaves on one core; computing needs several: one tool in weft. */
#include <stdbool.h>
#include <stdio.h>
#include <weft.h>

static int wait(void *arg)
{
	return weft_sleep_ns(*(weft_time *)arg);
}

struct part {
	int first, last, primes;
};

static bool is_prime(int n)
{
	for (int d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return true;
}

static int count_primes(void *arg)
{
	struct part *p = arg;

	for (int n = p->first; n < p->last; n++)
		p->primes += is_prime(n);
	return 0;
}

static int run(void *arg)
{
	weft_time span = 200 * WEFT_MS, begun = weft_now();
	struct part part[] = {
		{2, 20000, 0}, {20000, 40000, 0}, {40000, 60000, 0}, {60000, 80000, 0}};
	struct weft_co *co[4];
	int sum = 0;

	(void)arg;
	for (int i = 0; i < 4; i++)
		if (weft_spawn(wait, &span, NULL, &co[i]) < 0)
			return 1;
	for (int i = 0; i < 4; i++)
		weft_join(co[i], NULL);
	printf("four waits of 0.2 s took %s\n",
	       weft_now() - begun < 600 * WEFT_MS ? "0.2 s" : "longer");

	for (int i = 0; i < 4; i++)
		if (weft_spawn(count_primes, &part[i], NULL, &co[i]) < 0)
			return 1;
	for (int i = 0; i < 4; i++) {
		weft_join(co[i], NULL);
		printf("part %d: %d primes\n", i, part[i].primes);
		sum += part[i].primes;
	}
	printf("together %d\n", sum);
	return 0;
}

int main(void)
{
	return weft_run(run, NULL, NULL);
}
