/* SPDX-License-Identifier: MIT */
/*
 * Checks for code that runs in coroutines: a failed one makes the coroutine return its
 * line number, which the test then sees as the status of the run.
 */
#ifndef WF_TESTS_CHECK_H
#define WF_TESTS_CHECK_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "weft.h"

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);       \
			return __LINE__;                                                 \
		}                                                                        \
	} while (0)

/* As CHECK(a == b), and tells both. */
#define CHECK_EQ(a, b)                                                                   \
	do {                                                                             \
		long long a_ = (long long)(a), b_ = (long long)(b);                      \
		if (a_ != b_) {                                                          \
			fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__,       \
				__LINE__, #a, a_, b_);                                   \
			return __LINE__;                                                 \
		}                                                                        \
	} while (0)

/* A mistake of the caller's: an errno in release builds; debug builds would abort. */
#ifdef NDEBUG
#define CHECK_MISUSE(call, rc) CHECK_EQ(call, rc)
#else
#define CHECK_MISUSE(call, rc) ((void)0)
#endif

/* Run fn as main coroutine on n workers and expect status 0. */
#define RUN_ON(n, fn)                                                                    \
	do {                                                                             \
		struct weft_options o_ = {.size = sizeof(o_), .workers = (n)};           \
		int rc_ = weft_run(fn, NULL, &o_);                                       \
		cr_assert_eq(rc_, 0, "status or line %d; %s", rc_, weft_start_error());  \
	} while (0)

/* Join co and expect its status. */
#define JOIN(co, want)                                                                   \
	do {                                                                             \
		int st_ = -1;                                                            \
		CHECK_EQ(weft_join((co), &st_), 0);                                      \
		CHECK_EQ(st_, (want));                                                   \
	} while (0)

#endif
