/* SPDX-License-Identifier: MIT */
/* Frames of a stack, and names for code addresses: for reports, off every fast path. */
#ifndef WF_RUN_FRAMES_H
#define WF_RUN_FRAMES_H

#include <stddef.h>

struct wf_co;

/* Loads the unwinder, which a signal handler may not do. */
void wf_frames_prepare(void);

/* A name of the code before pc, which is where a call returns to, as a line. The bytes that were
 * written; 0: there is no room. */
size_t wf_frame_describe(const void *pc, char *buf, size_t size);

/* The same of several. */
void wf_frames_describe(void *const *frame, int n, char *buf, size_t size);

/* The same of a coroutine that is parked: from the call of ours on, where its name is known. */
void wf_frames_describe_parked(void *const *frame, int n, char *buf, size_t size);

/* The frames of co, which is kept from running, the innermost first. How many; 0 on CPUs that we do
 * not know. */
int wf_frames_parked(const struct wf_co *co, void **frame, int max);

#endif
