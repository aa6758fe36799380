/* SPDX-License-Identifier: MIT */
/* Channels and select, between coroutines on any workers and plain threads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../check.h"

enum { SENDERS = 6, RECEIVERS = 4, EACH = 2000, ALL = SENDERS * EACH };

static struct weft_chan *ch, *other;
static atomic_int got[ALL], n_got;

static int make(uint32_t capacity)
{
	for (int i = 0; i < ALL; i++)
		atomic_store(&got[i], 0);
	atomic_store(&n_got, 0);
	CHECK_EQ(weft_chan_new(sizeof(int), capacity, &ch), 0);
	CHECK_EQ(weft_chan_new(sizeof(int), capacity, &other), 0);
	return 0;
}

static int unmake(void)
{
	weft_chan_free(ch);
	weft_chan_free(other);
	return 0;
}

/* ---- many to many ---- */

static int send_mine(void *arg)
{
	for (int i = 0; i < EACH; i++) {
		int elem = (int)(intptr_t)arg * EACH + i;
		CHECK_EQ(weft_chan_send(ch, &elem), 0);
	}
	return 0;
}

static int note(int elem, int *last)
{
	CHECK(elem >= 0 && elem < ALL);
	CHECK_EQ(atomic_fetch_add(&got[elem], 1), 0);
	CHECK(elem % EACH > last[elem / EACH]); /* of one sender, in order */
	last[elem / EACH] = elem % EACH;
	atomic_fetch_add(&n_got, 1);
	return 0;
}

static int receive_all(void *arg)
{
	int elem, rc, last[SENDERS];

	(void)arg;
	memset(last, -1, sizeof(last));
	while ((rc = weft_chan_recv(ch, &elem)) == 0)
		CHECK_EQ(note(elem, last), 0);
	return rc == -EPIPE ? 0 : rc;
}

static void *send_in_thread(void *arg)
{
	return (void *)(intptr_t)send_mine(arg);
}

static void *receive_in_thread(void *arg)
{
	return (void *)(intptr_t)receive_all(arg);
}

/* The last of both is a plain thread. */
static int many_to_many(void *receiver)
{
	int (*receive)(void *) = (int (*)(void *))receiver;
	struct weft_co *s[SENDERS], *r[RECEIVERS];
	pthread_t st, rt;
	void *rc;

	for (int i = 0; i < RECEIVERS - 1; i++)
		CHECK_EQ(weft_spawn(receive, NULL, NULL, &r[i]), 0);
	CHECK_EQ(pthread_create(&rt, NULL, receive_in_thread, NULL), 0);
	for (intptr_t i = 0; i < SENDERS - 1; i++)
		CHECK_EQ(weft_spawn(send_mine, (void *)i, NULL, &s[i]), 0);
	CHECK_EQ(pthread_create(&st, NULL, send_in_thread, (void *)(SENDERS - 1)), 0);
	for (int i = 0; i < SENDERS - 1; i++)
		JOIN(s[i], 0);
	while (atomic_load(&n_got) < EACH) /* the thread may be slow to begin */
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	pthread_join(st, &rc);
	CHECK_EQ((intptr_t)rc, 0);
	CHECK_EQ(weft_chan_close(ch), 0);
	for (int i = 0; i < RECEIVERS - 1; i++)
		JOIN(r[i], 0);
	pthread_join(rt, &rc);
	CHECK_EQ((intptr_t)rc, 0);
	CHECK_EQ(n_got, ALL);
	return 0;
}

static void run_many(int (*receiver)(void *))
{
	const uint32_t capacity[] = {0, 1, 7, 1000};

	for (unsigned workers = 1; workers <= 4; workers *= 2)
		for (int i = 0; i < 4; i++) {
			struct weft_options o = {.size = sizeof(o), .workers = workers};
			cr_assert_eq(make(capacity[i]), 0);
			int rc = weft_run(many_to_many, (void *)receiver, &o);
			cr_assert_eq(rc, 0, "line %d, %u workers, capacity %u", rc,
				     workers, capacity[i]);
			unmake();
		}
}

