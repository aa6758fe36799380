/* SPDX-License-Identifier: MIT */
/* Four jobs over two processes, which stay: weft_job_submit, weft_job_wait. */
#include <stdio.h>
#include <weft.h>
#include <weft/job.h>

static ssize_t count_primes(const struct weft_job_args *a)
{
	int below = *(const int *)a->in, *primes = a->out;

	*primes = 0;
	for (int n = 2; n < below; n++) {
		int d = 2;
		while (d * d <= n && n % d)
			d++;
		*primes += d * d > n;
	}
	return sizeof(*primes);
}
WEFT_JOB("count_primes", count_primes)

static int run(void *pool)
{
	const int below[] = {10000, 20000, 30000, 40000};
	struct weft_job *job[4];
	int primes[4];

	for (int i = 0; i < 4; i++)
		if (weft_job_submit(pool, "count_primes", &below[i], sizeof(int),
				    &primes[i], sizeof(int), NULL, &job[i]) < 0)
			return 1;
	for (int i = 0; i < 4; i++) {
		weft_job_wait(job[i], NULL);
		printf("%d primes below %d\n", primes[i], below[i]);
	}
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
