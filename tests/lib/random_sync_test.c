/* SPDX-License-Identifier: MIT */
/*
 * Random programs of several actors on several workers, all at the same time, some of them under
 * deadlines and some cancelled. What must hold whatever the order is checked on the way: locks
 * exclude, permits are not exceeded, versions grow; and at the end: of the elements each one that
 * was sent was received, once, in its sender's order, and none that was not.
 */
#include <stdatomic.h>

#include "behave.h"
#include "seed.h"

enum {
	CHANNELS = 3,
	MAX_ACTORS = 8,
	STEPS = 60,
	ELEMS = MAX_ACTORS * STEPS,
	WRITER = 1000
};

struct actor {
	struct weft_co *co;
	uint64_t random;
	int id, n_sent;
	int last[CHANNELS]
		[MAX_ACTORS]; /* the newest that it got, by channel and sender */
	uint64_t version;
};

static struct {
	struct weft_chan *chan[CHANNELS];
	uint32_t capacity[CHANNELS];
	struct weft_mutex m;
	struct weft_cond cond;
	struct weft_rwlock rw;
	struct weft_sem sem;
	struct weft_event started, event;
	struct weft_watch watch;
	struct weft_wg wg;
	long watched[2]; /* memory of the watch */
	long guarded, changes;
	uint32_t permits;
	atomic_int in_rw, in_sem, done;
	atomic_int sent[ELEMS], received[ELEMS];
	struct actor actor[MAX_ACTORS];
	int n_actors;
} it;

/* What a waiting call may return when it did nothing. */
static bool stopped(int rc)
{
	return rc == -ECANCELED || rc == -ETIMEDOUT;
}

/* An element is its number: whose it is and which of theirs. */
static int new_elem(struct actor *a)
{
	return a->id * STEPS + a->n_sent++;
}

static void count_sent(int elem)
{
	atomic_fetch_add(&it.sent[elem], 1);
}

static int count_received(struct actor *a, int chan, int elem)
{
	CHECK(elem >= 0 && elem < ELEMS);
	CHECK_EQ(atomic_fetch_add(&it.received[elem], 1), 0);
	CHECK(elem > a->last[chan][elem / STEPS]);
	a->last[chan][elem / STEPS] = elem;
	return 0;
}

/* ---- steps ---- */

static int sends(struct actor *a)
{
	int elem = new_elem(a), c = (int)below(&a->random, CHANNELS);
	int rc = below(&a->random, 4) ? weft_chan_send(it.chan[c], &elem)
				      : weft_chan_trysend(it.chan[c], &elem);

	if (rc == 0)
		count_sent(elem);
	else
		CHECK(stopped(rc) || rc == -EAGAIN || rc == -EPIPE);
	CHECK(weft_chan_len(it.chan[c]) <= it.capacity[c]);
	return 0;
}

static int receives(struct actor *a)
{
	int elem = -1, c = (int)below(&a->random, CHANNELS);
	int rc = below(&a->random, 4) ? weft_chan_recv(it.chan[c], &elem)
				      : weft_chan_tryrecv(it.chan[c], &elem);

	if (rc == 0)
		return count_received(a, c, elem);
	CHECK(stopped(rc) || rc == -EAGAIN || rc == -EPIPE);
	CHECK_EQ(elem, -1); /* nothing was put there */
	return 0;
}

/* One element is offered everywhere, and another asked for: one of all that happens. */
static int selects(struct actor *a)
{
	int mine = new_elem(a), got[CHANNELS], rc;
	struct weft_select cases[2 * CHANNELS];

	for (int i = 0; i < CHANNELS; i++) {
		got[i] = -1;
		cases[2 * i] = (struct weft_select){WEFT_SELECT_SEND, it.chan[i], &mine};
		cases[2 * i + 1] =
			(struct weft_select){WEFT_SELECT_RECV, it.chan[i], &got[i]};
	}
	int which = weft_select(cases, 2 * CHANNELS, below(&a->random, 4), &rc);
	bool did = which >= 0 && rc == 0;
	CHECK(which >= 0 ? !rc || rc == -EPIPE : stopped(which) || which == -EAGAIN);
	for (int i = 0; i < CHANNELS; i++)
		CHECK_EQ(got[i] != -1, did && which == 2 * i + 1);
	if (!did)
		return 0;
	if (which % 2)
		return count_received(a, which / 2, got[which / 2]);
	count_sent(mine);
	return 0;
}

