/* SPDX-License-Identifier: MIT */
/*
 * Prints one line for each optional kernel feature: its name, "on" or "off", and what is
 * lost without it. tools/check uses the names to switch the features off one by one.
 */
#include <stdio.h>
#include <weft.h>

int main(void)
{
	const char *name, *lost;
	bool on;
	int err;

	err = weft_start(NULL);
	if (err < 0) {
		fprintf(stderr, "weft_start: %d: %s\n", err, weft_start_error());
		return 1;
	}
	for (unsigned i = 0; weft_feature(i, &name, &on, &lost) == 0; i++)
		printf("%s %s %s\n", name, on ? "on" : "off", lost);
	return weft_stop() < 0;
}
