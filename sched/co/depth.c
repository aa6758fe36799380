/* SPDX-License-Identifier: MIT */
#include "depth.h"

#include <string.h>

#include "../base/spin.h"

/* A power of two; the last one is for those that find no other. */
enum { ROWS = WF_DEPTHS_MAX };

static struct {
	struct wf_spin lock;
	size_t n;
	struct wf_depth row[ROWS]; /* hashed by fn, then linear; in use when stack > 0 */
} g;

void wf_depths_clear(void)
{
	memset(&g, 0, sizeof(g));
}

/* lock held. */
static struct wf_depth *row_of(int (*fn)(void *arg))
{
	size_t at = ((uintptr_t)fn * 0x9e3779b97f4a7c15u) >> 54;

	for (size_t i = 0; i < ROWS; i++) {
		struct wf_depth *row = &g.row[(at + i) & (ROWS - 1)];
		if (row->fn == fn && row->stack)
			return row;
		if (row->stack || row == &g.row[ROWS - 1])
			continue;
		row->fn = fn;
		g.n++;
		return row;
	}
	g.n += !g.row[ROWS - 1].stack;
	return &g.row[ROWS - 1];
}

void wf_depth_note(int (*fn)(void *arg), size_t stack, size_t depth, unsigned ended)
{
	if (!fn)
		return; /* taken, and not yet told what to run */
	wf_spin_lock(&g.lock);
	struct wf_depth *row = row_of(fn);

	row->ended += ended;
	if (row->deepest < depth)
		row->deepest = depth;
	if (row->stack < stack)
		row->stack = stack;
	wf_spin_unlock(&g.lock);
}

size_t wf_depths_copy(struct wf_depth *rows, size_t n)
{
	size_t copied = 0;

	wf_spin_lock(&g.lock);
	for (size_t i = 0; i < ROWS && copied < n; i++)
		if (g.row[i].stack)
			rows[copied++] = g.row[i];
	size_t all = g.n;
	wf_spin_unlock(&g.lock);
	return all;
}
