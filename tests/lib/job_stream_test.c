/* SPDX-License-Identifier: MIT */
/* Streams: messages of a running job come in order and whole, and nobody waits for what never comes. */
#include <errno.h>
#include <string.h>

#include "../check.h"
#include "job_pool.h"

static struct weft_job *submit(const char *name, int n, struct weft_job_error *e)
{
	const struct weft_job_attr a = {.size = sizeof(a), .stream = 1, .error = e};
	struct weft_job *job = NULL;
	static int in; /* lent */

	in = n;
	cr_assert_eq(weft_job_submit(pool, name, &in, sizeof(in), NULL, 0, &a, &job), 0);
	return job;
}

/* The first n messages of `sends`. */
static int takes(struct weft_job *job, int n)
{
	unsigned char text[1000];

	for (int i = 0; i < n; i++) {
		CHECK_EQ(weft_job_next(job, text, sizeof(text)), i % 1000);
		for (int j = 0; j < i % 1000; j++)
			CHECK_EQ(text[j], i % 251);
	}
	return 0;
}

static int takes_all(struct weft_job *job, int n)
{
	ssize_t result;
	char none;

	CHECK_EQ(takes(job, n), 0);
	CHECK_EQ(weft_job_next(job, &none, 1), -EPIPE);
	CHECK_EQ(weft_job_next(job, &none, 1), -EPIPE);
	CHECK_EQ(weft_job_wait(job, &result), 0);
	return (int)result;
}

enum { MANY = 3000 }; /* 1.5 MB, through 64 KiB */

static int streams(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(takes_all(submit("sends", i * MANY, NULL), i * MANY), 0);
	return 0;
}

Test(job_stream, messages_come_in_order, .timeout = 60)
{
	open_plain();
	cr_assert_eq(streams(NULL), 0); /* a thread */
	RUN_ON(1, streams);
	RUN_ON(2, streams);
	close_pool();
}

Test(job_stream, within_a_sandbox_and_from_fresh_workers, .timeout = 60)
{
	static const uint32_t flags[] = {0, WEFT_JOB_FRESH};

	for (int i = 0; i < 2; i++) {
		struct weft_job_pool_options o = options();
		o.profile = WEFT_JOB_PURE;
		o.flags = flags[i];
		open_or_skip(&o);
		cr_assert_eq(streams(NULL), 0);
		RUN_ON(1, streams);
		close_pool();
	}
}

/* Two at a time, taken in turns by one coroutine. */
static int two_at_once(void *arg)
{
	const struct weft_job_attr a = {.size = sizeof(a), .stream = 1};
	struct weft_job *job[2];
	int n = MANY;
	unsigned char text[1000];

	(void)arg;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(weft_job_submit(pool, "sends", &n, sizeof(n), NULL, 0, &a,
					 &job[i]),
			 0);
	for (int i = 0; i < 2 * MANY; i++)
		CHECK_EQ(weft_job_next(job[i % 2], text, sizeof(text)), i / 2 % 1000);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(weft_job_wait(job[i], NULL), 0);
	return 0;
}

Test(job_stream, two_at_once, .timeout = 60)
{
	struct weft_job_pool_options o = options();

	o.max_workers = 2;
	open_pool(&o);
	RUN_ON(1, two_at_once);
	close_pool();
}

Test(job_stream, what_was_sent_before_a_crash_is_there, .timeout = 60)
{
	struct weft_job_error e = {.size = sizeof(e)};

	open_plain();
	cr_assert_eq(takes_all(submit("sends_and_crashes", 300, &e), 300), -ECHILD);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_SIGNAL);
	cr_assert_eq(e.signal, SIGSEGV);
	cr_assert_eq(takes_all(submit("sends", 10, NULL), 10), 0);
	close_pool();
}

Test(job_stream, a_sender_waits_for_room_and_can_be_stopped, .timeout = 60)
{
	struct weft_job_error e = {.size = sizeof(e)};
	char text[8];
	ssize_t result;

	open_plain();
	struct weft_job *job = submit("sends_on", 0, &e);
	cr_assert_eq(weft_job_next(job, text, 4), -EMSGSIZE);
	cr_assert_eq(weft_job_next(job, text, sizeof(text)), 5);
	usleep(20000); /* it is full by now */
	weft_job_cancel(job);
	while ((result = weft_job_next(job, text, sizeof(text))) == 5)
		;
	cr_assert_eq(result, -EPIPE);
	cr_assert_eq(weft_job_wait(job, &result), 0);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_CANCELED);
	close_pool();
}

