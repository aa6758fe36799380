/* SPDX-License-Identifier: MIT */
/*
 * wf_assert  debug builds only.
 * wf_bug     always: going on would corrupt the user's data. Prints one line and aborts.
 * wf_misuse  whether cond holds, which is the caller's mistake and leaves its data in danger:
 *            `if (wf_misuse(...)) return -EPERM;`. Debug builds name it in one line and abort.
 */
#ifndef WF_BASE_ASSERT_H
#define WF_BASE_ASSERT_H

#include <stdbool.h>

_Noreturn void wf_misuse_report(const char *call, const char *what);
_Noreturn void wf_bug_report(const char *what, const char *file, int line);

#define wf_bug(cond)                                                                     \
	(__builtin_expect(!!(cond), 0) ? wf_bug_report(#cond, __FILE__, __LINE__)        \
				       : (void)0)

#ifdef NDEBUG
#define wf_assert(cond)       ((void)0)
#define wf_misuse(cond, what) __builtin_expect(!!(cond), 0)
#else
#define wf_assert(cond) wf_bug(!(cond))
#define wf_misuse(cond, what)                                                            \
	(__builtin_expect(!!(cond), 0) && (wf_misuse_report(__func__, what), true))
#endif

#define wf_likely(x)   __builtin_expect(!!(x), 1)
#define wf_unlikely(x) __builtin_expect(!!(x), 0)

#define wf_container_of(ptr, type, member)                                               \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
