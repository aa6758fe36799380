/* SPDX-License-Identifier: MIT */
/* The queue: what it holds, who waits for it, and what it does when its bytes are scribbled upon. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>

#include "../shm.h"
#include "sched/base/sys.h"

enum { RING = 4096 };

static struct weft_shm_queue *queue_at(struct weft_shm *shm, size_t offset)
{
	struct weft_shm_queue *q = NULL;

	cr_assert_eq(weft_shm_queue_at(shm, offset, &q), 0);
	return q;
}

/* A queue of messages of up to max bytes in a region of its own. */
static struct weft_shm *queue_in_region(size_t bytes, size_t max)
{
	struct weft_shm *shm = shm_region(bytes + 64);

	cr_assert_eq(weft_shm_queue_format(shm, 64, bytes, max), 0);
	return shm;
}

/* ---- alone ---- */

static void fill(unsigned char *msg, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		msg[i] = (unsigned char)(seed + i * 7);
}

static bool is_filled(const unsigned char *msg, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		if (msg[i] != (unsigned char)(seed + i * 7))
			return false;
	return true;
}

/* Of all lengths, at all places of the ring. */
Test(shm_queue, messages_come_as_they_went, .timeout = 60)
{
	struct weft_shm *shm = queue_in_region(RING, 1000);
	struct weft_shm_queue *q = queue_at(shm, 64);
	unsigned char in[1000], out[1000];
	unsigned pushed = 0, popped = 0;

	while (popped < 20000) {
		size_t len = pushed * 37 % 1001;

		fill(in, len, pushed);
		int rc = weft_shm_queue_trypush(q, in, len);
		pushed += rc == 0;
		cr_assert(rc == 0 || rc == -EAGAIN);
		if (rc == 0 && pushed % 3)
			continue;
		len = popped * 37 % 1001;
		cr_assert_eq(weft_shm_queue_trypop(q, out, sizeof(out)), (ssize_t)len);
		cr_assert(is_filled(out, len, popped));
		popped++;
	}
	weft_shm_queue_free(q);
	weft_shm_free(shm);
}

Test(shm_queue, it_holds_what_it_says)
{
	size_t bytes = weft_shm_queue_bytes(100, 10);
	struct weft_shm *shm = queue_in_region(bytes, 100);
	struct weft_shm_queue *q = queue_at(shm, 64);
	char msg[101] = "", out[100];

	for (int i = 0; i < 10; i++)
		cr_assert_eq(weft_shm_queue_push(q, msg, 100, 0),
			     0); /* it need not wait */
	cr_assert_eq(weft_shm_queue_trypush(q, msg, 100), -EAGAIN);
	cr_assert_eq(weft_shm_queue_push(q, msg, 100, weft_now() + WEFT_MS), -ETIMEDOUT);
	cr_assert_eq(weft_shm_queue_trypush(q, msg, 101), -EMSGSIZE);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(weft_shm_queue_trypop(q, out, 99),
			     -EMSGSIZE); /* and stays */
		cr_assert_eq(weft_shm_queue_pop(q, out, 100, 0), 100);
	}
	cr_assert_eq(weft_shm_queue_trypop(q, out, 100), -EAGAIN);
	cr_assert_eq(weft_shm_queue_pop(q, out, 100, weft_now() + WEFT_MS), -ETIMEDOUT);
	cr_assert_eq(weft_shm_queue_bytes(SIZE_MAX, 1), 0);
	cr_assert_eq(weft_shm_queue_bytes(1 << 20, SIZE_MAX >> 10), 0);
	weft_shm_queue_free(q);
	weft_shm_free(shm);
}

Test(shm_queue, closed_it_gives_what_it_holds)
{
	struct weft_shm *shm = queue_in_region(RING, 8);
	struct weft_shm_queue *q = queue_at(shm, 64);
	char out[8];

	cr_assert_eq(weft_shm_queue_push(q, "1234567", 8, SOON), 0);
	cr_assert_eq(weft_shm_queue_push(q, "", 0, SOON), 0);
	cr_assert_eq(weft_shm_queue_close(q), 0);
	cr_assert_eq(weft_shm_queue_close(q), -EPIPE);
	cr_assert_eq(weft_shm_queue_push(q, "1234567", 8, SOON), -EPIPE);
	cr_assert_eq(weft_shm_queue_pop(q, out, 8, SOON), 8);
	cr_assert_eq(weft_shm_queue_pop(q, out, 8, SOON), 0);
	cr_assert_eq(weft_shm_queue_pop(q, out, 8, SOON), -EPIPE);
	weft_shm_queue_free(q);
	weft_shm_free(shm);
}