Test(job_stream, who_waits_without_taking_drops_the_rest, .timeout = 60)
{
	ssize_t result = -1;

	open_plain();
	struct weft_job *job = submit("sends", MANY, NULL);
	usleep(20000); /* it waits for room */
	cr_assert_eq(weft_job_wait(job, &result), 0);
	cr_assert_eq(result, 0);
	job = submit("sends", MANY, NULL);
	cr_assert_eq(takes(job, 100), 0);
	cr_assert_eq(weft_job_wait(job, &result), 0);
	cr_assert_eq(result, 0);
	close_pool();
}

static int stopped_while_it_waits(void *arg)
{
	struct weft_deadline d;
	char text[8];

	(void)arg;
	struct weft_job *job = submit("nap", 200, NULL);
	weft_deadline_open(&d, weft_now() + 5 * WEFT_MS);
	CHECK_EQ(weft_job_next(job, text, sizeof(text)), -ETIMEDOUT);
	CHECK(weft_deadline_close(&d));
	weft_job_cancel(job);
	CHECK_EQ(weft_job_next(job, text, sizeof(text)), -EPIPE);
	return weft_job_wait(job, NULL);
}

Test(job_stream, a_taker_can_be_stopped, .timeout = 60)
{
	open_plain();
	RUN_ON(1, stopped_while_it_waits);
	close_pool();
}

Test(job_stream, large_ones, .timeout = 60)
{
	static char large[65536];

	open_plain();
	struct weft_job *job = submit("sends_large", 0, NULL);
	cr_assert_eq(weft_job_next(job, large, sizeof(large)),
		     (ssize_t)sizeof(large) - 4);
	cr_assert_eq(weft_job_next(job, large, sizeof(large)), -EPIPE);
	cr_assert_eq(weft_job_wait(job, NULL), 0);
	close_pool();
}

Test(job_stream, a_length_that_is_a_lie, .timeout = 60)
{
	struct weft_job_pool_options o = options();
	char text[8];

	o.max_workers = 1;
	open_pool(&o);
	struct weft_job *job = submit("sends_lies", 0, NULL);
	/* behind it, so it has lied by then */
	cr_assert_eq(weft_job_call(pool, "nothing", NULL, 0, NULL, 0, NULL), 0);
	cr_assert_eq(weft_job_next(job, text, sizeof(text)), -EPROTO);
	cr_assert_eq(weft_job_wait(job, NULL), 0);
	cr_assert_eq(takes_all(submit("sends", 10, NULL), 10), 0);
	close_pool();
}

Test(job_stream, a_worker_that_runs_wild, .timeout = 60)
{
	struct weft_job_error e = {.size = sizeof(e)};
	char text[8];
	ssize_t result;

	open_plain();
	struct weft_job *job =
		submit("sends_nothing_much", 0, &e); /* in the first slot */
	do
		result = weft_job_next(job, text, sizeof(text));
	while (result >= 0);
	cr_assert(result == -EPROTO || result == -EPIPE, "%d", (int)result);
	cr_assert_eq(weft_job_wait(job, &result), 0);
	cr_assert_eq(e.fault, (uint32_t)WEFT_JOB_CORRUPT);
	cr_assert_eq(takes_all(submit("sends", 10, NULL), 10), 0); /* the pool lives */
	close_pool();
}

Test(job_stream, bad_use, .timeout = 60)
{
	const struct weft_job_attr a = {.size = sizeof(a), .stream = 1};
	struct weft_job *job;
	char out[8];

	open_plain();
	cr_assert_eq(weft_job_send("abc", 3), -EINVAL); /* no job */
	cr_assert_eq(weft_job_call(pool, "echo", NULL, 0, NULL, 0, &a), -EINVAL);
	cr_assert_eq(weft_job_submit(pool, "echo", NULL, 0, out, sizeof(out), &a, &job),
		     -EINVAL);
	cr_assert_eq(weft_job_call(pool, "cannot_send", NULL, 0, out, sizeof(out), NULL),
		     -EINVAL);
	cr_assert_eq(weft_job_submit(pool, "echo", NULL, 0, out, sizeof(out), NULL, &job),
		     0);
	cr_assert_eq(weft_job_next(job, out, sizeof(out)), -EINVAL);
	cr_assert_eq(weft_job_wait(job, NULL), 0);
	close_pool();
}
