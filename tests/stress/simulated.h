/* SPDX-License-Identifier: MIT */
/* What the small programs of simulated.c have in common. */
#ifndef WF_TESTS_SIMULATED_H
#define WF_TESTS_SIMULATED_H

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "weft.h"

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);       \
			return __LINE__;                                                 \
		}                                                                        \
	} while (0)

static struct {
	unsigned long first, seeds, level;
	const char *only;
	bool broken, plain;
} opt = {.first = 1, .seeds = 500, .level = 1};

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* A coroutine somewhere. */
static struct weft_co *go(int (*fn)(void *), void *arg)
{
	const struct weft_co_attr attr = {.size = sizeof(attr),
					  .flags = below(2) ? WEFT_CO_SPREAD : 0u};
	struct weft_co *co;

	if (weft_spawn(fn, arg, &attr, &co))
		abort();
	return co;
}

static int join_all(struct weft_co **co, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int status;
		CHECK(weft_join(co[i], &status) == 0);
		CHECK(status == 0);
	}
	return 0;
}

static void dawdle(void)
{
	switch (below(4)) {
	case 0:
		weft_yield();
		break;
	case 1:
		weft_sleep_ns(below(2000000));
		break;
	default:
		break;
	}
}

#endif
