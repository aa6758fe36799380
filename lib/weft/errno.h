/* SPDX-License-Identifier: MIT */
/*
 * Makes `errno` safe in coroutines. A C library's errno lives in the thread, and
 * compilers reuse its address across calls, so after a park a coroutine could read
 * another thread's. With this header the address is asked for at every use, and weft
 * carries the value along when a coroutine moves. Code compiled without it must read
 * errno before the next park.
 */
#ifndef WEFT_ERRNO_H
#define WEFT_ERRNO_H

#include <errno.h>

#include "base.h"

WEFT_BEGIN_DECLS
WEFT_API int *weft_errno_location(void);
WEFT_END_DECLS

#undef errno
#define errno (*weft_errno_location())

#endif