Test(chan, each_element_arrives_once_and_in_order, .timeout = 120)
{
	run_many(receive_all);
}

/* Receives from a channel that never has anything, too. */
static int receive_by_select(void *arg)
{
	int elem, rc = 0, last[SENDERS], none;
	const struct weft_select cases[] = {{WEFT_SELECT_RECV, other, &none},
					    {WEFT_SELECT_RECV, ch, &elem},
					    {WEFT_SELECT_SEND, NULL, NULL}};

	(void)arg;
	memset(last, -1, sizeof(last));
	for (;;) {
		CHECK_EQ(weft_select(cases, 3, true, &rc), 1);
		if (rc == -EPIPE)
			return 0;
		CHECK_EQ(rc, 0);
		CHECK_EQ(note(elem, last), 0);
	}
}

Test(chan, select_receives_each_element_once, .timeout = 120)
{
	run_many(receive_by_select);
}

/* ---- holding, closing ---- */

static int holds(void *arg)
{
	int elem;

	(void)arg;
	CHECK_EQ(make(3), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_chan_trysend(ch, &i), 0);
	CHECK_EQ(weft_chan_trysend(ch, &(int){9}), -EAGAIN);
	CHECK_EQ(weft_chan_len(ch), 3);
	for (int i = 0; i < 100; i++) { /* round the ring */
		CHECK_EQ(weft_chan_tryrecv(ch, &elem), 0);
		CHECK_EQ(elem, i);
		CHECK_EQ(weft_chan_trysend(ch, &(int){i + 3}), 0);
	}
	CHECK_EQ(weft_chan_close(ch), 0);
	CHECK_EQ(weft_chan_close(ch), -EPIPE);
	CHECK_EQ(weft_chan_send(ch, &elem), -EPIPE);
	for (int i = 100; i < 103; i++) {
		CHECK_EQ(weft_chan_recv(ch, &elem), 0);
		CHECK_EQ(elem, i);
	}
	CHECK_EQ(weft_chan_recv(ch, &elem), -EPIPE);
	CHECK_EQ(weft_chan_tryrecv(ch, &elem), -EPIPE);
	unmake();
	CHECK_EQ(weft_chan_new(65537, 1, &ch), -EINVAL);
	CHECK_EQ(weft_chan_new(0, 2, &ch), 0); /* a counter */
	CHECK_EQ(weft_chan_trysend(ch, NULL), 0);
	CHECK_EQ(weft_chan_tryrecv(ch, NULL), 0);
	weft_chan_free(ch);
	weft_chan_free(NULL);
	return 0;
}

Test(chan, holds_as_much_as_it_should)
{
	RUN_ON(1, holds);
}

static int send_seven(void *arg)
{
	(void)arg;
	return weft_chan_send(ch, &(int){7});
}

static int receive_seven(void *arg)
{
	int elem = 0, rc = weft_chan_recv(ch, &elem);

	(void)arg;
	return rc ? rc : elem;
}

