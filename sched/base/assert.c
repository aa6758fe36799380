/* SPDX-License-Identifier: MIT */
#include "assert.h"

#include <stdio.h>
#include <stdlib.h>

void wf_bug_report(const char *what, const char *file, int line)
{
	fprintf(stderr, "weft: internal error: %s (%s:%d)\n", what, file, line);
	abort();
}

void wf_misuse_report(const char *call, const char *what)
{
	fprintf(stderr, "weft: misuse of %s: %s\n", call, what);
	abort();
}
