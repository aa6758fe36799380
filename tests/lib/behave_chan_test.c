/* SPDX-License-Identifier: MIT */
/*
 * What programmers who come from other languages expect of channels: the behaviours that the
 * tests of their runtimes check. What is promised beyond that is in chan_test.c.
 */
#include <stdatomic.h>

#include "behave.h"

static struct weft_chan *ch, *back;
static const uint32_t capacities[] = {0, 1, 2, 10, 100};

static int make(uint32_t capacity)
{
	CHECK_EQ(weft_chan_new(sizeof(int), capacity, &ch), 0);
	CHECK_EQ(weft_chan_new(sizeof(int), 0, &back), 0);
	return 0;
}

static int unmake(void)
{
	weft_chan_free(ch);
	weft_chan_free(back);
	return 0;
}

static int send_it(void *arg)
{
	int elem = (int)(intptr_t)arg;

	return weft_chan_send(ch, &elem);
}

/* What came, or the error. */
static int recv_it(void *arg)
{
	int elem = -1, rc = weft_chan_recv(ch, &elem);

	(void)arg;
	return rc ? rc : elem;
}

/* ---- when it waits, and when not ---- */

static int full_and_empty(void *arg)
{
	struct weft_co *co;
	int elem = -1;

	(void)arg;
	for (unsigned c = 0; c < 5; c++) {
		CHECK_EQ(make(capacities[c]), 0);
		CHECK_EQ(weft_chan_tryrecv(ch, &elem), -EAGAIN);
		CHECK_EQ(start_waiter(recv_it, NULL, ch, 1, &co),
			 0); /* empty: it waits */
		CHECK_EQ(weft_chan_trysend(ch, &(int){77}), 0);
		JOIN(co, 77);
		CHECK_EQ(weft_chan_len(ch), 0); /* it was handed over */
		for (uint32_t i = 0; i < capacities[c]; i++)
			CHECK_EQ(send_it((void *)(intptr_t)i), 0); /* does not wait */
		CHECK_EQ(weft_chan_len(ch), capacities[c]);
		CHECK_EQ(weft_chan_trysend(ch, &(int){88}), -EAGAIN);
		CHECK_EQ(start_waiter(send_it, (void *)88, ch, 1, &co), 0); /* full */
		for (uint32_t i = 0; i < capacities[c]; i++)
			CHECK_EQ(recv_it(NULL), (int)i);
		CHECK_EQ(recv_it(NULL), 88); /* last in, last out */
		JOIN(co, 0);
		unmake();
	}
	return 0;
}

Test(behave_chan, a_full_one_holds_up_senders_an_empty_one_receivers)
{
	RUN_EVERYWHERE(full_and_empty);
}

/* ---- order ---- */

enum { MANY = 100 };

static int send_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(weft_chan_send(ch, &i), 0);
	return 0;
}

static int in_order(void *arg)
{
	struct weft_co *co;

	(void)arg;
	for (unsigned c = 0; c < 5; c++) {
		CHECK_EQ(make(capacities[c]), 0);
		CHECK_EQ(weft_spawn(send_many, NULL, NULL, &co), 0);
		for (int i = 0; i < MANY; i++)
			CHECK_EQ(recv_it(NULL), i);
		JOIN(co, 0);
		unmake();
	}
	return 0;
}

Test(behave_chan, what_one_sends_comes_in_order)
{
	RUN_EVERYWHERE(in_order);
}

