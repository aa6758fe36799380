/* SPDX-License-Identifier: MIT */
/* What `weft doctor` finds out: rows about this machine. */
#ifndef WEFT_TOOL_DOCTOR_H
#define WEFT_TOOL_DOCTOR_H

enum doctor_state { OK, NOTE, WARN, FAIL };

struct doctor_row {
	const char *name;
	enum doctor_state state;
	char value[128], advice[320];
};

/* The start that was tried, for the checks to look at. */
struct doctor_trial {
	int rc;
	unsigned workers;
};

/* The table of checks, ended by a name of NULL. A check fills in value, and if there is
 * something to say, state and advice. */
struct doctor_check {
	const char *name;
	void (*fn)(struct doctor_row *r, const struct doctor_trial *t);
};

extern const struct doctor_check doctor_checks[];

/* Set r's value as printf does. */
__attribute__((format(printf, 2, 3))) void doctor_value(struct doctor_row *r,
							const char *fmt, ...);

#endif
