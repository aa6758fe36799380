/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <string.h>

#include "../arch/arch.h"
#include "../co/co.h"

void wf_frames_prepare(void)
{
	void *frame[1];

	backtrace(frame, 1);
}

size_t wf_frame_describe(const void *pc, char *buf, size_t size)
{
	const char *at = (const char *)pc - 1; /* within the call */
	Dl_info info;
	int n;

	if (!dladdr(at, &info) || !info.dli_fname)
		n = snprintf(buf, size, "%p\n", pc);
	else if (info.dli_sname)
		n = snprintf(buf, size, "%s+0x%zx (%s+0x%zx)\n", info.dli_sname,
			     (size_t)(at - (const char *)info.dli_saddr), info.dli_fname,
			     (size_t)(at - (const char *)info.dli_fbase));
	else
		n = snprintf(buf, size, "(%s+0x%zx)\n", info.dli_fname,
			     (size_t)(at - (const char *)info.dli_fbase));
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

void wf_frames_describe(void *const *frame, int n, char *buf, size_t size)
{
	for (int i = 0; i < n; i++) {
		size_t used = wf_frame_describe(frame[i], buf, size);

		if (!used)
			break;
		buf += used;
		size -= used;
	}
	*buf = '\0';
}

/* Those that led from the public call to the switch say nothing to its caller. */
static int first_to_tell(void *const *frame, int n)
{
	Dl_info info;

	for (int i = 0; i < n; i++)
		if (dladdr((const char *)frame[i] - 1, &info) && info.dli_sname &&
		    !strncmp(info.dli_sname, "weft_", 5))
			return i;
	return 0;
}

void wf_frames_describe_parked(void *const *frame, int n, char *buf, size_t size)
{
	int first = first_to_tell(frame, n);

	wf_frames_describe(frame + first, n - first, buf, size);
}

#ifdef WF_CTX_VISITS

struct visit {
	void **frame;
	int max, n;
};

/* The frames of the looking side, this one and wf_ctx_visit, come first. */
static void visit(void *arg)
{
	struct visit *v = arg;
	int n = backtrace(v->frame, v->max), first = 0;

	while (first < n && v->frame[first] != wf_ctx_visited())
		first++;
	v->n = first < n ? n - first - 1 : 0;
	memmove(v->frame, v->frame + first + 1, (size_t)v->n * sizeof(v->frame[0]));
}

int wf_frames_parked(const struct wf_co *co, void **frame, int max)
{
	struct visit v = {.frame = frame, .max = max};

	wf_ctx_visit(co->sp, visit, &v);
	return v.n;
}

#else

int wf_frames_parked(const struct wf_co *co, void **frame, int max)
{
	(void)co, (void)frame, (void)max;
	return 0;
}

#endif
