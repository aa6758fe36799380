/* SPDX-License-Identifier: MIT */
/* Two coroutines gathered: weft_run, weft_sleep_ns, weft_gather. */
#include <stdio.h>
#include <string.h>
#include <weft.h>

struct fetch {
	const char *name;
	weft_time span;
};

static int fetch(void *arg)
{
	const struct fetch *f = arg;

	printf("%s begins\n", f->name);
	weft_sleep_ns(f->span);
	printf("%s ends\n", f->name);
	return (int)strlen(f->name);
}

static int run(void *arg)
{
	struct fetch slow = {"slow", 600 * WEFT_MS}, quick = {"quick", 300 * WEFT_MS};
	struct weft_task task[] = {{fetch, &slow, 0}, {fetch, &quick, 0}};
	weft_time begun = weft_now();

	(void)arg;
	weft_gather(task, 2, NULL, NULL);
	printf("results [%d, %d] after %s\n", task[0].status, task[1].status,
	       weft_now() - begun < 850 * WEFT_MS ? "0.6 s" : "longer");
	return 0;
}

int main(void)
{
	const struct weft_options one = {.size = sizeof(one), .workers = 1};

	return weft_run(run, NULL, &one);
}