/* Whatever holds for the mutex holds for the wait that gives it back. */
static int changes_guarded(struct actor *a)
{
	int rc =
		below(&a->random, 4) ? weft_mutex_lock(&it.m) : weft_mutex_trylock(&it.m);

	if (rc) {
		CHECK(stopped(rc) || rc == -EBUSY);
		CHECK_MISUSE(weft_mutex_unlock(&it.m), -EPERM); /* it took nothing */
		return 0;
	}
	long before = it.guarded++;
	if (below(&a->random, 2))
		weft_yield();
	CHECK_EQ(it.guarded, before + 1);
	it.changes++;
	if (below(&a->random, 4) == 0) {
		rc = weft_cond_wait(&it.cond, &it.m);
		CHECK(!rc || stopped(rc));
		before = it.guarded++;
		CHECK_EQ(it.guarded, before + 1);
		it.changes++;
	}
	if (below(&a->random, 2))
		weft_cond_signal(&it.cond);
	else
		weft_cond_broadcast(&it.cond);
	CHECK_EQ(weft_mutex_unlock(&it.m), 0);
	return 0;
}

static int reads_or_writes(struct actor *a)
{
	bool writes = below(&a->random, 3) == 0;
	int mine = writes ? WRITER : 1;
	int rc = writes ? weft_rwlock_wrlock(&it.rw) : weft_rwlock_rdlock(&it.rw);

	if (rc)
		return stopped(rc) ? 0 : __LINE__;
	int before = atomic_fetch_add(&it.in_rw, mine);
	CHECK(writes ? before == 0 : before < WRITER);
	if (below(&a->random, 2))
		weft_yield();
	atomic_fetch_sub(&it.in_rw, mine);
	CHECK_EQ(weft_rwlock_unlock(&it.rw), 0);
	return 0;
}

static int takes_permits(struct actor *a)
{
	uint32_t n = 1 + below(&a->random, it.permits);
	int rc = below(&a->random, 4) ? weft_sem_wait(&it.sem, n)
				      : weft_sem_trywait(&it.sem, n);

	if (rc)
		return stopped(rc) || rc == -EBUSY ? 0 : __LINE__;
	CHECK((uint32_t)atomic_fetch_add(&it.in_sem, (int)n) + n <= it.permits);
	if (below(&a->random, 2))
		weft_yield();
	atomic_fetch_sub(&it.in_sem, (int)n);
	CHECK_EQ(weft_sem_post(&it.sem, n), 0);
	return 0;
}

/* The two halves of a value belong together, and no version comes twice. */
static int watches(struct actor *a)
{
	uint64_t before = a->version;
	long value[2];
	int rc;

	if (below(&a->random, 2)) {
		value[0] = (long)below(&a->random, 1000);
		value[1] = -value[0];
		rc = weft_watch_set(&it.watch, value);
		CHECK(rc == 0 || rc == -EPIPE);
		return 0;
	}
	rc = below(&a->random, 2) ? weft_watch_wait(&it.watch, &a->version, value)
				  : weft_watch_get(&it.watch, &a->version, value);
	if (rc == 0)
		CHECK(a->version > before && value[0] == -value[1]);
	else
		CHECK(a->version == before &&
		      (stopped(rc) || rc == -EAGAIN || rc == -EPIPE));
	return 0;
}

static int waits_for_event(struct actor *a)
{
	if (below(&a->random, 8) == 0) {
		weft_event_set(&it.event);
		return 0;
	}
	int rc = weft_event_wait(&it.event);
	CHECK(rc ? stopped(rc) : weft_event_is_set(&it.event));
	return 0;
}

static int cancels(struct actor *a)
{
	int other = (int)below(&a->random, (unsigned)it.n_actors);

	if (other != a->id && below(&a->random, 4) == 0)
		weft_cancel(it.actor[other].co);
	return 0;
}

static int (*const step[])(struct actor *a) = {
	sends,         receives, sends,           receives,
	selects,       selects,  changes_guarded, reads_or_writes,
	takes_permits, watches,  waits_for_event, cancels};

/* ---- a program ---- */

