/* SPDX-License-Identifier: MIT */
/* Five tasks over three threads: weft_pool_open, weft_submit, weft_future_wait. */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <weft.h>

/* It blocks its thread, as calls of libraries do that know nothing of coroutines. */
static int task(void *arg)
{
	int n = (int)(intptr_t)arg;

	usleep(200000);
	return n * n;
}

static int run(void *arg)
{
	const struct weft_pool_options three = {.size = sizeof(three), .threads = 3};
	weft_time begun = weft_now();
	struct weft_executor *pool;
	struct weft_future *future[5];
	int result;

	(void)arg;
	if (weft_pool_open(&three, &pool) < 0)
		return 1;
	for (int n = 0; n < 5; n++)
		if (weft_submit(pool, task, (void *)(intptr_t)n, NULL, &future[n]) < 0)
			return 1;
	for (int n = 0; n < 5; n++) {
		weft_future_wait(future[n], &result);
		weft_future_free(future[n]);
		printf("task %d: %d\n", n, result);
	}
	weft_executor_close(pool, false);
	printf("two rounds of 0.2 s: %s\n",
	       weft_now() - begun < 900 * WEFT_MS ? "0.4 s" : "longer");
	return 0;
}

int main(void)
{
	return weft_run(run, NULL, NULL);
}
