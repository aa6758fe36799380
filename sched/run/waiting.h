/* SPDX-License-Identifier: MIT */
/* What a parked coroutine waits for, seen from any thread. */
#ifndef WF_RUN_WAITING_H
#define WF_RUN_WAITING_H

#include "waitq.h"

enum { WF_WAITING_FRAMES = 48 };

struct wf_waiting {
	enum wf_wait kind;
	const struct wf_awaited *what; /* in a queue. NULL: not said */
	uintptr_t holder; /* wf_who() of who alone can end it; 0: not known */
	int n;
	void *frame[WF_WAITING_FRAMES]; /* the innermost first, if they were asked for */
};

/* co, for a moment kept from running. False: it does not wait as `word` says. */
bool wf_waiting_look(struct wf_co *co, uint64_t word, bool frames,
		     struct wf_waiting *ret);

/* Whether nothing but another coroutine can end it: no descriptor, timer, cancel, thread of a
 * pool or process. (A thread of the program's own may do anything.) */
bool wf_waiting_for_others(const struct wf_co *co, const struct wf_waiting *it);

/* For people: "waits for a mutex". */
const char *wf_waiting_verb(const struct wf_waiting *it);
const char *wf_waiting_what(const struct wf_waiting *it);

#endif
