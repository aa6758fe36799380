/* SPDX-License-Identifier: MIT */
/*
 * From the queue to desks. An idle worker is preferred; while there may be more workers a job waits
 * for one rather than behind another; then desks are filled ahead, so that a worker finds
 * its next job without being woken. What lies behind a long job goes back when somebody is idle.
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "far.h"

enum {
	LOOK_AT = 256
}; /* jobs of the queue, when those before them must wait for a key */

void wf_queue_push(struct weft_job *job, bool front)
{
	struct weft_job_pool *p = job->pool;
	struct weft_job *after = front ? NULL : p->queue_last;

	while (after && job->urgent && !after->urgent)
		after = after->prev;
	job->state = WF_JOB_QUEUED;
	job->hand = NULL;
	job->prev = after;
	job->next = after ? after->next : p->queue;
	*(job->next ? &job->next->prev : &p->queue_last) = job;
	*(after ? &after->next : &p->queue) = job;
	p->n_queued++;
}

void wf_queue_remove(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;

	*(job->prev ? &job->prev->next : &p->queue) = job->next;
	*(job->next ? &job->next->prev : &p->queue_last) = job->prev;
	job->next = job->prev = NULL;
	p->n_queued--;
}

/* ---- onto a desk ------------------------------------------------------------------------ */

static void fill(const struct weft_job *job, struct wf_desk *desk,
		 const struct wf_desk_shape *shape)
{
	struct wf_slot *s = &desk->slot[job->slot];

	s->job = job->number;
	s->in_len = job->in_len;
	s->out_cap = job->out_cap;
	if (job->in_len)
		memcpy(wf_desk_in(desk, shape, job->slot), job->in, job->in_len);
}

/* When a worker's desk gets empty, somebody has to look whether others have too much. */
static void make_hungry(struct weft_job_pool *p, uint32_t hungry)
{
	for (uint32_t i = 0; i < p->opt.max_workers; i++)
		if (p->hand[i].state == WF_HAND_UP && p->hand[i].hungry != hungry) {
			p->hand[i].hungry = hungry;
			wf_atomic_store_seq(&p->hand[i].desk->hungry, hungry); /* DK6 */
		}
}

static void publish(struct wf_hand *h, struct weft_job *job)
{
	struct wf_slot *s = &h->desk->slot[job->slot];
	uint32_t want = job->keeper ? WF_WANT_KEEPER : WF_WANT_NOBODY;

	job->state = WF_JOB_PLACED;
	h->job[job->slot] = job;
	h->order[h->tail % WF_DESK_SLOTS] = job->slot;
	h->desk->ring[h->tail % WF_DESK_SLOTS] = job->slot;
	h->turn[job->slot] = h->pool->turn += WF_TURN;
	wf_stream_begin(job);
	wf_atomic_store_seq(&s->want, want);                           /* DK4 */
	wf_atomic_store_seq(&s->state, h->pool->turn + WF_SLOT_READY); /* DK3 */
	wf_atomic_store_seq(&h->desk->tail, ++h->tail);                /* DK1 */
	wf_hand_ring(h);
	if (wf_hand_load(h) > 1)
		make_hungry(h->pool, 1);
}

static void place(struct wf_hand *h, struct weft_job *job)
{
	struct weft_job_pool *p = h->pool;

	job->state = WF_JOB_FILLING;
	job->hand = h;
	job->slot = h->free[--h->n_free];
	h->claimed++;
	h->keyed = true;
	h->key = job->key;
	p->stats.near += job->node >= 0 && h->node == job->node;
	p->stats.far += job->node >= 0 && h->node != job->node;
	pthread_mutex_unlock(&p->lock);
	fill(job, h->desk, &p->setup.shape);
	pthread_mutex_lock(&p->lock);
	h->claimed--;
	if (!job->unwanted && h->state == WF_HAND_UP && !h->leaving) {
		publish(h, job);
		return;
	}
	h->free[h->n_free++] = job->slot;
	job->hand = NULL;
	if (job->unwanted)
		wf_job_end(job, wf_fault_errno(job->unwanted), job->unwanted);
	else
		wf_queue_push(job, true);
}

/* ---- which desk ------------------------------------------------------------------------- */

static bool has_room(const struct wf_hand *h)
{
	return h->state == WF_HAND_UP && !h->leaving && h->n_free &&
	       wf_hand_load(h) < h->pool->opt.ahead && !wf_hand_worn(h);
}

/* Less to do, or as much and nearer. */
static bool is_better(const struct wf_hand *h, const struct wf_hand *best, int node)
{
	if (!best || wf_hand_load(h) != wf_hand_load(best))
		return !best || wf_hand_load(h) < wf_hand_load(best);
	return node >= 0 && h->node == node && best->node != node;
}

static struct wf_hand *pick(struct weft_job_pool *p, const struct weft_job *job)
{
	struct wf_hand *best = NULL;

