/* SPDX-License-Identifier: MIT */
/* There is no such lock here: coroutines use all workers. */
#include <stdint.h>
#include <stdio.h>
#include <weft.h>

static int spin(void *arg)
{
	uint64_t *x = arg;

	for (int i = 0; i < 5000000; i++) {
		*x = (*x * 1103515245 + 12345) % 2147483648;
		weft_checkpoint(); /* lets others go first when it is time */
	}
	return 0;
}

static int run(void *arg)
{
	const struct weft_co_attr in_turn = {.size = sizeof(in_turn),
					     .place = WEFT_CO_ALL_IN_TURN};
	uint64_t x[2] = {0, 1};
	struct weft_co *co[2];

	(void)arg;
	for (int i = 0; i < 2; i++)
		if (weft_spawn(spin, &x[i], &in_turn, &co[i]) < 0)
			return 1;
	for (int i = 0; i < 2; i++) {
		weft_join(co[i], NULL);
		printf("loop %d ends at %llu\n", i, (unsigned long long)x[i]);
	}
	return 0;
}

int main(void)
{
	return weft_run(run, NULL, NULL);
}