/* Who began to wait first is served first, on either side. */
static int queues(void *arg)
{
	struct weft_co *co[8];

	(void)arg;
	CHECK_EQ(make(0), 0);
	for (intptr_t i = 0; i < 8; i++)
		CHECK_EQ(start_waiter(send_it, (void *)(i + 1), ch, (uint32_t)i + 1,
				      &co[i]),
			 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(recv_it(NULL), i + 1);
	for (int i = 0; i < 8; i++)
		JOIN(co[i], 0);
	for (intptr_t i = 0; i < 8; i++)
		CHECK_EQ(start_waiter(recv_it, NULL, ch, (uint32_t)i + 1, &co[i]), 0);
	for (intptr_t i = 0; i < 8; i++)
		CHECK_EQ(send_it((void *)(i + 1)), 0);
	for (int i = 0; i < 8; i++)
		JOIN(co[i], i + 1);
	return unmake();
}

Test(behave_chan, who_waits_longest_is_served_first)
{
	RUN_EVERYWHERE(queues);
}

/* A chain of coroutines, each of which passes on when its left neighbour has spoken. */
enum { LINKS = 1000 };

struct link {
	struct weft_chan *left, *right;
};

static int pass_on(void *arg)
{
	struct link *l = arg;
	int elem, rc = weft_chan_recv(l->left, &elem);

	if (!rc) {
		elem++;
		rc = weft_chan_send(l->right, &elem);
	}
	return rc;
}

static int chain(void *arg)
{
	static struct link link[LINKS];
	struct weft_chan *c[LINKS + 1];
	int elem = 0;

	(void)arg;
	for (int i = 0; i <= LINKS; i++)
		CHECK_EQ(weft_chan_new(sizeof(int), 0, &c[i]), 0);
	struct weft_co *co[LINKS];
	for (int i = 0; i < LINKS; i++) {
		link[i] = (struct link){c[i], c[i + 1]};
		CHECK_EQ(weft_spawn(pass_on, &link[i], NULL, &co[i]), 0);
	}
	CHECK_EQ(weft_chan_send(c[0], &elem), 0);
	CHECK_EQ(weft_chan_recv(c[LINKS], &elem), 0);
	CHECK_EQ(elem, LINKS);
	for (int i = 0; i < LINKS; i++)
		JOIN(co[i], 0);
	for (int i = 0; i <= LINKS; i++)
		weft_chan_free(c[i]);
	return 0;
}

Test(behave_chan, a_long_chain_passes_on)
{
	RUN_EVERYWHERE(chain);
}

/* ---- sieve: a filter for each prime, started as it is found ---- */

struct filter {
	struct weft_chan *in, *out;
	int prime;
};

static int generate(void *out)
{
	int rc = 0;

	for (int i = 2; !rc; i++)
		rc = weft_chan_send(out, &i);
	return rc == -EPIPE ? 0 : rc;
}

static int filter(void *arg)
{
	struct filter *f = arg;
	int i, rc = 0;

	while (!rc && !(rc = weft_chan_recv(f->in, &i)))
		if (i % f->prime)
			rc = weft_chan_send(f->out, &i);
	weft_chan_close(f->in); /* whoever feeds it ends too */
	return rc == -EPIPE ? 0 : rc;
}

static int sieve(void *arg)
{
	enum { PRIMES = 60 };
	static struct filter f[PRIMES];
	struct weft_co *co[PRIMES + 1];
	struct weft_chan *c[PRIMES + 1];
	int prime = 0;

	(void)arg;
	CHECK_EQ(weft_chan_new(sizeof(int), 0, &c[0]), 0);
	CHECK_EQ(weft_spawn(generate, c[0], NULL, &co[0]), 0);
	for (int i = 0; i < PRIMES; i++) {
		int before = prime;
		CHECK_EQ(weft_chan_recv(c[i], &prime), 0);
		CHECK(prime > before);
		for (int d = 2; d * d <= prime; d++)
			CHECK(prime % d);
		CHECK_EQ(weft_chan_new(sizeof(int), i % 3, &c[i + 1]), 0);
		f[i] = (struct filter){c[i], c[i + 1], prime};
		CHECK_EQ(weft_spawn(filter, &f[i], NULL, &co[i + 1]), 0);
	}
	CHECK_EQ(prime, 281); /* the 60th */
	CHECK_EQ(weft_chan_close(c[PRIMES]), 0);
	for (int i = PRIMES; i >= 0; i--)
		JOIN(co[i], 0);
	for (int i = 0; i <= PRIMES; i++)
		weft_chan_free(c[i]);
	return 0;
}

Test(behave_chan, a_sieve_finds_primes, .timeout = 60)
{
	RUN_EVERYWHERE(sieve);
}

/* ---- power series: a term is computed when it is asked for ---- */

struct series {
	struct weft_chan *ask, *term; /* a request; a long */
};

static int make_series(struct series *s)
{
	CHECK_EQ(weft_chan_new(0, 0, &s->ask), 0);
	CHECK_EQ(weft_chan_new(sizeof(long), 0, &s->term), 0);
	return 0;
}

static long next_term(const struct series *s)
{
	long term = -1;
	int rc = weft_chan_send(s->ask, NULL);

	return rc || (rc = weft_chan_recv(s->term, &term)) ? rc : term;
}

static int ones(void *arg)
{
	struct series *s = arg;
	int rc;

	while (!(rc = weft_chan_recv(s->ask, NULL)))
		CHECK_EQ(weft_chan_send(s->term, &(long){1}), 0);
	return rc == -EPIPE ? 0 : rc;
}

/* of: the product of two series; asks each for a term when it is asked for one. */
struct product {
	struct series *a, *b, of;
};

static int multiply(void *arg)
{
	enum { TERMS = 32 };
	struct product *p = arg;
	long a[TERMS], b[TERMS];
	int rc, n = 0;

	while (!(rc = weft_chan_recv(p->of.ask, NULL))) {
		long sum = 0;
		a[n] = next_term(p->a);
		b[n] = next_term(p->b);
		for (int i = 0; i <= n; i++)
			sum += a[i] * b[n - i];
		CHECK_EQ(weft_chan_send(p->of.term, &sum), 0);
		n++;
	}
	weft_chan_close(p->a->ask);
	weft_chan_close(p->b->ask);
	return rc == -EPIPE ? 0 : rc;
}

static void free_series(struct series *s)
{
	weft_chan_free(s->ask);
	weft_chan_free(s->term);
}

/* (1 + x + x^2 + ...)^2 = 1 + 2x + 3x^2 + ... */
static int series(void *arg)
{
	static struct series a, b;
	static struct product p;
	struct weft_co *co[3];

	(void)arg;
	p = (struct product){.a = &a, .b = &b};
	CHECK(!make_series(&a) && !make_series(&b) && !make_series(&p.of));
	CHECK_EQ(weft_spawn(ones, &a, NULL, &co[0]), 0);
	CHECK_EQ(weft_spawn(ones, &b, NULL, &co[1]), 0);
	CHECK_EQ(weft_spawn(multiply, &p, NULL, &co[2]), 0);
	for (long i = 1; i <= 32; i++)
		CHECK_EQ(next_term(&p.of), i);
	CHECK_EQ(weft_chan_close(p.of.ask), 0);
	for (int i = 2; i >= 0; i--)
		JOIN(co[i], 0);
	free_series(&a);
	free_series(&b);
	free_series(&p.of);
	return 0;
}

Test(behave_chan, terms_come_when_they_are_asked_for)
{
	RUN_EVERYWHERE(series);
}

/* ---- stages: each element visits one worker of each of two stages ---- */

enum { WORKERS = 5, ELEMS = 1000 };
static atomic_int left_in_stage;

static int stage(void *arg)
{
	int elem, rc;

	(void)arg;
	while (!(rc = weft_chan_recv(ch, &elem))) {
		if (elem % 3 == 0)
			CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(weft_chan_send(back, &elem), 0);
	}
	if (atomic_fetch_sub(&left_in_stage, 1) == 1)
		CHECK_EQ(weft_chan_close(back), 0); /* the last one out */
	return rc == -EPIPE ? 0 : rc;
}

static int feed(void *arg)
{
	(void)arg;
	for (int i = 1; i <= ELEMS; i++)
		CHECK_EQ(weft_chan_send(ch, &i), 0);
	return weft_chan_close(ch);
}

static int stages(void *arg)
{
	struct weft_co *co[WORKERS + 1];
	long sum = 0, n = 0;
	int elem, rc;

	(void)arg;
	CHECK_EQ(make(10), 0);
	atomic_store(&left_in_stage, WORKERS);
	for (int i = 0; i < WORKERS; i++)
		CHECK_EQ(weft_spawn(stage, NULL, NULL, &co[i]), 0);
	CHECK_EQ(weft_spawn(feed, NULL, NULL, &co[WORKERS]), 0);
	for (; !(rc = weft_chan_recv(back, &elem)); n++)
		sum += elem;
	CHECK_EQ(rc, -EPIPE);
	CHECK_EQ(n, ELEMS);
	CHECK_EQ(sum, (long)ELEMS * (ELEMS + 1) / 2);
	for (int i = 0; i <= WORKERS; i++)
		JOIN(co[i], 0);
	return unmake();
}

Test(behave_chan, many_consumers_lose_nothing)
{
	RUN_EVERYWHERE(stages);
}

/* ---- closing ---- */

/* What is held outlives the close, and -EPIPE comes as often as one asks. */
static int drained(void *arg)
{
	(void)arg;
	for (unsigned c = 1; c < 5; c++) {
		int held = (int)capacities[c];
		CHECK_EQ(make(capacities[c]), 0);
		for (int i = 0; i < held; i++)
			CHECK_EQ(send_it((void *)(intptr_t)i), 0);
		CHECK_EQ(weft_chan_close(ch), 0);
		CHECK_EQ(send_it(NULL), -EPIPE);
		CHECK_EQ(weft_chan_trysend(ch, &(int){1}), -EPIPE);
		for (int i = 0; i < held; i++)
			CHECK_EQ(recv_it(NULL), i);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(recv_it(NULL), -EPIPE);
		unmake();
	}
	return 0;
}

Test(behave_chan, what_is_held_outlives_the_close)
{
	RUN_EVERYWHERE(drained);
}

/* All who wait go on, senders and receivers; what a sender offered is still its own. */
static int woken_by_close(void *arg)
{
	struct weft_co *co[6];

	(void)arg;
	CHECK_EQ(make(0), 0);
	for (uint32_t i = 0; i < 6; i++)
		CHECK_EQ(start_waiter(recv_it, NULL, ch, i + 1, &co[i]), 0);
	CHECK_EQ(weft_chan_close(ch), 0);
	for (int i = 0; i < 6; i++)
		JOIN(co[i], -EPIPE);
	unmake();
	CHECK_EQ(make(1), 0);
	CHECK_EQ(send_it((void *)5), 0);
	for (uint32_t i = 0; i < 6; i++)
		CHECK_EQ(start_waiter(send_it, (void *)9, ch, i + 1, &co[i]), 0);
	CHECK_EQ(weft_chan_close(ch), 0);
	for (int i = 0; i < 6; i++)
		JOIN(co[i], -EPIPE);
	CHECK_EQ(recv_it(NULL), 5); /* and no 9 */
	CHECK_EQ(recv_it(NULL), -EPIPE);
	return unmake();
}

Test(behave_chan, a_close_lets_all_who_wait_go_on)
{
	RUN_EVERYWHERE(woken_by_close);
}

/* One element, then a close: a try sees one or the other, never an empty open channel. */
static int tries_once(void *arg)
{
	int elem, rc = weft_chan_tryrecv(ch, &elem);

	(void)arg;
	return rc == 0 || rc == -EPIPE ? 0 : __LINE__;
}

static int try_and_close(void *arg)
{
	struct weft_co *co;

	(void)arg;
	for (int i = 0; i < 2000; i++) {
		CHECK_EQ(make(1), 0);
		CHECK_EQ(send_it((void *)1), 0);
		CHECK_EQ(weft_spawn(tries_once, NULL, NULL, &co), 0);
		CHECK_EQ(weft_chan_close(ch), 0);
		recv_it(NULL);
		JOIN(co, 0);
		unmake();
	}
	return 0;
}

Test(behave_chan, a_try_sees_the_element_or_the_close, .timeout = 60)
{
	RUN_EVERYWHERE(try_and_close);
}

/* ---- cancelling ---- */

/* Whoever is cancelled in the middle of the queue leaves it; the others keep their order. */
static int cancelled_in_the_middle(void *arg)
{
	struct weft_co *co[5];

	(void)arg;
	CHECK_EQ(make(0), 0);
	for (intptr_t i = 0; i < 5; i++)
		CHECK_EQ(start_waiter(send_it, (void *)i, ch, (uint32_t)i + 1, &co[i]),
			 0);
	CHECK_EQ(weft_cancel(co[2]), 0);
	JOIN(co[2], -ECANCELED);
	CHECK_EQ(waiting(ch), 4);
	for (int i = 0; i < 5; i++)
		if (i != 2)
			CHECK_EQ(recv_it(NULL), i);
	for (int i = 0; i < 5; i++)
		if (i != 2)
			JOIN(co[i], 0);
	CHECK_EQ(weft_chan_tryrecv(ch, &(int){0}), -EAGAIN);
	return unmake();
}

Test(behave_chan, a_cancelled_sender_sends_nothing)
{
	RUN_EVERYWHERE(cancelled_in_the_middle);
}

/* A receiver out of time takes nothing with it. */
static int out_of_time(void *arg)
{
	struct weft_deadline scope;
	int elem = 3;

	(void)arg;
	CHECK_EQ(make(1), 0);
	CHECK_EQ(weft_deadline_open(&scope, weft_now() + WEFT_MS), 0);
	CHECK_EQ(weft_chan_recv(ch, &elem), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&scope), 1);
	CHECK_EQ(elem, 3);
	CHECK_EQ(waiting(ch), 0);
	CHECK_EQ(send_it((void *)8), 0);
	CHECK_EQ(weft_deadline_open(&scope, weft_now() + WEFT_MS), 0);
	CHECK_EQ(send_it((void *)9), -ETIMEDOUT); /* full */
	CHECK_EQ(weft_deadline_close(&scope), 1);
	CHECK_EQ(recv_it(NULL), 8);
	CHECK_EQ(weft_chan_tryrecv(ch, &elem), -EAGAIN);
	return unmake();
}