	for (uint32_t i = 0; i < p->opt.max_workers; i++) {
		struct wf_hand *h = &p->hand[i];
		if (!has_room(h) || (h->keyed && h->key != job->key))
			continue;
		if (is_better(h, best, job->node))
			best = h;
	}
	if (best && wf_hand_load(best) && p->n_hands < p->opt.max_workers)
		return NULL;
	return best;
}

/* An idle worker that serves another key makes room for one that can serve this. */
static void make_room(struct weft_job_pool *p, uint64_t key)
{
	for (uint32_t i = 0; i < p->opt.max_workers; i++) {
		struct wf_hand *h = &p->hand[i];
		if (h->state != WF_HAND_UP || h->leaving || wf_hand_load(h) ||
		    !h->keyed || h->key == key)
			continue;
		p->stats.recycled++;
		wf_hand_let_go(h);
		return;
	}
}

static bool any_room(struct weft_job_pool *p)
{
	for (uint32_t i = 0; i < p->opt.max_workers; i++)
		if (has_room(&p->hand[i]))
			return true;
	return false;
}

/* The first job of the queue that can go to a desk. */
static struct weft_job *next(struct weft_job_pool *p, struct wf_hand **ret_hand)
{
	const struct weft_job *waits = NULL; /* the last one that cannot */
	struct weft_job *job = p->queue && any_room(p) ? p->queue : NULL;

	for (int i = 0; job && i < LOOK_AT; i++, job = job->next) {
		if (waits && waits->key == job->key)
			continue;
		*ret_hand = pick(p, job);
		if (*ret_hand)
			return job;
		waits = job;
	}
	return NULL;
}

/* ---- off again -------------------------------------------------------------------------- */

bool wf_job_take_back(struct weft_job *job)
{
	struct wf_hand *h = job->hand;
	struct wf_slot *s = &h->desk->slot[job->slot];
	uint32_t turn = h->turn[job->slot], ready = turn + WF_SLOT_READY;

	if (!wf_atomic_cas_seq(&s->state, &ready, turn + WF_SLOT_SKIPPED)) /* DK3 */
		return false;
	h->job[job->slot] = NULL;
	h->skipped++;
	job->hand = NULL;
	if (job->watched)
		syscall(SYS_futex, &s->state, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
	return true;
}

/* The latest half of what lies on a desk and has not begun goes back to the queue. */
static void take_half(struct wf_hand *h)
{
	uint32_t n = wf_hand_load(h) / 2;

	for (uint32_t i = h->tail; n && i != h->first;) {
		struct weft_job *job = h->job[h->order[--i % WF_DESK_SLOTS]];
		if (!job || !wf_job_take_back(job))
			continue;
		wf_queue_push(job, true);
		n--;
	}
}

/* Nothing waits in the queue. Is one idle while another has jobs that wait? */
static void balance(struct weft_job_pool *p)
{
	struct wf_hand *most = NULL;
	bool idle = p->far && p->far->idle(p->far);

	for (uint32_t i = 0; i < p->opt.max_workers; i++) {
		struct wf_hand *h = &p->hand[i];
		if (h->state != WF_HAND_UP)
			continue;
		idle |= has_room(h) && !wf_hand_load(h);
		if (!most || wf_hand_load(h) > wf_hand_load(most))
			most = h;
	}
	if (!most || wf_hand_load(most) < 2)
		make_hungry(p, 0);
	else if (idle)
		take_half(most);
}

/* ---- away ------------------------------------------------------------------------------- */

/* Whether somebody elsewhere took it; it is in the queue. */
static bool send_away(struct weft_job *job)
{
	struct weft_job_pool *p = job->pool;

	if (!p->far || job->stream || !p->far->give(p->far, job))
		return false;
	wf_queue_remove(job);
	p->stats.sent++;
	p->n_away++;
	return true;
}

static void send_rest_away(struct weft_job_pool *p)
{
	struct weft_job *next;

	for (struct weft_job *job = p->far ? p->queue : NULL; job; job = next) {
		next = job->next;
		if (!send_away(job) && !job->stream)
			return;
	}
}

void wf_dispatch(struct weft_job_pool *p)
{
	struct wf_hand *h;
	struct weft_job *job;

	if (!p->queue)
		balance(p);
	for (uint32_t i = 0; p->queue && i < p->opt.max_workers; i++)
		wf_hand_reap(&p->hand[i]);
	while ((job = next(p, &h))) {
		if (wf_hand_load(h) && send_away(job))
			continue;
		wf_queue_remove(job);
		place(h, job);
	}
	send_rest_away(p);
	bool full = p->n_hands >= p->opt.max_workers;
	if (p->queue && full)
		make_room(p, p->queue->key);
	if (p->queue && (!full || p->broken))
		wf_keeper_ring(p);
	if (p->queue)
		make_hungry(p, 1);
}