Test(shm_queue, where_one_may_lie)
{
	struct weft_shm *shm = shm_region(8192);
	struct weft_shm_queue *q = NULL;

	cr_assert_eq(weft_shm_queue_at(shm, 64, &q), -EBADMSG); /* none is there yet */
	cr_assert_eq(weft_shm_queue_format(shm, 0, 4096, 8), -EINVAL);
	cr_assert_eq(weft_shm_queue_format(shm, 8, 4096, 8), -EINVAL);
	cr_assert_eq(weft_shm_queue_format(shm, 64, 8192, 8), -EINVAL);
	cr_assert_eq(weft_shm_queue_format(shm, 64, weft_shm_queue_bytes(64, 1) - 1, 64),
		     -EINVAL);
	cr_assert_eq(weft_shm_queue_format(shm, 64, 4096, SIZE_MAX), -EINVAL);
	cr_assert_eq(weft_shm_queue_at(shm, 8192, &q), -EINVAL);
	cr_assert_eq(weft_shm_queue_at(shm, 8, &q), -EINVAL);
	cr_assert_null(q);
	weft_shm_free(shm);
}

/* ---- between processes ---- */

enum { DONE = 64, MADE = 128, COUNTED = 192, UP = 256, QUEUE = 320 };
enum { MANY = 3, COROUTINES = 5 };

struct job {
	struct weft_shm *shm; /* four semaphores, and a queue at QUEUE */
	unsigned n, max; /* messages of each producer at most; bytes of the longest */
	weft_time until; /* fewer where each message takes milliseconds */
};

static int post(const struct job *j, size_t offset, uint32_t n)
{
	struct weft_shm_sem *sem = NULL;

	CHECK_EQ(weft_shm_sem_at(j->shm, offset, &sem), 0);
	CHECK_EQ(weft_shm_sem_post(sem, n), 0);
	return 0;
}

static int await(const struct job *j, size_t offset, uint32_t n)
{
	struct weft_shm_sem *sem = NULL;

	CHECK_EQ(weft_shm_sem_at(j->shm, offset, &sem), 0);
	CHECK_EQ(weft_shm_sem_wait(sem, n, SOON), 0);
	return 0;
}

/* Push messages that tell by themselves whether they are whole. */
static int produce(void *arg)
{
	const struct job *j = arg;
	struct weft_shm_queue *q = NULL;
	unsigned char *msg = malloc(j->max);
	unsigned i = 0;

	CHECK_EQ(weft_shm_queue_at(j->shm, QUEUE, &q), 0);
	for (; i < j->n && (!i || weft_now() < j->until); i++) {
		size_t len = i * 61 % (j->max + 1);
		fill(msg, len, (unsigned)len);
		CHECK_EQ(weft_shm_queue_push(q, msg, len, SOON), 0);
		if (i % 1000 == 999)
			usleep(300); /* let others fall asleep */
	}
	free(msg);
	weft_shm_queue_free(q);
	CHECK_EQ(post(j, MADE, i), 0);
	return post(j, DONE, 1);
}

/* Pop until it is closed, and count. */
static int consume(void *arg)
{
	const struct job *j = arg;
	struct weft_shm_queue *q = NULL;
	unsigned char *msg = malloc(j->max);
	uint32_t n = 0;
	ssize_t len;

	CHECK_EQ(weft_shm_queue_at(j->shm, QUEUE, &q), 0);
	while ((len = weft_shm_queue_pop(q, msg, j->max, SOON)) >= 0) {
		CHECK(is_filled(msg, (size_t)len, (unsigned)len));
		n++;
	}
	free(msg);
	CHECK_EQ(len, -EPIPE);
	weft_shm_queue_free(q);
	return post(j, COUNTED, n);
}

