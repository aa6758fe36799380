/* SPDX-License-Identifier: MIT */
/*
 * Random programs of channels, step by step beside a sequential model: after each step is known
 * who has gone on, with what, and who waits where, in which order. Only which of several ready
 * cases a select takes is left to it; the model follows.
 */
#include <stdatomic.h>

#include "behave.h"
#include "seed.h"

enum { CHANNELS = 3, CASES = 4, PARTIES = 160, MAX_WAITING = 24, STEPS = 150, HELD = 4 };

/* ---- the model ---- */

struct place { /* in a queue */
	int party, index;
};

struct model {
	uint32_t capacity;
	bool closed;
	int elem[HELD], n;
	struct place wait[MAX_WAITING * CASES];
	int n_wait;
};

struct outcome {
	int which, rc, elem;
};

/* One coroutine that does one thing. */
struct party {
	struct weft_co *co;
	unsigned n;
	int chan[CASES], memory[CASES]; /* of each case */
	struct weft_select cases[CASES];
	bool plain; /* by call, not by select */
	struct outcome is;
	atomic_bool done;

	/* the model's */
	bool waits;
	struct outcome want;
};

static struct {
	uint64_t random;
	struct weft_chan *chan[CHANNELS];
	struct model model[CHANNELS];
	struct party party[PARTIES];
	int n_parties, n_waiting, next_elem;
} it;

static enum weft_select_op op_at(struct place at)
{
	return it.party[at.party].cases[at.index].op;
}

/* The first in the queue that waits to do op, or -1. */
static int peer(const struct model *m, enum weft_select_op op)
{
	for (int i = 0; i < m->n_wait; i++)
		if (op_at(m->wait[i]) == op)
			return i;
	return -1;
}

static bool ready(const struct model *m, enum weft_select_op op)
{
	if (m->closed)
		return true;
	if (op == WEFT_SELECT_SEND)
		return (uint32_t)m->n < m->capacity || peer(m, WEFT_SELECT_RECV) >= 0;
	return m->n || peer(m, WEFT_SELECT_SEND) >= 0;
}

static void leave_queue(struct model *m, int party)
{
	int kept = 0;

	for (int i = 0; i < m->n_wait; i++)
		if (m->wait[i].party != party)
			m->wait[kept++] = m->wait[i];
	m->n_wait = kept;
}

/* Its wait ends: with what, says the model. */
static void release(int party, struct outcome want)
{
	for (int i = 0; i < CHANNELS; i++)
		leave_queue(&it.model[i], party);
	it.party[party].waits = false;
	it.party[party].want = want;
	it.n_waiting--;
}

/* The peer at that place is served; elem: what it gets, if it receives. Returns what it had. */
static int serve(const struct model *m, int at, int elem)
{
	struct place p = m->wait[at];
	int had = it.party[p.party].memory[p.index];

	release(p.party, (struct outcome){p.index, 0, elem});
	return had;
}

static int model_send(struct model *m, int elem)
{
	int at = peer(m, WEFT_SELECT_RECV);

	if (m->closed)
		return -EPIPE;
	if (at >= 0)
		serve(m, at, elem);
	else
		m->elem[m->n++] = elem;
	return 0;
}

static int model_recv(struct model *m, int *ret_elem)
{
	int at = peer(m, WEFT_SELECT_SEND);

	if (m->n) {
		*ret_elem = m->elem[0];
		memmove(m->elem, m->elem + 1, (size_t)--m->n * sizeof(int));
		if (at >= 0)
			m->elem[m->n++] = serve(m, at, 0);
		return 0;
	}
	if (at < 0)
		return -EPIPE;
	*ret_elem = serve(m, at, 0);
	return 0;
}

/* That case of the party was done. What came of it, says the model. */
static struct outcome model_do(const struct party *p, int which)
{
	struct model *m = &it.model[p->chan[which]];
	struct outcome o = {which, 0, 0};

	o.rc = p->cases[which].op == WEFT_SELECT_SEND ? model_send(m, p->memory[which])
						      : model_recv(m, &o.elem);
	return o;
}

/* ---- the real thing ---- */

static int act(struct party *p, bool block)
{
	int rc = -1, which;

	if (!p->plain) {
		which = weft_select(p->cases, p->n, block, &rc);
	} else if (p->cases[0].op == WEFT_SELECT_SEND) {
		rc = (block ? weft_chan_send : weft_chan_trysend)(p->cases[0].chan,
								  p->cases[0].elem);
		which = rc == 0 || rc == -EPIPE ? 0 : rc;
	} else {
		rc = (block ? weft_chan_recv : weft_chan_tryrecv)(p->cases[0].chan,
								  p->cases[0].elem);
		which = rc == 0 || rc == -EPIPE ? 0 : rc;
	}
	p->is = (struct outcome){which, rc, which < 0 ? 0 : p->memory[which]};
	return 0;
}

static int acts(void *arg)
{
	struct party *p = arg;

	act(p, true);
	atomic_store(&p->done, true);
	return 0;
}

static struct party *choose_party(void)
{
	struct party *p = &it.party[it.n_parties];

	*p = (struct party){.n = 1 + below(&it.random, CASES)};
	p->plain = p->n == 1 && below(&it.random, 2);
	for (unsigned i = 0; i < p->n; i++) {
		bool sends = below(&it.random, 2);

		p->chan[i] = (int)below(&it.random, CHANNELS);
		p->memory[i] = sends ? ++it.next_elem : 0;
		p->cases[i] =
			(struct weft_select){sends ? WEFT_SELECT_SEND : WEFT_SELECT_RECV,
					     it.chan[p->chan[i]], &p->memory[i]};
	}
	return p;
}

