/* SPDX-License-Identifier: MIT */
/* Two tasks side by side: weft_spawn, weft_join. */
#include <stdio.h>
#include <weft.h>

static int task(void *arg)
{
	const char *name = arg;

	printf("%s begins\n", name);
	weft_sleep_ns(2 * WEFT_SEC);
	printf("%s ends\n", name);
	return 0;
}

static int run(void *arg)
{
	weft_time begun = weft_now();
	struct weft_co *co[2];

	(void)arg;
	for (int i = 0; i < 2; i++) {
		if (weft_spawn(task, i ? "task 2" : "task 1", NULL, &co[i]) < 0)
			return 1;
		weft_sleep_ns(100 * WEFT_MS);
	}
	for (int i = 0; i < 2; i++)
		weft_join(co[i], NULL);
	printf("all done after %s\n",
	       weft_now() - begun < 3500 * WEFT_MS ? "2 s" : "longer");
	return 0;
}

int main(void)
{
	return weft_run(run, NULL, NULL);
}