static int closing(void *arg)
{
	struct weft_co *co[4];

	(void)arg;
	CHECK_EQ(make(0), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(weft_spawn(receive_seven, NULL, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(send_seven(NULL), 0);
	CHECK_EQ(weft_cancel(co[1]), 0);
	CHECK_EQ(weft_chan_close(ch), 0);
	JOIN(co[0], 7); /* first come, first served */
	JOIN(co[1], -ECANCELED);
	JOIN(co[2], -EPIPE);
	JOIN(co[3], -EPIPE);
	unmake();

	CHECK_EQ(make(0), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(weft_spawn(send_seven, NULL, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(2 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co[0]), 0);
	JOIN(co[0], -ECANCELED);
	CHECK_EQ(receive_seven(NULL), 7); /* the second's: the first's was not taken */
	JOIN(co[1], 0);
	CHECK_EQ(weft_chan_tryrecv(ch, &(int){0}), -EAGAIN);
	return unmake();
}

Test(chan, closing_and_cancelling_end_the_wait)
{
	RUN_ON(1, closing);
	RUN_ON(2, closing);
}

/* ---- select ---- */

static int choices(void *arg)
{
	int a = 1, b = 2, elem, rc, count[2] = {0, 0};
	const struct weft_select ready[] = {{WEFT_SELECT_RECV, ch, &elem},
					    {WEFT_SELECT_RECV, other, &elem}};

	(void)arg;
	for (int i = 0; i < 10000; i++) {
		if (weft_chan_len(ch) == 0)
			CHECK_EQ(weft_chan_send(ch, &a), 0);
		if (weft_chan_len(other) == 0)
			CHECK_EQ(weft_chan_send(other, &b), 0);
		int which = weft_select(ready, 2, true, &rc);
		CHECK(which == 0 || which == 1);
		CHECK_EQ(rc, 0);
		CHECK_EQ(elem, which + 1);
		CHECK_EQ(weft_chan_len(ch) + weft_chan_len(other), 1); /* only one */
		count[which]++;
	}
	CHECK(count[0] > 2500 && count[1] > 2500);
	return 0;
}

static int refusals(void *arg)
{
	int elem, rc;
	const struct weft_select never[] = {{WEFT_SELECT_RECV, NULL, NULL}};
	const struct weft_select bad[] = {{(enum weft_select_op)0, ch, NULL}};
	const struct weft_select empty[] = {{WEFT_SELECT_RECV, ch, &elem}};
	struct weft_deadline scope;

	(void)arg;
	while (weft_chan_tryrecv(ch, &elem) == 0)
		;
	CHECK_EQ(weft_select(never, 0, true, &rc), -EINVAL);
	CHECK_EQ(weft_select(never, WEFT_SELECT_MAX + 1, true, &rc), -EINVAL);
	CHECK_EQ(weft_select(bad, 1, true, &rc), -EINVAL);
	CHECK_EQ(weft_select(empty, 1, false, &rc), -EAGAIN);
	CHECK_EQ(weft_select(never, 1, false, &rc), -EAGAIN);
	CHECK_EQ(weft_deadline_open(&scope, weft_now() + WEFT_MS), 0);
	CHECK_EQ(weft_select(empty, 1, true, &rc), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&scope), 1);
	CHECK_EQ(weft_deadline_open(&scope, weft_now() + WEFT_MS), 0);
	CHECK_EQ(weft_select(never, 1, true, &rc), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&scope), 1);
	CHECK_EQ(weft_chan_send(ch, &(int){5}), 0); /* nobody is left waiting */
	CHECK_EQ(weft_select(empty, 1, true, NULL), 0);
	CHECK_EQ(elem, 5);
	return 0;
}

static int selecting(void *arg)
{
	CHECK_EQ(make(1), 0);
	CHECK_EQ(choices(arg), 0);
	CHECK_EQ(refusals(arg), 0);
	return unmake();
}

Test(chan, select_is_fair_and_does_one_thing, .timeout = 60)
{
	RUN_ON(1, selecting);
	RUN_ON(2, selecting);
}

/*
 * Each party would send to and receive from both channels, and stops when it has done as
 * many of each as the others; none may be served by itself.
 */
static atomic_int sent, received;

static int both_ways(void *arg)
{
	int mine = (int)(intptr_t)arg, in[2], rc;

	for (int i = 0; i < EACH; i++) {
		const struct weft_select cases[] = {{WEFT_SELECT_SEND, ch, &mine},
						    {WEFT_SELECT_RECV, ch, &in[0]},
						    {WEFT_SELECT_SEND, other, &mine},
						    {WEFT_SELECT_RECV, other, &in[1]}};
		int which = weft_select(cases, 4, true, &rc);
		if (which < 0 || rc == -EPIPE)
			return which < 0 ? which : 0;
		if (which % 2)
			CHECK(in[which / 2] != mine);
		atomic_fetch_add(which % 2 ? &received : &sent, 1);
	}
	return 0;
}

static int crossing(void *arg)
{
	struct weft_co *co[5];

	(void)arg;
	CHECK_EQ(make(0), 0);
	sent = received = 0;
	for (intptr_t i = 0; i < 5; i++)
		CHECK_EQ(weft_spawn(both_ways, (void *)i, NULL, &co[i]), 0);
	/* the last one finds no partner */
	for (int before = -1; before != sent + received;) {
		before = sent + received;
		CHECK_EQ(weft_sleep_ns(50 * WEFT_MS), 0);
	}
	CHECK_EQ(weft_chan_close(ch), 0);
	CHECK_EQ(weft_chan_close(other), 0);
	for (int i = 0; i < 5; i++)
		JOIN(co[i], 0);
	CHECK_EQ(sent, received);
	CHECK(sent + received >= 4 * EACH);
	return unmake();
}

Test(chan, nobody_is_served_by_itself, .timeout = 60)
{
	RUN_ON(1, crossing);
	RUN_ON(2, crossing);
	RUN_ON(4, crossing);
}

/* A watch: its setter waits for nobody, and its watchers see the newest. */
static struct weft_watch newest;

struct pair {
	long a, b;
};

static int watches(void *arg)
{
	struct pair p = {0};
	uint64_t version = 0, before = 0;
	long last = 0;
	int rc;

	(void)arg;
	while (!(rc = weft_watch_wait(&newest, &version, &p))) {
		CHECK(version > before);
		CHECK(p.a == -p.b && p.a > last);
		last = p.a;
		before = version;
	}
	CHECK_EQ(rc, -EPIPE);
	return last == EACH ? 0 : __LINE__;
}

static void *watch_in_thread(void *arg)
{
	return (void *)(intptr_t)watches(arg);
}

static int watching(void *arg)
{
	static struct pair memory;
	struct weft_co *co[5];
	pthread_t thread;
	void *status;
	uint64_t version = UINT64_MAX;
	struct pair p;

	(void)arg;
	memory = (struct pair){0};
	CHECK_EQ(weft_watch_init(&newest, &memory, sizeof(memory)), 0);
	CHECK_EQ(weft_watch_get(&newest, &version, &p), 0);
	CHECK_EQ(weft_watch_get(&newest, &version, &p), -EAGAIN);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(weft_spawn(watches, NULL, NULL, &co[i]), 0);
	CHECK_EQ(pthread_create(&thread, NULL, watch_in_thread, NULL), 0);
	for (long i = 1; i <= EACH; i++) {
		p = (struct pair){i, -i};
		CHECK_EQ(weft_watch_set(&newest, &p), 0);
		if (i % 3 == 0)
			CHECK_EQ(weft_yield(), 0);
	}
	CHECK_EQ(weft_watch_close(&newest), 0);
	CHECK_EQ(weft_watch_close(&newest), -EPIPE);
	CHECK_EQ(weft_watch_set(&newest, &p), -EPIPE);
	for (int i = 0; i < 5; i++)
		JOIN(co[i], 0);
	CHECK_EQ(pthread_join(thread, &status), 0);
	CHECK_EQ((intptr_t)status, 0);
	return 0;
}

Test(chan, watchers_see_the_newest, .timeout = 60)
{
	RUN_ON(1, watching);
	RUN_ON(2, watching);
	cr_assert_eq(weft_watch_init(&newest, NULL, 8), -EINVAL);
	cr_assert_eq(weft_watch_init(&newest, &newest, WEFT_WATCH_MAX + 1), -EINVAL);
}

static int watch_late(void *arg)
{
	uint64_t version = 0;
	struct weft_deadline d;

	(void)arg;
	CHECK_EQ(weft_watch_init(&newest, NULL, 0), 0);
	CHECK_EQ(weft_deadline_open(&d, weft_now() + 5 * WEFT_MS), 0);
	CHECK_EQ(weft_watch_wait(&newest, &version, NULL), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	CHECK_EQ(weft_watch_set(&newest, NULL), 0);
	CHECK_EQ(weft_watch_wait(&newest, &version, NULL), 0);
	CHECK_EQ(version, 1);
	return 0;
}

Test(chan, a_watcher_can_be_out_of_time)
{
	RUN_ON(1, watch_late);
}