static bool any_ready(const struct party *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (ready(&it.model[p->chan[i]], p->cases[i].op))
			return true;
	return false;
}

static int compare(const struct party *p, struct outcome want)
{
	CHECK_EQ(p->is.which, want.which);
	if (want.which < 0)
		return 0;
	CHECK_EQ(p->is.rc, want.rc);
	if (p->cases[want.which].op == WEFT_SELECT_RECV)
		CHECK_EQ(p->is.elem, want.elem);
	for (unsigned i = 0; i < p->n; i++) /* the others are as they were */
		if ((int)i != want.which && p->cases[i].op == WEFT_SELECT_RECV)
			CHECK_EQ(p->memory[i], 0);
	return 0;
}

/* It went on at once. Whichever of its ready cases it took, the model does now. */
static int follow(struct party *p)
{
	CHECK(p->is.which >= 0 && p->is.which < (int)p->n);
	CHECK(ready(&it.model[p->chan[p->is.which]], p->cases[p->is.which].op));
	return compare(p, model_do(p, p->is.which));
}

static int wait_done(const struct party *p)
{
	while (!atomic_load(&p->done))
		CHECK_EQ(weft_yield(), 0);
	return 0;
}

/* Those that the model released have gone on as it says, and the queues are as long. */
static int settle(void)
{
	for (int i = 0; i < it.n_parties; i++) {
		struct party *p = &it.party[i];
		if (p->waits) {
			CHECK(!atomic_load(&p->done));
		} else if (p->co) {
			CHECK_EQ(wait_done(p), 0);
			CHECK_EQ(compare(p, p->want), 0);
			CHECK_EQ(weft_join(p->co, NULL), 0);
			p->co = NULL;
		}
	}
	for (int i = 0; i < CHANNELS; i++) {
		CHECK_EQ(waiting(it.chan[i]), (uint32_t)it.model[i].n_wait);
		CHECK_EQ(weft_chan_len(it.chan[i]), (uint32_t)it.model[i].n);
	}
	return 0;
}

/* ---- steps ---- */

static int until_it_waits(struct party *p)
{
	p->waits = true;
	it.n_waiting++;
	for (int c = 0; c < CHANNELS; c++) {
		struct model *m = &it.model[c];
		/* of one channel the last case first or not: in the order of select */
		for (unsigned i = 0; i < p->n; i++)
			if (p->chan[i] == c)
				m->wait[m->n_wait++] =
					(struct place){it.n_parties, (int)i};
		CHECK_EQ(until_waiting(it.chan[c], (uint32_t)m->n_wait), 0);
	}
	it.n_parties++;
	return 0;
}

static int start_party(void)
{
	struct party *p = choose_party();
	bool goes_on = any_ready(p);

	if (!goes_on && it.n_waiting == MAX_WAITING)
		return 0;
	CHECK_EQ(weft_spawn(acts, p, NULL, &p->co), 0);
	if (!goes_on)
		return until_it_waits(p);
	CHECK_EQ(wait_done(p), 0);
	CHECK_EQ(weft_join(p->co, NULL), 0);
	return follow(p);
}

static int try_something(void)
{
	struct party *p = choose_party();
	bool goes_on = any_ready(p);

	act(p, false);
	if (!goes_on)
		CHECK_EQ(p->is.which, -EAGAIN);
	return goes_on ? follow(p) : 0;
}

static int cancel_one(void)
{
	unsigned from = it.n_parties ? below(&it.random, (unsigned)it.n_parties) : 0;

	for (int i = (int)from; i < it.n_parties; i++)
		if (it.party[i].waits) {
			release(i, (struct outcome){-ECANCELED, 0, 0});
			CHECK_EQ(weft_cancel(it.party[i].co), 0);
			return 0;
		}
	return 0;
}

static int close_one(void)
{
	unsigned c = below(&it.random, CHANNELS);
	struct model *m = &it.model[c];

	CHECK_EQ(weft_chan_close(it.chan[c]), m->closed ? -EPIPE : 0);
	m->closed = true;
	while (m->n_wait)
		release(m->wait[0].party, (struct outcome){m->wait[0].index, -EPIPE, 0});
	return 0;
}

static int step(void)
{
	unsigned what = below(&it.random, 100);

	return what < 50   ? start_party()
	       : what < 85 ? try_something()
	       : what < 98 ? cancel_one()
			   : close_one();
}

static int begin(uint64_t seed)
{
	memset(&it, 0, sizeof(it));
	it.random = seed;
	for (int i = 0; i < CHANNELS; i++) {
		it.model[i].capacity = below(&it.random, HELD + 1);
		CHECK_EQ(weft_chan_new(sizeof(int), it.model[i].capacity, &it.chan[i]),
			 0);
	}
	return 0;
}

static int random_program(void *seed)
{
	CHECK_EQ(begin(*(uint64_t *)seed), 0);
	for (int i = 0; i < STEPS && it.n_parties < PARTIES; i++) {
		CHECK_EQ(step(), 0);
		CHECK_EQ(settle(), 0);
	}
	while (it.n_waiting) {
		CHECK_EQ(cancel_one(), 0);
		CHECK_EQ(settle(), 0);
	}
	for (int i = 0; i < CHANNELS; i++)
		weft_chan_free(it.chan[i]);
	return 0;
}

Test(random_chan, a_model_agrees_step_by_step, .timeout = 110)
{
	run_seeds(random_program, 300);
}
