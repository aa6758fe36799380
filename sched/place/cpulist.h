/* SPDX-License-Identifier: MIT */
/* Lists of CPUs as the kernel and taskset write them: "0-3,8,5". */
#ifndef WF_PLACE_CPULIST_H
#define WF_PLACE_CPULIST_H

struct wf_cpulist {
	int *cpu; /* in the order of the text, each once */
	unsigned n;
};

/* -EINVAL: not such a list (a newline may end it). -ENOMEM */
int wf_cpulist_parse(const char *text, struct wf_cpulist *ret_list);
void wf_cpulist_fini(struct wf_cpulist *list);

/* The number at *text, which moves behind it; -1: there is none. */
long wf_cpulist_number(const char **text);

#endif
