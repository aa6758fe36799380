/* SPDX-License-Identifier: MIT */
/*
 * Optional kernel features: probed once by trying, before the workers start, then
 * read-only. WEFT_DISABLE switches any of them off, so that one kernel tests every
 * fallback. Only ring/ and the code that opens stacks may ask wf_has().
 */
#ifndef WF_RING_FEAT_H
#define WF_RING_FEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wf_feat {
#define WF_FEAT(name, probe, since, lost) WF_FEAT_##name,
#include "feat.def"
	WF_FEAT_COUNT,
};

struct wf_feat_row {
	const char *name, *since, *lost;
};

extern const struct wf_feat_row wf_feat_rows[WF_FEAT_COUNT];
extern uint32_t wf_feat_mask; /* written by wf_feat_probe() only */

static inline bool wf_has(enum wf_feat f)
{
	return wf_feat_mask >> f & 1;
}

/*
 * Find out what the kernel has, less what `disable` names (comma list or "all"; NULL:
 * nothing). 0, or a negative errno when io_uring itself cannot be had, or -EINVAL for an
 * unknown name; err then holds a sentence that says what to change.
 */
int wf_feat_probe(const char *disable, char *err, size_t err_size);

/* The same where no ring is: what an engine of our own has. */
int wf_feat_assume(const char *disable, char *err, size_t err_size);

#endif
