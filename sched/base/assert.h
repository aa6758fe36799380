/* SPDX-License-Identifier: MIT */
/*
 * wf_assert  debug builds only.
 * wf_bug     always: going on would corrupt the user's data. Prints one line and aborts.
 */
#ifndef WF_BASE_ASSERT_H
#define WF_BASE_ASSERT_H

_Noreturn void wf_bug_report(const char *what, const char *file, int line);

#define wf_bug(cond)                                                                     \
	(__builtin_expect(!!(cond), 0) ? wf_bug_report(#cond, __FILE__, __LINE__)        \
				       : (void)0)

#ifdef NDEBUG
#define wf_assert(cond) ((void)0)
#else
#define wf_assert(cond) wf_bug(!(cond))
#endif

#define wf_likely(x)   __builtin_expect(!!(x), 1)
#define wf_unlikely(x) __builtin_expect(!!(x), 0)

#define wf_container_of(ptr, type, member)                                               \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