Test(behave_chan, who_is_out_of_time_has_done_nothing)
{
	RUN_EVERYWHERE(out_of_time);
}

/* An element of some size arrives whole, in hand-over and in storage. */
struct large {
	unsigned char byte[4099];
};

static struct weft_chan *wide;

static int send_large(void *arg)
{
	struct large l;

	memset(&l, (int)(intptr_t)arg, sizeof(l));
	return weft_chan_send(wide, &l);
}

static int whole(void *arg)
{
	struct weft_co *co[3];
	struct large l;

	(void)arg;
	for (uint32_t capacity = 0; capacity < 3; capacity++) {
		CHECK_EQ(weft_chan_new(sizeof(struct large), capacity, &wide), 0);
		for (intptr_t i = 0; i < 3; i++)
			CHECK_EQ(weft_spawn(send_large, (void *)(i + 1), NULL, &co[i]),
				 0);
		for (int seen = 0, i = 0; i < 3; i++, seen |= 1 << l.byte[0]) {
			CHECK_EQ(weft_chan_recv(wide, &l), 0);
			CHECK(!(seen & 1 << l.byte[0]));
			for (size_t at = 0; at < sizeof(l); at++)
				CHECK_EQ(l.byte[at], l.byte[0]);
		}
		for (int i = 0; i < 3; i++)
			JOIN(co[i], 0);
		weft_chan_free(wide);
	}
	return 0;
}

Test(behave_chan, large_elements_arrive_whole)
{
	RUN_EVERYWHERE(whole);
}
