/* SPDX-License-Identifier: MIT */
/*
 * With weft.h errno's value follows a coroutine to another thread. The optimiser is on for
 * this file whatever the build type: at -O0 the address would not be reused anyway.
 */
#ifndef __clang__
#pragma GCC optimize("O2")
#endif
#include <unistd.h>

#include "../check.h"

/* Keeps its worker for a while, so that an idle one takes what waits behind it. */
static int hog(void *arg)
{
	weft_time until = weft_now() + 5 * WEFT_MS;

	(void)arg;
	while (weft_now() < until)
		;
	return 0;
}

static int migrate(void *arg)
{
	weft_time give_up = weft_now() + 20 * WEFT_SEC;
	int before; /* not pthread_self(): it is const, so a compiler may keep it */

	(void)arg;
	do {
		/* pinned, so that it is us who are taken */
		struct weft_co_attr here = {.size = sizeof(here),
					    .flags = WEFT_CO_PINNED,
					    .worker = 1 + weft_worker_id()};
		before = weft_worker_id();
		CHECK_EQ(weft_spawn(hog, NULL, &here, NULL), 0);
		errno = 0;
		CHECK_EQ(close(-1), -1);
		CHECK_EQ(errno, EBADF);
		CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(errno, EBADF);
		CHECK(weft_now() < give_up);
	} while (before == weft_worker_id());
	errno = ENOTTY;
	CHECK_EQ(errno, ENOTTY);
	return 0;
}

Test(errno_, follows_a_coroutine_to_another_thread, .timeout = 60)
{
	for (int i = 0; i < 10; i++)
		RUN_ON(2, migrate);
}

static int own_value(void *arg)
{
	int mine = (int)(intptr_t)arg;

	for (int i = 0; i < 1000; i++) {
		errno = mine;
		CHECK_EQ(weft_yield(), 0);
		CHECK_EQ(errno, mine);
	}
	return 0;
}

static int many(void *arg)
{
	struct weft_co *co[20];

	(void)arg;
	for (intptr_t i = 0; i < 20; i++)
		CHECK_EQ(weft_spawn(own_value, (void *)(i + 1), NULL, &co[i]), 0);
	for (int i = 0; i < 20; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(errno_, each_coroutine_has_its_own)
{
	RUN_ON(1, many);
	RUN_ON(2, many);
}
