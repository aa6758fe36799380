/* SPDX-License-Identifier: MIT */
/*
 * Random programs of a semaphore and a reader/writer lock, step by step beside a sequential
 * model: both serve in order, so after each step is known who has been let in and who waits. A
 * cancelled one lets by who waited behind it only.
 */
#include <stdatomic.h>

#include "behave.h"
#include "seed.h"

enum { PARTIES = 120, STEPS = 200, MOST = 5 };

/* One coroutine that takes something, and keeps it when it ends. */
enum kind { PERMITS, READ, WRITE };

struct party {
	struct weft_co *co;
	enum kind kind;
	uint32_t n; /* permits */
	bool done_in_model;
	int want;
	atomic_bool done;
};

static struct {
	uint64_t random;
	struct weft_sem sem;
	struct weft_rwlock rw;
	struct party party[PARTIES];
	int n_parties;

	/* the model */
	uint32_t permits, readers;
	bool writer;
	struct party *sem_queue[PARTIES], *rw_queue[PARTIES];
	int n_sem, n_rw;
} it;

/* ---- the model ---- */

static void leave(struct party **queue, int *n, const struct party *p)
{
	int kept = 0;

	for (int i = 0; i < *n; i++)
		if (queue[i] != p)
			queue[kept++] = queue[i];
	*n = kept;
}

static void let_go(struct party *p, int want)
{
	leave(it.sem_queue, &it.n_sem, p);
	leave(it.rw_queue, &it.n_rw, p);
	p->done_in_model = true;
	p->want = want;
}

static bool may_enter(const struct party *p)
{
	if (p->kind == PERMITS)
		return p->n <= it.permits;
	return !it.writer && !(p->kind == WRITE && it.readers);
}

static void enter(const struct party *p)
{
	if (p->kind == PERMITS)
		it.permits -= p->n;
	else if (p->kind == READ)
		it.readers++;
	else
		it.writer = true;
}

/* Whoever is first is served first, and who cannot be served holds up the rest. */
static void serve(void)
{
	for (struct party *p; it.n_sem && may_enter(p = it.sem_queue[0]); let_go(p, 0))
		enter(p);
	for (struct party *p; it.n_rw && may_enter(p = it.rw_queue[0]); let_go(p, 0))
		enter(p);
}

/* ---- the real thing ---- */

static int takes(void *arg)
{
	struct party *p = arg;
	int rc = p->kind == PERMITS ? weft_sem_wait(&it.sem, p->n)
		 : p->kind == READ  ? weft_rwlock_rdlock(&it.rw)
				    : weft_rwlock_wrlock(&it.rw);

	atomic_store(&p->done, true);
	return rc;
}

/* All that the model let go have gone on, and no others. */
static int settle(void)
{
	serve();
	for (int i = 0; i < it.n_parties; i++) {
		struct party *p = &it.party[i];

		if (!p->done_in_model) {
			CHECK(!atomic_load(&p->done));
		} else if (p->co) {
			JOIN(p->co, p->want); /* hangs where a wake-up is lost */
			p->co = NULL;
		}
	}
	CHECK_EQ(until_waiting(&it.sem, (uint32_t)it.n_sem), 0);
	return until_waiting(&it.rw, (uint32_t)it.n_rw);
}

/* ---- steps ---- */

static int start_party(void)
{
	struct party *p = &it.party[it.n_parties++];

	p->kind = (enum kind)below(&it.random, 3);
	p->n = 1 + below(&it.random, MOST);
	CHECK_EQ(weft_spawn(takes, p, NULL, &p->co), 0);
	if (p->kind == PERMITS)
		it.sem_queue[it.n_sem++] = p;
	else
		it.rw_queue[it.n_rw++] = p;
	return 0;
}

static int try_permits(void)
{
	uint32_t n = 1 + below(&it.random, MOST);
	bool mine = !it.n_sem && n <= it.permits;

	CHECK_EQ(weft_sem_trywait(&it.sem, n), mine ? 0 : -EBUSY);
	it.permits -= mine ? n : 0;
	return 0;
}

static int post(void)
{
	uint32_t n = below(&it.random, MOST);

	it.permits += n;
	return weft_sem_post(&it.sem, n);
}

static int unlock(void)
{
	if (!it.writer && !it.readers)
		return 0;
	it.readers -= it.writer ? 0 : 1;
	it.writer = false;
	return weft_rwlock_unlock(&it.rw);
}

static int cancel_one(void)
{
	struct party **queue = below(&it.random, 2) ? it.sem_queue : it.rw_queue;
	int n = queue == it.sem_queue ? it.n_sem : it.n_rw;

	if (!n)
		return 0;
	struct party *p = queue[below(&it.random, (unsigned)n)];
	CHECK_EQ(weft_cancel(p->co), 0);
	let_go(p, -ECANCELED);
	return 0;
}

static int step(void)
{
	unsigned what = below(&it.random, 100);

	return what < 40   ? start_party()
	       : what < 55 ? post()
	       : what < 75 ? unlock()
	       : what < 85 ? try_permits()
			   : cancel_one();
}

static int random_program(void *seed)
{
	memset(&it, 0, sizeof(it));
	it.random = *(uint64_t *)seed;
	for (int i = 0; i < STEPS && it.n_parties < PARTIES; i++) {
		CHECK_EQ(step(), 0);
		CHECK_EQ(settle(), 0);
	}
	while (it.n_sem || it.n_rw) {
		CHECK_EQ(cancel_one(), 0);
		CHECK_EQ(settle(), 0);
	}
	CHECK_EQ(weft_sem_trywait(&it.sem, it.permits), 0);
	return weft_sem_trywait(&it.sem, 1) == -EBUSY ? 0 : __LINE__;
}

Test(random_lock, a_model_agrees_step_by_step, .timeout = 110)
{
	run_seeds(random_program, 200);
}
