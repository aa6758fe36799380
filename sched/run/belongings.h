/* SPDX-License-Identifier: MIT */
/*
 * What a coroutine has besides its stack: things to do at its end, and the context that its
 * children inherit.
 *
 * CX1  refs: sub_seq by who lets go  <->  the same: the last one has seen all that others did.
 */
#ifndef WF_RUN_BELONGINGS_H
#define WF_RUN_BELONGINGS_H

#include "worker.h"

/* In the coroutine, after its function. */
void wf_cleanups_run(struct wf_co *co);

/* The child's, from its creator; and at its end. */
void wf_context_inherit(struct wf_co *child, const struct wf_co *creator);
void wf_context_drop(struct wf_co *co);

/* co's function, within the deadline of the context that it was born with. */
int wf_context_run(struct wf_co *co);

#endif
