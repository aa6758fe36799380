/* SPDX-License-Identifier: MIT */
/* A placement policy by name, and what it is about. */
#ifndef WF_PLACE_POLICY_H
#define WF_PLACE_POLICY_H

#include "place.h"

struct wf_wish {
	enum wf_policy policy;
	int node;           /* NODE; NEAR: -1 if sysfs does not tell */
	const char *device; /* NEAR: in the text that was parsed */
	int *cpu;           /* CPUS: as listed */
	unsigned n_cpu;
};

/* -EINVAL: no such policy, list, or device; err tells what is allowed. -ENOMEM. */
int wf_wish_parse(const char *root, const char *text, struct wf_wish *ret_wish, char *err,
		  size_t err_size);
void wf_wish_fini(struct wf_wish *wish);

/*
 * The node of a network interface or block device, as sysfs tells it; -1: it does not, as
 * with most devices of virtual machines. -ENODEV: there is no such device.
 */
int wf_device_node(const char *root, const char *name, int *ret_node);

#endif
