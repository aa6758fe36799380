/* SPDX-License-Identifier: MIT */
/*
 * A pool of pthreads with a queue, mutexes and conditions, as it is usually written:
 * `executor_pthread N trip|batch`, as weft_executor's threads.
 */
#include <pthread.h>
#include <stdbool.h>

#include "../micro.h"

enum { BATCH = 512 };

struct future {
	struct future *next;
	int (*fn)(void *arg);
	void *arg;
	pthread_mutex_t m;
	pthread_cond_t ended;
	bool done;
	int status;
};

static struct {
	pthread_mutex_t m;
	pthread_cond_t work;
	struct future *first, *last;
	bool closing;
} q = {.m = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static struct future *submit(int (*fn)(void *arg), void *arg)
{
	struct future *f = calloc(1, sizeof(*f));

	f->fn = fn;
	f->arg = arg;
	pthread_mutex_init(&f->m, NULL);
	pthread_cond_init(&f->ended, NULL);
	pthread_mutex_lock(&q.m);
	*(q.first ? &q.last->next : &q.first) = f;
	q.last = f;
	pthread_mutex_unlock(&q.m);
	pthread_cond_signal(&q.work);
	return f;
}

static void await(struct future *f)
{
	pthread_mutex_lock(&f->m);
	while (!f->done)
		pthread_cond_wait(&f->ended, &f->m);
	pthread_mutex_unlock(&f->m);
	pthread_mutex_destroy(&f->m);
	pthread_cond_destroy(&f->ended);
	free(f);
}

static struct future *next_task(void)
{
	pthread_mutex_lock(&q.m);
	while (!q.first && !q.closing)
		pthread_cond_wait(&q.work, &q.m);
	struct future *f = q.first;
	if (f)
		q.first = f->next;
	pthread_mutex_unlock(&q.m);
	return f;
}

static void *run(void *arg)
{
	struct future *f;

	while ((f = next_task())) {
		int status = f->fn(f->arg);

		pthread_mutex_lock(&f->m);
		f->status = status;
		f->done = true;
		pthread_cond_signal(&f->ended);
		pthread_mutex_unlock(&f->m);
	}
	return arg;
}

static int task(void *arg)
{
	(void)arg;
	return 0;
}

static void one_by_one(long n)
{
	uint64_t start = bench_now();

	for (long i = 0; i < n; i++)
		await(submit(task, NULL));
	bench_per_op(start, n);
}

static void in_batches(long n)
{
	static struct future *f[BATCH];
	uint64_t start = bench_now();

	for (long done = 0; done < n; done += BATCH) {
		for (int i = 0; i < BATCH; i++)
			f[i] = submit(task, NULL);
		for (int i = 0; i < BATCH; i++)
			await(f[i]);
	}
	bench_per_op(start, (n + BATCH - 1) / BATCH * BATCH);
}

int main(int argc, char **argv)
{
	const long n = bench_count(argc, argv, 20000);
	const bool batch = argc > 2 && argv[2][0] == 'b';
	pthread_t t[2];

	for (int i = 0; i < 1 + batch; i++)
		pthread_create(&t[i], NULL, run, NULL);
	if (batch)
		in_batches(n);
	else
		one_by_one(n);
	pthread_mutex_lock(&q.m);
	q.closing = true;
	pthread_mutex_unlock(&q.m);
	pthread_cond_broadcast(&q.work);
	for (int i = 0; i < 1 + batch; i++)
		pthread_join(t[i], NULL);
	return 0;
}
