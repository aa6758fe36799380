/* SPDX-License-Identifier: MIT */
#include "weft/sim.h"

#include <errno.h>

#include "../options.h"
#include "../../sched/sched.h"

int weft_sim_report(struct weft_sim_report *report)
{
	struct wf_sim_totals t;
	int rc = wf_sim_totals(&t);

	if (!report || report->size < sizeof(report->size))
		return -EINVAL;
	if (rc)
		return rc;
	const struct weft_sim_report all = {.seed = t.seed,
					    .level = t.level,
					    .hash = t.hash,
					    .events = t.events,
					    .ns = t.ns,
					    .turns = t.switches,
					    .freezes = t.freezes,
					    .shorts = t.shorts,
					    .starved = t.starved,
					    .lost = t.lost,
					    .cancels = t.cancels,
					    .cancels_lost = t.cancels_lost,
					    .errors = t.errors,
					    .deadlocks = t.deadlocks};
	return weft__result_copy(report, &all, sizeof(all));
}
