/* SPDX-License-Identifier: MIT */
/* The table of settings: code, then environment, then default; ranges. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sched/base/conf.h"

Test(conf, code_wins_over_environment_wins_over_default)
{
	struct wf_conf c = {.sq_entries = 64};
	char err[200] = "";

	setenv("WEFT_SQ_ENTRIES", "128", 1);
	setenv("WEFT_STACK_KIB", "256", 1);
	unsetenv("WEFT_RECV_BUFFERS");
	cr_assert_eq(wf_conf_fill(&c, err, sizeof(err)), 0, "%s", err);
	cr_assert_eq(c.sq_entries, 64);
	cr_assert_eq(c.stack_kib, 256);
	cr_assert_eq(c.recv_buffers, 1024);
}

Test(conf, out_of_range_and_nonsense_are_named)
{
	struct wf_conf c = {.sq_entries = 1};
	char err[200] = "";

	cr_assert_eq(wf_conf_fill(&c, err, sizeof(err)), -EINVAL);
	cr_assert(strstr(err, "WEFT_SQ_ENTRIES") != NULL);
	c = (struct wf_conf){0};
	setenv("WEFT_PIN", "maybe", 1);
	cr_assert_eq(wf_conf_fill(&c, err, sizeof(err)), -EINVAL);
	cr_assert(strstr(err, "WEFT_PIN=maybe") != NULL);
}
