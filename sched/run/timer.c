/* SPDX-License-Identifier: MIT */
#include "timer.h"

/*
 * Each node has its first child, its right sibling, and prev: the left sibling, or the
 * parent for a first child. Invariant: no child is earlier than its parent.
 */
static struct wf_timer *meld(struct wf_timer *a, struct wf_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->at < a->at) {
		struct wf_timer *swap = a;
		a = b;
		b = swap;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	a->next = a->prev = NULL;
	return a;
}

/* Join a list of siblings: pairs from the left, then all from the right. */
static struct wf_timer *merge_pairs(struct wf_timer *first)
{
	struct wf_timer *stack = NULL, *heap = NULL;

	while (first) {
		struct wf_timer *a = first, *b = a->next;
		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = stack;
		stack = a;
	}
	while (stack) {
		struct wf_timer *next = stack->next;
		stack->next = NULL;
		heap = meld(heap, stack);
		stack = next;
	}
	return heap;
}

void wf_timers_add(struct wf_timers *t, struct wf_timer *timer, uint64_t at)
{
	wf_atomic_store_seq(&timer->at, at); /* TM1 (deadline.c): others read it */
	timer->child = timer->next = timer->prev = NULL;
	t->root = meld(t->root, timer);
	t->n++;
}

void wf_timers_remove(struct wf_timers *t, struct wf_timer *timer)
{
	struct wf_timer *below = merge_pairs(timer->child);

	t->n--;
	if (timer == t->root) {
		t->root = below;
		return;
	}
	if (timer->prev->child == timer)
		timer->prev->child = timer->next;
	else
		timer->prev->next = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	t->root = meld(t->root, below);
}

struct wf_timer *wf_timers_expire(struct wf_timers *t, uint64_t now)
{
	struct wf_timer *first = t->root;

	if (!first || first->at > now)
		return NULL;
	wf_timers_remove(t, first);
	return first;
}
