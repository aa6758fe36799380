/* SPDX-License-Identifier: MIT */
/* In which order a policy takes CPUs; see choose.c. */
#ifndef WF_PLACE_CHOOSE_H
#define WF_PLACE_CHOOSE_H

#include "policy.h"
#include "topo.h"

/*
 * index: n_index of the topology's CPUs, which the policy may take; on return in the order
 * in which n_workers of them are to be taken. turn breaks ties; a random number. -ENOMEM
 */
int wf_choose(const struct wf_topo *t, const struct wf_wish *wish, unsigned *index,
	      unsigned n_index, unsigned n_workers, uint32_t turn);

/* Of the CPUs of each core keep one, by turn. Returns how many are left, or -ENOMEM. */
int wf_choose_cores(const struct wf_topo *t, unsigned *index, unsigned n_index,
		    uint32_t turn);

#endif
