/* SPDX-License-Identifier: MIT */
#include "conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
	size_t offset;
	const char *name, *env;
	long dflt, min, max;
};

static const struct row rows[] = {
#define WF_CONF(field, env, dflt, min, max, help)                                        \
	{offsetof(struct wf_conf, field), #field, env, dflt, min, max},
#define WF_CONF_TEXT(field, env, help)
#include "conf.def"
};

static void fill_texts(struct wf_conf *conf)
{
#define WF_CONF(field, env, dflt, min, max, help)
#define WF_CONF_TEXT(field, env, help)                                                   \
	if (!conf->field)                                                                \
		conf->field = getenv(env);
#include "conf.def"
}

/* The number in an environment variable; 0 when unset, empty or not a number. */
static int from_env(const struct row *row, long *ret_val, char *err, size_t err_size)
{
	const char *text = getenv(row->env);
	char *end;

	if (!text || !*text)
		return 0;
	errno = 0;
	*ret_val = strtol(text, &end, 10);
	if (!*end && !errno)
		return 0;
	snprintf(err, err_size, "%s=%s is not a number", row->env, text);
	return -EINVAL;
}

static int fill(const struct row *row, struct wf_conf *conf, char *err, size_t err_size)
{
	long *field = (long *)(void *)((char *)conf + row->offset);
	int rc = *field ? 0 : from_env(row, field, err, err_size);

	if (rc)
		return rc;
	if (!*field)
		*field = row->dflt;
	if (*field >= row->min && *field <= row->max)
		return 0;
	snprintf(err, err_size, "%s (%s) is %ld, allowed are %ld to %ld", row->name,
		 row->env, *field, row->min, row->max);
	return -EINVAL;
}

static int check_needs(const struct wf_conf *conf, char *err, size_t err_size)
{
	if (conf->rescue <= 0 || (conf->stall_ms > 0 && conf->faults > 0))
		return 0;
	snprintf(err, err_size,
		 "rescue (WEFT_RESCUE) needs stall_ms (WEFT_STALL_MS) and faults "
		 "(WEFT_FAULTS)");
	return -EINVAL;
}

int wf_conf_fill(struct wf_conf *conf, char *err, size_t err_size)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = fill(&rows[i], conf, err, err_size);
		if (rc)
			return rc;
	}
	fill_texts(conf);
	return check_needs(conf, err, err_size);
}
