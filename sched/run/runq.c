/* SPDX-License-Identifier: MIT */
#include "runq.h"

#include <string.h>

void wf_runq_init(struct wf_runq *q, bool shared)
{
	memset(q, 0, sizeof(*q));
	q->shared = shared;
	q->over_last = &q->over_first;
}

void wf_runq_push_slow(struct wf_runq *q, struct wf_co *co)
{
	wf_spin_lock(&q->over_lock);
	co->next = NULL;
	*q->over_last = co;
	q->over_last = &co->next;
	wf_atomic_store_relaxed(&q->n_over, q->n_over + 1); /* RQ3 relaxed: a hint */
	wf_spin_unlock(&q->over_lock);
}

/* over_lock held. */
static struct wf_co *over_pop(struct wf_runq *q)
{
	struct wf_co *co = q->over_first;

	if (!co)
		return NULL;
	q->over_first = co->next;
	if (!q->over_first)
		q->over_last = &q->over_first;
	wf_atomic_store_relaxed(&q->n_over, q->n_over - 1); /* RQ3 relaxed: a hint */
	return co;
}

/* The ring is empty: fill half of it from the overflow list. */
struct wf_co *wf_runq_pop_slow(struct wf_runq *q)
{
	uint32_t tail = q->tail, n = 0;

	wf_spin_lock(&q->over_lock);
	struct wf_co *first = over_pop(q), *co;
	for (; n < WF_RUNQ_SIZE / 2 && (co = over_pop(q)); n++)
		wf_atomic_store_relaxed(&q->slot[(tail + n) % WF_RUNQ_SIZE],
					co); /* RQ1 relaxed: tail */
	wf_spin_unlock(&q->over_lock);
	wf_atomic_store_release(&q->tail, tail + n); /* RQ1 */
	return first;
}

/* What is read here of a coroutine that somebody else gets meanwhile is of no use, and does
 * no harm: objects are type-stable. */
static bool may_come(const struct wf_co *co, int home)
{
	if (home < 0)
		return true;
	unsigned bound = wf_atomic_load_relaxed(&co->bound); /* BD1 relaxed: the cas */

	return !bound || bound == (unsigned)home + 1;
}

static struct wf_co *steal_ring(struct wf_runq *thief, struct wf_runq *victim,
				uint32_t max, int home, uint32_t *ret_n)
{
	uint32_t head = wf_atomic_load_acquire(&victim->head); /* RQ2 */

	for (;;) {
		uint32_t tail = wf_atomic_load_acquire(&victim->tail); /* RQ1 */
		uint32_t n = tail - head, mine = thief->tail;

		n -= n / 2;
		if (n > max)
			n = max;
		if (n == 0 || tail - head > WF_RUNQ_SIZE)
			return NULL;
		struct wf_co *first = wf_atomic_load_relaxed(
			&victim->slot[head % WF_RUNQ_SIZE]); /* RQ1 relaxed: after tail */
		if (!may_come(first, home))
			return NULL;
		for (uint32_t i = 1; i < n; i++) {
			struct wf_co *co = wf_atomic_load_relaxed(
				&victim->slot[(head + i) %
					      WF_RUNQ_SIZE]); /* RQ1 relaxed */
			if (!may_come(co, home)) {
				n = i;
				break;
			}
			wf_atomic_store_relaxed(
				&thief->slot[(mine + i - 1) % WF_RUNQ_SIZE],
				co); /* RQ1 relaxed: tail, below */
		}
		if (!wf_atomic_cas_seq(&victim->head, &head, head + n)) /* RQ2 */
			continue;
		wf_atomic_store_release(&thief->tail, mine + n - 1); /* RQ1 */
		*ret_n = n;
		return first;
	}
}

/* over_lock held. */
static struct wf_co *over_take(struct wf_runq *q, int home)
{
	return q->over_first && may_come(q->over_first, home) ? over_pop(q) : NULL;
}

static struct wf_co *steal_over(struct wf_runq *thief, struct wf_runq *victim,
				uint32_t max, int home, uint32_t *ret_n)
{
	uint32_t n = 0, mine = thief->tail;

	wf_spin_lock(&victim->over_lock);
	struct wf_co *first = over_take(victim, home), *co;
	for (; first && n + 1 < max && (co = over_take(victim, home)); n++)
		wf_atomic_store_relaxed(&thief->slot[(mine + n) % WF_RUNQ_SIZE],
					co); /* RQ1 relaxed: tail, below */
	wf_spin_unlock(&victim->over_lock);
	if (!first)
		return NULL;
	wf_atomic_store_release(&thief->tail, mine + n); /* RQ1 */
	*ret_n = n + 1;
	return first;
}

struct wf_co *wf_runq_steal(struct wf_runq *thief, struct wf_runq *victim, uint32_t max,
			    int home, uint32_t *ret_n)
{
	wf_assert(thief->tail ==
		  wf_atomic_load_relaxed(&thief->head)); /* RQ2 relaxed: own */
	if (max > WF_RUNQ_SIZE / 2)
		max = WF_RUNQ_SIZE / 2;
	struct wf_co *co = steal_ring(thief, victim, max, home, ret_n);

	if (!co && wf_atomic_load_relaxed(&victim->n_over)) /* RQ3 relaxed: re-checked */
		co = steal_over(thief, victim, max, home, ret_n);
	return co;
}