static int take_steps(struct actor *a)
{
	struct weft_deadline scope;

	for (int i = 0; i < STEPS; i++) {
		bool bounded = below(&a->random, 2);

		if (bounded)
			CHECK_EQ(weft_deadline_open(
					 &scope, weft_now() + below(&a->random, 100000)),
				 0);
		CHECK_EQ(step[below(&a->random, sizeof(step) / sizeof(*step))](a), 0);
		if (bounded)
			weft_deadline_close(&scope);
	}
	return 0;
}

static int acts(void *arg)
{
	int rc = weft_event_wait(&it.started); /* all handles are there */

	if (!rc)
		rc = take_steps(arg);
	atomic_fetch_add(&it.done, 1);
	CHECK_EQ(weft_wg_done(&it.wg), 0);
	return rc;
}

static int begin(uint64_t seed)
{
	memset(&it, 0, sizeof(it));
	it.n_actors = 2 + (int)below(&seed, MAX_ACTORS - 1);
	it.permits = 1 + below(&seed, 4);
	CHECK_EQ(weft_sem_post(&it.sem, it.permits), 0);
	CHECK_EQ(weft_watch_init(&it.watch, it.watched, sizeof(it.watched)), 0);
	for (int i = 0; i < CHANNELS; i++) {
		it.capacity[i] = below(&seed, 5);
		CHECK_EQ(weft_chan_new(sizeof(int), it.capacity[i], &it.chan[i]), 0);
	}
	CHECK_EQ(weft_wg_add(&it.wg, it.n_actors), 0);
	for (int i = 0; i < it.n_actors; i++) {
		struct actor *a = &it.actor[i];

		a->id = i;
		a->random = seed + 2 * (uint64_t)i;
		memset(a->last, -1, sizeof(a->last));
		CHECK_EQ(weft_spawn(acts, a, NULL, &a->co), 0);
	}
	CHECK_EQ(until_waiting(&it.started, (uint32_t)it.n_actors), 0);
	weft_event_set(&it.started);
	return 0;
}

/* Some wait for what nobody will do. After a while all are told to stop: and then they must. */
static int end(void)
{
	struct weft_deadline scope;

	CHECK_EQ(weft_deadline_open(&scope, weft_now() + 2 * WEFT_MS), 0);
	weft_wg_wait(&it.wg);
	weft_deadline_close(&scope);
	for (int i = 0; i < CHANNELS; i += 2)
		CHECK_EQ(weft_chan_close(it.chan[i]), 0);
	CHECK_EQ(weft_watch_close(&it.watch), 0);
	for (int i = 0; i < it.n_actors; i++)
		CHECK_EQ(weft_cancel(it.actor[i].co), 0);
	for (int i = 0; i < it.n_actors; i++)
		JOIN(it.actor[i].co, 0);
	CHECK_EQ(it.done, it.n_actors);
	return weft_wg_wait(&it.wg);
}

/* Nobody holds anything, nobody waits, and what was sent has come or is still held. */
static int audit(void)
{
	int elem;

	for (int i = 0; i < CHANNELS; i++) {
		int held = 0;
		for (; weft_chan_tryrecv(it.chan[i], &elem) == 0; held++)
			CHECK_EQ(atomic_fetch_add(&it.received[elem], 1), 0);
		CHECK(held <= (int)it.capacity[i]);
		CHECK_EQ(waiting(it.chan[i]), 0);
		weft_chan_free(it.chan[i]);
	}
	for (int i = 0; i < ELEMS; i++)
		CHECK_EQ(it.received[i], it.sent[i]);
	CHECK_EQ(it.guarded, it.changes);
	CHECK_EQ(waiting(&it.m) + waiting(&it.cond) + waiting(&it.rw) + waiting(&it.sem) +
			 waiting(&it.event) + waiting(&it.watch) + waiting(&it.wg),
		 0);
	CHECK_EQ(weft_mutex_trylock(&it.m), 0);
	CHECK_EQ(weft_rwlock_wrlock(&it.rw), 0);
	CHECK_EQ(weft_sem_trywait(&it.sem, it.permits), 0);
	return 0;
}

static int random_program(void *seed)
{
	CHECK_EQ(begin(*(uint64_t *)seed), 0);
	CHECK_EQ(end(), 0);
	return audit();
}

Test(random_sync, what_must_hold_holds, .timeout = 110)
{
	run_seeds(random_program, 300);
}