static int in_coroutines(int (*fn)(void *), void *arg)
{
	struct weft_co *co[COROUTINES];

	for (int i = 0; i < COROUTINES; i++)
		CHECK_EQ(weft_spawn(fn, arg, NULL, &co[i]), 0);
	if (fn == consume) {
		struct weft_shm_queue *q = NULL;

		CHECK_EQ(await(arg, DONE, COROUTINES + MANY), 0);
		CHECK_EQ(weft_shm_queue_at(((struct job *)arg)->shm, QUEUE, &q), 0);
		CHECK_EQ(weft_shm_queue_close(q), 0);
		weft_shm_queue_free(q);
	}
	for (int i = 0; i < COROUTINES; i++)
		JOIN(co[i], 0);
	return 0;
}

static int produce_in_coroutines(void *arg)
{
	return in_coroutines(produce, arg);
}

static int consume_in_coroutines(void *arg)
{
	CHECK_EQ(post(arg, UP, 1), 0);
	return in_coroutines(consume, arg);
}

/* With little locked memory the first runtime leaves none for a second: then without one. */
static int produce_in_a_runtime(void *arg)
{
	CHECK_EQ(await(arg, UP, 1), 0);
	int rc = shm_run(produce_in_coroutines, arg);

	for (int i = 0; rc == -ENOMEM && i < COROUTINES; i++)
		CHECK_EQ(produce(arg), 0);
	return rc == -ENOMEM ? 0 : rc;
}

/* Whether two semaphores count the same, to be looked at when nobody posts any more. */
static int as_many_as(const struct job *j, size_t a, size_t b)
{
	struct weft_shm_sem *sem_a = NULL, *sem_b = NULL;
	uint32_t n = 0;

	CHECK_EQ(weft_shm_sem_at(j->shm, a, &sem_a), 0);
	CHECK_EQ(weft_shm_sem_at(j->shm, b, &sem_b), 0);
	for (; weft_shm_sem_trywait(sem_a, 1) == 0; n++)
		CHECK_EQ(weft_shm_sem_trywait(sem_b, 1), 0); /* or one was lost */
	CHECK_EQ(weft_shm_sem_trywait(sem_b, 1), -EAGAIN);   /* or one came twice */
	CHECK(n > 0);
	return 0;
}

/* Processes and coroutines push and pop; each message comes once, and whole. */
static void many(unsigned n, unsigned max, size_t bytes)
{
	struct job j = {.shm = shm_region(bytes + QUEUE),
			.n = n,
			.max = max,
			.until = weft_now() + 3 * WEFT_SEC};
	pid_t pid[2 * MANY + 1];

	cr_assert_eq(weft_shm_queue_format(j.shm, QUEUE, bytes, max), 0);
	for (int i = 0; i < MANY; i++) {
		pid[i] = shm_child(produce, &j);
		pid[MANY + i] = shm_child(consume, &j);
	}
	pid[2 * MANY] = shm_child(produce_in_a_runtime, &j);
	cr_assert_eq(shm_run(consume_in_coroutines, &j), 0);
	for (int i = 0; i <= 2 * MANY; i++)
		cr_assert_eq(shm_reap(pid[i]), 0);
	cr_assert_eq(as_many_as(&j, MADE, COUNTED), 0);
	weft_shm_free(j.shm);
}

Test(shm_queue, many_producers_and_consumers, .timeout = 100)
{
	many(5000, 200, 2048); /* often full, often empty */
	many(200, 60000, 128 << 10);
}

Test(shm_queue, the_same_without_the_futex_operation, .timeout = 100)
{
	setenv("WEFT_DISABLE", "FUTEX", 1);
	many(2000, 200, 2048);
}

/* ---- waiting ---- */

enum { CROWD = 300, FEW = 200 };

static int push_now_and_then(void *arg)
{
	const struct job *j = arg;
	struct weft_shm_queue *q = NULL;

	CHECK_EQ(weft_shm_queue_at(j->shm, QUEUE, &q), 0);
	CHECK_EQ(await(j, UP, CROWD), 0);
	for (int i = 0; i < FEW; i++) {
		usleep(200);
		CHECK_EQ(weft_shm_queue_push(q, &i, sizeof(i), SOON), 0);
	}
	return weft_shm_queue_close(q);
}

static int pop_in_a_crowd(void *q)
{
	int msg, n = 0;

	while (weft_shm_queue_pop(q, &msg, sizeof(msg), SOON) == sizeof(msg))
		n++;
	return n;
}

static uint64_t completions;

