/* SPDX-License-Identifier: MIT */
/*
 * A report on coroutines, for people: who, what it waits for, where, and who spawned it. It is
 * written as it goes, then given to the sink of the settings, or to stderr.
 */
#ifndef WF_RUN_REPORT_H
#define WF_RUN_REPORT_H

#include <stdio.h>

#include "../sched.h"
#include "waiting.h"

enum { WF_REPORT_MOST = 100 }; /* coroutines that are described; the others are counted */

struct wf_report_draft {
	enum wf_report_kind kind;
	FILE *out;
	char *text;
	size_t size;
	unsigned n;
};

void wf_report_begin(struct wf_report_draft *d, enum wf_report_kind kind,
		     const char *title);
void wf_report_add(struct wf_report_draft *d, struct wf_co *co);
void wf_report_end(struct wf_report_draft *d, const struct wf_report_sink *sink);

/* In one step: all there are, who cannot go on. */
void wf_report_all(const char *title, const struct wf_report_sink *sink);

/* In one step: all that are left when the runtime stops; nothing if there are none. */
void wf_report_left(const struct wf_report_sink *sink);

#endif
