/* SPDX-License-Identifier: MIT */
/*
 * pthreads, a mutex and conditions: `sync_pthread N chan|many|one|mutex [THREADS [wait]]`, as
 * weft's programs of that name.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "../hist.h"
#include "../micro.h"

enum { MANY = 8, HELD = 64, MAX = 64 };

/* A queue of up to `capacity` elements, at least one. */
struct queue {
	pthread_mutex_t m;
	pthread_cond_t room, elems;
	unsigned capacity, n, first;
	bool closed;
	long elem[HELD];
};

#define QUEUE(held)                                                                      \
	{                                                                                \
		.m = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER,        \
		.elems = PTHREAD_COND_INITIALIZER, .capacity = (held)                    \
	}

static void push(struct queue *q, long elem)
{
	pthread_mutex_lock(&q->m);
	while (q->n == q->capacity)
		pthread_cond_wait(&q->room, &q->m);
	q->elem[(q->first + q->n++) % q->capacity] = elem;
	pthread_mutex_unlock(&q->m);
	pthread_cond_signal(&q->elems);
}

static bool pop(struct queue *q, long *ret_elem)
{
	pthread_mutex_lock(&q->m);
	while (!q->n && !q->closed)
		pthread_cond_wait(&q->elems, &q->m);
	bool any = q->n;
	if (any) {
		*ret_elem = q->elem[q->first];
		q->first = (q->first + 1) % q->capacity;
		q->n--;
	}
	pthread_mutex_unlock(&q->m);
	pthread_cond_signal(&q->room);
	return any;
}

static void finish(struct queue *q)
{
	pthread_mutex_lock(&q->m);
	q->closed = true;
	pthread_mutex_unlock(&q->m);
	pthread_cond_broadcast(&q->elems);
}

static struct queue to = QUEUE(1), from = QUEUE(1), wide = QUEUE(HELD);
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static struct hist waits; /* under m */
static long each, count;
static bool look;

static void *pong(void *arg)
{
	long elem;

	while (pop(&to, &elem))
		push(&from, elem);
	return arg;
}

static void pingpong(long n)
{
	pthread_t t;
	long elem;

	pthread_create(&t, NULL, pong, NULL);
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++) {
		push(&to, i);
		pop(&from, &elem);
	}
	bench_per_op(start, n);
	finish(&to);
	pthread_join(t, NULL);
}

static void *sends(void *arg)
{
	for (long i = 0; i < each; i++)
		push(&wide, i);
	return arg;
}

static void *receives(void *arg)
{
	long elem;

	while (pop(&wide, &elem))
		;
	return arg;
}

static void through_one(long n, bool many_send)
{
	pthread_t t[MANY];
	long elem;
	uint64_t start = bench_now();

	each = n / MANY;
	for (int i = 0; i < MANY; i++)
		pthread_create(&t[i], NULL, many_send ? sends : receives, NULL);
	for (long i = 0; i < each * MANY; i++)
		if (many_send)
			pop(&wide, &elem);
		else
			push(&wide, i);
	finish(&wide);
	for (int i = 0; i < MANY; i++)
		pthread_join(t[i], NULL);
	bench_per_op(start, each * MANY);
}

static void *locks(void *arg)
{
	for (long i = 0; i < each; i++) {
		uint64_t start = look ? bench_now() : 0;

		pthread_mutex_lock(&m);
		if (look)
			hist_add(&waits, bench_now() - start);
		count++;
		pthread_mutex_unlock(&m);
		if (i % 100 == 99)
			sched_yield();
	}
	return arg;
}

static void mutex(long n, int threads)
{
	pthread_t t[MAX];
	uint64_t start = bench_now();

	threads = threads > MAX ? MAX : threads;
	each = n / threads;
	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, locks, NULL);
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	if (look)
		bench_waits(&waits);
	else
		bench_per_op(start, count);
}

int main(int argc, char **argv)
{
	long n = bench_count(argc, argv, 20000);
	const char *what = argc > 2 ? argv[2] : "chan";

	look = argc > 4;
	if (!strcmp(what, "mutex"))
		mutex(n, argc > 3 ? atoi(argv[3]) : 1);
	else if (!strcmp(what, "chan"))
		pingpong(n);
	else
		through_one(n, *what == 'm');
	return 0;
}
