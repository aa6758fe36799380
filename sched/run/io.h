/* SPDX-License-Identifier: MIT */
#ifndef WF_RUN_IO_H
#define WF_RUN_IO_H

#include "../ring/fd.h"
#include "worker.h"

/* End of a use that wf_fd_use() began; wakes a closer that waits for it. */
void wf_fd_done(struct wf_fd *f);

/* f locked and counted, its stream armed, no releaser: ask home to end it, and park the
 * caller until there is news. Releases the lock. Cannot be cancelled. */
void wf_fd_await_stream_end(struct wf_worker *w, struct wf_co *me, struct wf_fd *f);

/* f locked, its stream armed and no message of it under way: ask its home to cancel it. */
void wf_fd_ask_home(struct wf_fd *f);

/* The monitor, in whose hands msg is: whether it is that; then *ret_wish is to cancel the
 * stream. And afterwards. */
bool wf_fd_wish(struct wf_msg *msg, struct wf_wish *ret_wish);
void wf_fd_asked(struct wf_ring *here, struct wf_fd *f);

#endif