static int crowd(void *arg)
{
	const struct job *j = arg;
	struct weft_stats st = {.size = sizeof(st)};
	struct weft_shm_queue *q = NULL;
	struct weft_co *co[CROWD];
	int n = 0, all = 0;

	CHECK_EQ(weft_shm_queue_at(j->shm, QUEUE, &q), 0);
	for (int i = 0; i < CROWD; i++)
		CHECK_EQ(weft_spawn(pop_in_a_crowd, q, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(10 * WEFT_MS), 0);
	CHECK_EQ(post(j, UP, CROWD), 0);
	for (int i = 0; i < CROWD; i++) {
		CHECK_EQ(weft_join(co[i], &n), 0);
		all += n;
	}
	weft_shm_queue_free(q);
	CHECK_EQ(weft_stats(&st), 0);
	completions = st.cqes;
	return all;
}

/* Of a crowd of coroutines one sleeps in the kernel, and wakes up for each message. */
Test(shm_queue, a_message_does_not_wake_a_crowd, .timeout = 60)
{
	struct job j = {.shm = shm_region(RING + QUEUE)};

	cr_assert_eq(weft_shm_queue_format(j.shm, QUEUE, RING, 8), 0);
	pid_t pid = shm_child(push_now_and_then, &j);
	cr_assert_eq(shm_run(crowd, &j), FEW);
	cr_assert_eq(shm_reap(pid), 0);
	cr_assert_lt(completions, 10 * FEW + CROWD, "%lu", (unsigned long)completions);
	weft_shm_free(j.shm);
}

static bool waits_for_ever; /* or is about to */

static int stopped(void *arg)
{
	struct weft_shm_queue *q = arg;
	struct weft_deadline d;
	char msg[64] = "";

	CHECK_EQ(weft_deadline_open(&d, weft_now() + 5 * WEFT_MS), 0);
	CHECK_EQ(weft_shm_queue_pop(q, msg, 64, WEFT_NEVER), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	CHECK_EQ(weft_shm_queue_pop(q, msg, 64, weft_now() + 5 * WEFT_MS), -ETIMEDOUT);
	while (weft_shm_queue_trypush(q, msg, 64) == 0) {
	}
	CHECK_EQ(weft_shm_queue_push(q, msg, 64, weft_now() + 5 * WEFT_MS), -ETIMEDOUT);
	__atomic_store_n(&waits_for_ever, true, __ATOMIC_RELEASE);
	CHECK_EQ(weft_shm_queue_push(q, msg, 64, WEFT_NEVER), -ECANCELED);
	CHECK_EQ(weft_shm_queue_pop(q, msg, 64, WEFT_NEVER),
		 -ECANCELED); /* though there is one */
	while (weft_shm_queue_trypop(q, msg, 64) == 64) {
	}
	return 0;
}

static int stop(void *q)
{
	struct weft_co *co;

	waits_for_ever = false;
	CHECK_EQ(weft_spawn(stopped, q, NULL, &co), 0);
	do
		CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	while (!__atomic_load_n(&waits_for_ever, __ATOMIC_ACQUIRE));
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	return 0;
}

Test(shm_queue, waits_of_coroutines_end_by_deadline_and_cancel, .timeout = 60)
{
	struct weft_shm *shm = queue_in_region(RING, 64);
	struct weft_shm_queue *q = queue_at(shm, 64);

	cr_assert_eq(shm_run(stop, q), 0);
	setenv("WEFT_DISABLE", "FUTEX", 1);
	cr_assert_eq(shm_run(stop, q), 0);
	weft_shm_queue_free(q);
	weft_shm_free(shm);
}

static void *close_soon(void *q)
{
	usleep(20000);
	cr_assert_eq(weft_shm_queue_close(q), 0);
	return NULL;
}

Test(shm_queue, closing_ends_waits)
{
	for (int full = 0; full < 2; full++) {
		struct weft_shm *shm = queue_in_region(RING, 64);
		struct weft_shm_queue *q = queue_at(shm, 64);
		char msg[64] = "";
		pthread_t t;

		while (full && weft_shm_queue_trypush(q, msg, 64) == 0) {
		}
		cr_assert_eq(pthread_create(&t, NULL, close_soon, q), 0);
		cr_assert_eq(full ? weft_shm_queue_push(q, msg, 64, SOON)
				  : weft_shm_queue_pop(q, msg, 64, SOON),
			     -EPIPE);
		pthread_join(t, NULL);
		weft_shm_queue_free(q);
		weft_shm_free(shm);
	}
}

/* ---- hostile bytes ---- */

static uint64_t dice = 88172645463325252u;

static uint64_t roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

/* What another process would write: any word, or one that is nearly right. */
static uint64_t evil(uint64_t was)
{
	switch (roll() % 5) {
	case 0:
		return roll();
	case 1:
		return was + 8 * (roll() % 2048) - 8192;
	case 2:
		return was ^ (uint64_t)1 << roll() % 64;
	case 3:
		return UINT64_MAX - roll() % 16;
	default:
		return 0;
	}
}

/* Words of a queue: where its sides are, and where they saw the other one. */
enum { PUSH_AT = 9, PUSH_SEEN = 10, POP_AT = 17, POP_SEEN = 18 };

static void expect_broken(unsigned word, uint64_t off_by)
{
	struct weft_shm *shm = queue_in_region(RING, 256);
	struct weft_shm_queue *q = queue_at(shm, 64);
	uint64_t *words = weft_shm_at(shm, 64, RING);
	char msg[8] = "";

	words[word] += off_by;
	cr_assert_eq(weft_shm_queue_trypop(q, msg, 8), -EBADMSG, "%u", word);
	words[PUSH_SEEN] = UINT64_MAX; /* of no use */
	cr_assert_eq(weft_shm_queue_trypush(q, msg, 8), -EBADMSG, "%u", word);
	cr_assert_eq(weft_shm_queue_push(q, msg, 8, SOON), -EBADMSG, "%u", word);
	words[POP_SEEN] = UINT64_MAX;
	cr_assert_eq(weft_shm_queue_pop(q, msg, 8, SOON), -EBADMSG, "%u", word);
	weft_shm_queue_free(q);
	weft_shm_free(shm);
}

Test(shm_queue, sides_that_cannot_be_where_they_are_are_told_of)
{
	expect_broken(PUSH_AT, RING + 8); /* more than there is room for */
	expect_broken(PUSH_AT, 4);
	expect_broken(POP_AT, 8); /* before anything was pushed */
	expect_broken(POP_AT, 4);
}

/* Nothing worse than an error or a wrong message comes of it; under a sanitizer or not, what lies
 * before and behind the ring stays. */
Test(shm_queue, scribbling_upon_it_breaks_nothing_else, .timeout = 100)
{
	struct weft_shm *shm = shm_region(8192);
	char msg[300] = "", *before = weft_shm_at(shm, 64, 64),
	     *behind = weft_shm_at(shm, 128 + RING, 64);
	unsigned broken = 0, refused = 0;

	memset(before, 0x5a, 64);
	memset(behind, 0x5a, 64);
	for (int round = 0; round < 3000; round++) {
		struct weft_shm_queue *q = NULL, *second = NULL;

		cr_assert_eq(weft_shm_queue_format(shm, 128, RING, 256), 0);
		q = queue_at(shm, 128);
		uint64_t *word = weft_shm_at(shm, 128, RING);
		for (int i = 0; i < 20; i++) {
			unsigned at = (unsigned)(roll() % (i % 2 ? 32 : RING / 8));
			/* a turn that nobody has would be waited for */
			if (at != 8 && at != 16)
				word[at] = evil(word[at]);
			int rc = weft_shm_queue_trypush(q, msg, roll() % 257);
			ssize_t len = weft_shm_queue_trypop(q, msg, 256);
			cr_assert(rc == 0 || rc == -EAGAIN || rc == -EBADMSG ||
				  rc == -EPIPE);
			cr_assert(len <= 256 && (len >= 0 || len == -EAGAIN ||
						 len == -EBADMSG || len == -EPIPE));
			broken += rc == -EBADMSG || len == -EBADMSG;
		}
		int rc = weft_shm_queue_at(shm, 128, &second);
		cr_assert(rc == 0 || rc == -EBADMSG);
		refused += rc != 0;
		weft_shm_queue_free(second);
		weft_shm_queue_free(q);
		for (int i = 0; i < 64; i++)
			cr_assert(before[i] == 0x5a && behind[i] == 0x5a);
	}
	cr_assert(broken > 1000 && refused > 300, "%u %u", broken, refused);
	weft_shm_free(shm);
}
