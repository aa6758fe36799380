/* SPDX-License-Identifier: MIT */
/* Probing features, switching them off, and io_uring refused. */
#include <errno.h>
#include <stdlib.h>

#include "../check.h"
#include "sched/base/sys.h"
#include "sched/ring/feat.h"

Test(feat, every_name_can_be_switched_off)
{
	char err[256] = "";

	for (unsigned f = 0; f < WF_FEAT_COUNT; f++) {
		cr_assert_eq(wf_feat_probe(wf_feat_rows[f].name, err, sizeof(err)), 0,
			     "%s", err);
		cr_assert(!wf_has((enum wf_feat)f), "%s", wf_feat_rows[f].name);
	}
	cr_assert_eq(wf_feat_probe("all", err, sizeof(err)), 0);
	cr_assert_eq(wf_feat_mask, 0);
	cr_assert_eq(wf_feat_probe("RECV_MULTI,MSG_RING", err, sizeof(err)), 0);
	cr_assert(!wf_has(WF_FEAT_RECV_MULTI) && !wf_has(WF_FEAT_MSG_RING));
	cr_assert_eq(wf_feat_probe("RECV_MULTI,NO_SUCH", err, sizeof(err)), -EINVAL);
	cr_assert(strstr(err, "NO_SUCH") != NULL);
}

static int refusal;

static int refuse(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	(void)entries, (void)ring, (void)p;
	return refusal;
}

static int never(void *arg)
{
	(void)arg;
	return 1;
}

static void expect_refusal(int rc, const char *word)
{
	refusal = rc;
	cr_assert_eq(weft_run(never, NULL, NULL), rc);
	cr_assert(strstr(weft_start_error(), word) != NULL, "said: %s",
		  weft_start_error());
}

Test(feat, a_refused_io_uring_says_what_to_change)
{
	int (*real)(unsigned, struct io_uring *, struct io_uring_params *) =
		wf_sys.ring_init;

	wf_sys.ring_init = refuse;
	expect_refusal(-EPERM, "kernel.io_uring_disabled");
	expect_refusal(-ENOSYS, "Linux 6.1");
	expect_refusal(-ENOMEM, "RLIMIT_MEMLOCK");
	wf_sys.ring_init = real;
	cr_assert_eq(weft_run(never, NULL, NULL), 1);
}
