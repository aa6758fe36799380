/* SPDX-License-Identifier: MIT */
/*
 * weft doctor: one row for each thing that weft depends on, how it is on this machine, and
 * what to change. Rows about the machine come from checks.c, rows about kernel features from
 * the library's own table.
 */
#include "doctor.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <weft.h>

#include "commands.h"

enum { MAX_ROWS = 128 };

static const char *const state_name[] = {"ok", "note", "warning", "failure"};

static unsigned gather(struct doctor_row *row)
{
	struct doctor_trial t = {.rc = weft_start(NULL)};
	unsigned n = 0;
	const char *lost;
	bool on;

	if (!t.rc)
		t.workers = (unsigned)weft_workers();
	for (; doctor_checks[n].name; n++) {
		row[n].name = doctor_checks[n].name;
		doctor_checks[n].fn(&row[n], &t);
	}
	if (t.rc)
		return n;
	for (unsigned i = 0; n < MAX_ROWS && !weft_feature(i, &row[n].name, &on, &lost);
	     i++, n++) {
		doctor_value(&row[n], "%s", on ? "on" : "off");
		if (!on) {
			row[n].state = WARN;
			snprintf(row[n].advice, sizeof(row[n].advice), "without it: %s",
				 lost);
		}
	}
	weft_stop();
	return n;
}

static void print_text(const struct doctor_row *row, unsigned n)
{
	static const char mark[] = " .!X";

	for (unsigned i = 0; i < n; i++) {
		printf("%c %-16s %s\n", mark[row[i].state], row[i].name, row[i].value);
		if (row[i].advice[0])
			printf("  %-16s   %s\n", "", row[i].advice);
	}
}

static int print_json(const struct doctor_row *row, unsigned n)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(all, json_pack("{ssssssss}", "name", row[i].name,
						     "state", state_name[row[i].state],
						     "value", row[i].value, "advice",
						     row[i].advice));
	json_t *top = json_pack("{ssso}", "weft", weft_version(), "rows", all);
	int rc = top ? json_dumpf(top, stdout, JSON_INDENT(1)) : -1;
	json_decref(top);
	puts("");
	return rc;
}

static int help(FILE *out)
{
	fputs("usage: weft doctor [--json]\n\n"
	      "One row for each thing that weft depends on: how it is here, and what to "
	      "change.\n"
	      "Marks: '.' worth knowing, '!' slower or less than it could be, 'X' weft "
	      "cannot\n"
	      "run. Settings (WEFT_*) are honoured, so WEFT_DISABLE shows what is lost.\n"
	      "Exit status: 0, or 1 when weft cannot run here.\n",
	      out);
	return out == stdout ? 0 : USAGE;
}

int weft_cmd_doctor(int argc, char **argv)
{
	static struct doctor_row row[MAX_ROWS];
	bool json = argc == 2 && !strcmp(argv[1], "--json");

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return help(stdout);
	if (argc > 1 && !json)
		return help(stderr);
	unsigned n = gather(row);
	if (json && print_json(row, n))
		return 1;
	if (!json)
		print_text(row, n);
	for (unsigned i = 0; i < n; i++)
		if (row[i].state == FAIL)
			return 1;
	return 0;
}
