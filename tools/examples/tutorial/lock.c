/* SPDX-License-Identifier: MIT */
/* A count that many change: weft_mutex, held for a scope. */
#include <stdio.h>
#include <weft.h>

static long count;
static struct weft_mutex lock;

static int add(void *arg)
{
	for (long times = *(long *)arg; times > 0; times--) {
		weft_lock_scoped(held, &lock);
		if (held.err)
			return held.err;
		count++;
	}
	return 0;
}

static int run(void *arg)
{
	const struct weft_co_attr in_turn = {.size = sizeof(in_turn),
					     .place = WEFT_CO_ALL_IN_TURN};
	long times = 100000;
	struct weft_co *co[8];

	(void)arg;
	for (int i = 0; i < 8; i++)
		if (weft_spawn(add, &times, &in_turn, &co[i]) < 0)
			return 1;
	for (int i = 0; i < 8; i++)
		weft_join(co[i], NULL);
	printf("count %ld\n", count);
	return 0;
}

int main(void)
{
	return weft_run(run, NULL, NULL);
}
