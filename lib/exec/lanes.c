/* SPDX-License-Identifier: MIT */
#include "lanes.h"

enum { TURNS = 16, LANES = 3 };

static struct weft__lane *lane_of(struct weft__lanes *l, const struct weft_future *f)
{
	static const unsigned rank[] = {
		[WEFT_CO_LATENCY] = 0, [WEFT_CO_NORMAL] = 1, [WEFT_CO_BATCH] = 2};

	return &l->lane[rank[f->service]];
}

void weft__lanes_push(struct weft__lanes *l, struct weft_future *f)
{
	struct weft__lane *lane = lane_of(l, f);

	f->next = NULL;
	*(lane->first ? &lane->last->next : &lane->first) = f;
	lane->last = f;
	l->n++;
}

static bool lesser_waits(const struct weft__lanes *l, unsigned rank)
{
	for (unsigned i = rank + 1; i < LANES; i++)
		if (l->lane[i].first)
			return true;
	return false;
}

struct weft_future *weft__lanes_pop(struct weft__lanes *l)
{
	for (unsigned i = 0; i < LANES; i++) {
		struct weft__lane *lane = &l->lane[i];
		struct weft_future *f = lane->first;

		if (!f)
			continue;
		if (lane->turns >= TURNS && lesser_waits(l, i)) {
			lane->turns = 0;
			continue;
		}
		lane->turns = lesser_waits(l, i) ? lane->turns + 1 : 0;
		lane->first = f->next;
		l->n--;
		return f;
	}
	return NULL;
}

bool weft__lanes_remove(struct weft__lanes *l, struct weft_future *f)
{
	struct weft__lane *lane = lane_of(l, f);
	struct weft_future *before = NULL, *at = lane->first;

	for (; at && at != f; at = at->next)
		before = at;
	if (!at)
		return false;
	*(before ? &before->next : &lane->first) = f->next;
	if (lane->last == f)
		lane->last = before;
	l->n--;
	return true;
}
