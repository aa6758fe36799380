/* SPDX-License-Identifier: MIT */
/* Two tasks in processes of their own, and one that crashes: isolated jobs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weft.h>
#include <weft/job.h>

static ssize_t task(const struct weft_job_args *a)
{
	usleep(300000);
	return snprintf(a->out, a->out_cap, "%.*s done", (int)a->in_len,
			(const char *)a->in);
}
WEFT_JOB("task", task)

static ssize_t crash(const struct weft_job_args *a)
{
	return *(volatile char *)(a->in_len + 1); /* there is nothing at 1 */
}
WEFT_JOB("crash", crash)

static int run(void *pool)
{
	struct weft_job_error error = {.size = sizeof(error)};
	const struct weft_job_attr attr = {.size = sizeof(attr), .error = &error};
	char text[32];

	for (int i = 1; i <= 2; i++) {
		const char *name = i == 1 ? "task 1" : "task 2";
		ssize_t n = weft_job_call(pool, "task", name, strlen(name), text,
					  sizeof(text), NULL);
		printf("%.*s\n", (int)n, text);
	}
	weft_job_call(pool, "crash", NULL, 0, NULL, 0, &attr);
	printf("crash: signal %d\n", error.signal);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_job_pool *pool;

	weft_job_main(argc, argv);
	if (weft_job_pool_open(NULL, &pool) < 0) {
		fprintf(stderr, "%s\n", weft_job_pool_error());
		return 1;
	}
	int rc = weft_run(run, pool, NULL);
	weft_job_pool_close(pool, 0);
	return rc;
}
