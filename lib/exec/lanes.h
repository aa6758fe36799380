/* SPDX-License-Identifier: MIT */
/* Tasks that wait, by class: latency before normal before batch, but after TURNS of one class one
 * of a lesser, so that none starves. Whoever has it locks it. */
#ifndef WEFT_EXEC_LANES_H
#define WEFT_EXEC_LANES_H

#include "future.h"

struct weft__lanes {
	struct weft__lane {
		struct weft_future *first, *last;
		unsigned turns; /* since a lesser one had its turn */
	} lane[3];              /* by rank */
	unsigned n;
};

void weft__lanes_push(struct weft__lanes *l, struct weft_future *f);
struct weft_future *weft__lanes_pop(struct weft__lanes *l);

/* Whether it was there. */
bool weft__lanes_remove(struct weft__lanes *l, struct weft_future *f);

#endif
