/* SPDX-License-Identifier: MIT */
/*
 * What it costs to do nothing: `weft_idle MS` has two workers and a coroutine that sleeps
 * for ever, and counts what the kernel sees of all threads in MS milliseconds.
 */
#include <weft.h>

#include "micro.h"

static int sleeper(void *arg)
{
	(void)arg;
	return weft_sleep_ns(3600 * WEFT_SEC);
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 2};
	int err = weft_start(&opt);

	if (!err)
		err = weft_spawn(sleeper, NULL, NULL, NULL);
	if (!err)
		bench_idle(bench_count(argc, argv, 2000));
	weft_stop();
	return err != 0;
}
