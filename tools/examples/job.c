/* SPDX-License-Identifier: MIT */
/*
 * Isolated jobs: a function that computes, one that crashes and one that never ends, each in a
 * process of its own; the program goes on.
 *
 *	$ job
 *	25 primes below 100
 *	crash: signal 11 at 0x10, in
 *	/usr/local/bin/job+0x6dc4
 *	...
 *	loop: stopped after 100 ms
 *	25 jobs at once: 2262 primes below 20000, each time
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <weft.h>
#include <weft/job.h>

/* ---- what runs in other processes -------------------------------------------------------- */

static ssize_t count_primes(const struct weft_job_args *a)
{
	unsigned below, n = 0;

	memcpy(&below, a->in, sizeof(below));
	for (unsigned i = 2; i < below; i++) {
		unsigned d = 2;
		while (d * d <= i && i % d)
			d++;
		n += d * d > i;
	}
	memcpy(a->out, &n, sizeof(n));
	return sizeof(n);
}
WEFT_JOB("primes", count_primes)

static ssize_t crash(const struct weft_job_args *a)
{
	volatile char *nowhere = (volatile char *)(0x10 + a->in_len);

	*nowhere = 1;
	return 0;
}
WEFT_JOB("crash", crash)

static ssize_t loop(const struct weft_job_args *a)
{
	for (volatile size_t i = a->in_len;; i++)
		continue;
	return 0;
}
WEFT_JOB("loop", loop)

/* ---- what uses them --------------------------------------------------------------------- */

static struct weft_job_pool *pool;

static int primes_below(unsigned below)
{
	unsigned n;
	ssize_t rc =
		weft_job_call(pool, "primes", &below, sizeof(below), &n, sizeof(n), NULL);

	return rc < 0 ? (int)rc : (int)n;
}

static int one_of_many(void *arg)
{
	(void)arg;
	return primes_below(20000);
}

static int ask(void *arg)
{
	struct weft_job_error why = {.size = sizeof(why)};
	struct weft_job_attr attr = {.size = sizeof(attr), .error = &why};
	struct weft_co *co[25];
	int n = 0;

	(void)arg;
	printf("%d primes below 100\n", primes_below(100));

	if (weft_job_call(pool, "crash", NULL, 0, NULL, 0, &attr) < 0)
		printf("crash: signal %d at %#" PRIx64 ", in\n%s", why.signal,
		       why.address, why.trace);

	attr.deadline = weft_now() + 100 * WEFT_MS;
	if (weft_job_call(pool, "loop", NULL, 0, NULL, 0, &attr) == -ETIMEDOUT)
		printf("loop: stopped after 100 ms\n");

	for (int i = 0; i < 25; i++)
		weft_spawn(one_of_many, NULL, NULL, &co[i]);
	for (int i = 0; i < 25; i++)
		weft_join(co[i], &n);
	printf("25 jobs at once: %d primes below 20000, each time\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	const struct weft_job_pool_options o = {
		.size = sizeof(o), .profile = WEFT_JOB_PURE, .flags = WEFT_JOB_LOOSE};

	weft_job_main(argc, argv);
	if (weft_job_pool_open(&o, &pool) < 0) {
		fprintf(stderr, "%s\n", weft_job_pool_error());
		return 1;
	}
	int rc = weft_run(ask, NULL, NULL);
	weft_job_pool_close(pool, WEFT_NEVER);
	return rc < 0;
}
