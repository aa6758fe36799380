/* SPDX-License-Identifier: MIT */
/*
 * Tests that make random programs: each by its seed, which is told when it fails. Fresh seeds
 * every time; WEFT_TEST_SEED=S runs that one, WEFT_TEST_SEEDS=N so many. What threads do at the
 * same time does not follow from the seed: where there are several workers it may take some runs.
 */
#ifndef WF_TESTS_LIB_SEED_H
#define WF_TESTS_LIB_SEED_H

#include <stdlib.h>
#include <time.h>

#include "../check.h"

/* xorshift64*, good enough to choose with. The state is never 0. */
static inline unsigned below(uint64_t *state, unsigned n)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (unsigned)((x * 0x2545f4914f6cdd1du) >> 33) % n;
}

/* A program that hangs is stopped, and so tells its seed too. */
struct seeded {
	int (*fn)(void *seed);
	uint64_t seed;
};

static inline int run_seed(void *arg)
{
	struct seeded *s = arg;
	struct weft_deadline scope;

	CHECK_EQ(weft_deadline_open(&scope, weft_now() + 30 * WEFT_SEC), 0);
	int rc = s->fn(&s->seed);
	weft_deadline_close(&scope);
	return rc;
}

/* fn(&seed) on some number of workers, for many seeds. */
static inline void run_seeds(int (*fn)(void *seed), unsigned otherwise)
{
	const char *one = getenv("WEFT_TEST_SEED"), *many = getenv("WEFT_TEST_SEEDS");
	uint64_t first = one ? strtoull(one, NULL, 0) : weft_now() | 1;
	unsigned n = one ? 1 : many ? (unsigned)atoi(many) : otherwise;

	for (unsigned i = 0; i < n; i++) {
		struct seeded s = {fn, first + 2 * i}; /* stays odd */
		struct weft_options o = {.size = sizeof(o),
					 .workers = 1u << s.seed / 2 % 3};
		int rc = weft_run(run_seed, &s, &o);

		cr_assert_eq(rc, 0, "status or line %d; WEFT_TEST_SEED=%llu", rc,
			     (unsigned long long)s.seed);
	}
}

#endif
