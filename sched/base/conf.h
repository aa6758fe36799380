/* SPDX-License-Identifier: MIT */
/* Settings: one table (conf.def), filled from code, then environment, then defaults. */
#ifndef WF_BASE_CONF_H
#define WF_BASE_CONF_H

#include <stddef.h>

struct wf_stall;     /* sched.h */
struct wf_co_report; /* the same */

/* Who is told of stalls. fn is the library's, which hands on to its user's. */
struct wf_stall_sink {
	void (*fn)(const struct wf_stall *stall, const struct wf_stall_sink *sink);
	void (*user_fn)(void);
	void *arg;
};

/* The same, of reports. */
struct wf_report_sink {
	void (*fn)(const struct wf_co_report *report, const struct wf_report_sink *sink);
	void (*user_fn)(void);
	void *arg;
};

struct wf_conf {
#define WF_CONF(field, env, dflt, min, max, help) long field;
#define WF_CONF_TEXT(field, env, help)            const char *field;
#include "conf.def"
	struct wf_stall_sink on_stall;
	struct wf_report_sink on_report;
};

/*
 * Complete `conf`: fields that are 0 come from the environment or the default. Returns 0,
 * or -EINVAL with a sentence in err naming the setting that is out of range.
 */
int wf_conf_fill(struct wf_conf *conf, char *err, size_t err_size);

#endif
