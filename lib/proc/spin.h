/* SPDX-License-Identifier: MIT */
/*
 * How long to look before sleeping. Looking pays when the other side runs on another CPU and answers
 * soon; when both share a CPU, or the machine is busy, it keeps the other from running at all.
 * Nobody knows which beforehand, so: as long as it pays, and one try in many where it does not.
 */
#ifndef WEFT_LIB_PROC_SPIN_H
#define WEFT_LIB_PROC_SPIN_H

#include <stdbool.h>
#include <stdint.h>

enum { WF_SPIN_MIN_NS = 2000, WF_SPIN_MAX_NS = 30000, WF_SPIN_TRY = 64 };

struct wf_patience {
	uint32_t ns;    /* 0: not now */
	uint32_t tries; /* waits since it was 0 */
};

/* Before a wait: how long to look. */
static inline uint32_t wf_patience_ns(struct wf_patience *p)
{
	if (!p->ns && ++p->tries % WF_SPIN_TRY == 0)
		return WF_SPIN_MAX_NS;
	return p->ns;
}

/* After it. */
static inline void wf_patience_learn(struct wf_patience *p, bool paid)
{
	if (paid)
		p->ns = p->ns ? p->ns * 2 < WF_SPIN_MAX_NS ? p->ns * 2 : WF_SPIN_MAX_NS
			      : WF_SPIN_MAX_NS;
	else
		p->ns = p->ns / 2 >= WF_SPIN_MIN_NS ? p->ns / 2 : 0;
}

#endif
