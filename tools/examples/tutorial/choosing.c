/* SPDX-License-Identifier: MIT */
/* Both at once: coroutines that answer, and processes that compute, so that neither waits. */
#include <stdbool.h>
#include <stdio.h>
#include <weft.h>
#include <weft/job.h>

static ssize_t heavy(const struct weft_job_args *a)
{
	long *x = a->out;

	*x = *(const int *)a->in;
	for (int i = 0; i < 10000000; i++)
		*x = (*x * 1103515245 + 12345) % 2147483648;
	return sizeof(*x);
}
WEFT_JOB("heavy", heavy)

static int light(void *arg)
{
	for (int *answers = arg; weft_sleep_ns(WEFT_MS) == 0; ++*answers)
		;
	return 0; /* cancelled */
}

struct work {
	struct weft_job_pool *pool;
	int n;
	long x;
};

static int ask(void *arg)
{
	struct work *w = arg;

	return (int)weft_job_call(w->pool, "heavy", &w->n, sizeof(w->n), &w->x,
				  sizeof(w->x), NULL);
}

static int run(void *pool)
{
	struct work work[4];
	struct weft_task task[4];
	struct weft_co *ticking;
	int answers = 0;

	if (weft_spawn(light, &answers, NULL, &ticking) < 0)
		return 1;
	for (int n = 0; n < 4; n++) {
		work[n] = (struct work){pool, n, 0};
		task[n] = (struct weft_task){ask, &work[n], 0};
	}
	weft_gather(task, 4, NULL, NULL);
	weft_cancel(ticking);
	weft_join(ticking, NULL);
	for (int n = 0; n < 4; n++)
		printf("heavy %d: %ld\n", n, work[n].x);
	printf("and was there for others meanwhile: %s\n",
	       answers > 3 ? "True" : "False");
	return 0;
}

int main(int argc, char **argv)
{
	const struct weft_job_pool_options two = {
		.size = sizeof(two), .min_workers = 2, .max_workers = 2};
	struct weft_job_pool *pool;

	weft_job_main(argc, argv);
	if (weft_job_pool_open(&two, &pool) < 0) {
		fprintf(stderr, "%s\n", weft_job_pool_error());
		return 1;
	}
	int rc = weft_run(run, pool, NULL);
	weft_job_pool_close(pool, 0);
	return rc;
}
