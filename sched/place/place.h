/* SPDX-License-Identifier: MIT */
#ifndef WF_PLACE_PLACE_H
#define WF_PLACE_PLACE_H
struct wf_place {
	int cpu;
	int node;
};
struct wf_plan {
	unsigned n_workers;
	struct wf_place *place;
	unsigned n_allowed;
	unsigned quota_milli;
};
int wf_plan_make(unsigned asked_workers, struct wf_plan *ret_plan);
void wf_plan_fini(struct wf_plan *plan);
int wf_place_pin_self(const struct wf_place *place);
#endif
