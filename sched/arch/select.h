/* SPDX-License-Identifier: MIT */
/*
 * Which port this build uses: the one place that decides. Macros only, since the .S files
 * include it too. Every file of every port is given to every build, and is empty unless
 * it was chosen.
 *
 * -DWF_ARCH_GENERIC asks for the reference port on any CPU.
 */
#ifndef WF_ARCH_SELECT_H
#define WF_ARCH_SELECT_H

#if defined(WF_ARCH_X86_64) || defined(WF_ARCH_AARCH64)
#error "only WF_ARCH_GENERIC may be set from outside; the CPU decides the others"
#endif

#ifndef __linux__
#error "weft needs Linux"
#endif

/* x32 and ILP32 have the registers but not the pointers: the generic port serves them. */
#if defined(WF_ARCH_GENERIC)
#elif defined(__x86_64__) && !defined(__ILP32__)
#define WF_ARCH_X86_64 1
#elif defined(__aarch64__) && !defined(__ILP32__)
#define WF_ARCH_AARCH64 1
#else
#define WF_ARCH_GENERIC 1
#endif

#endif
