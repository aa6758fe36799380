/* SPDX-License-Identifier: MIT */
#include "assert.h"

#include <stdio.h>
#include <stdlib.h>

void wf_bug_report(const char *what, const char *file, int line)
{
	fprintf(stderr, "weft: internal error: %s (%s:%d)\n", what, file, line);
	abort();
}
