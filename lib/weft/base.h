/* SPDX-License-Identifier: MIT */
/*
 * What is true of every call in weft, unless its comment says otherwise:
 *
 *   Errors     0 or a count on success, a negative errno on failure. errno itself is
 *              never set: it belongs to a thread, and a coroutine changes threads.
 *   [parks]    May suspend this coroutine (never its thread) and resume it on another
 *              thread. Outside a coroutine it returns -EPERM. It may also return
 *              -ECANCELED (this coroutine was cancelled) or -ETIMEDOUT (a deadline scope
 *              expired); at entry these always win, even if the call would not have
 *              parked; once the operation was started a finished result always wins.
 *   [waits]    Parks a coroutine, blocks a plain thread.
 *   Threads    Any thread, any coroutine, except where marked "owner only".
 *   Fork       In a child made by a plain fork() every call returns -EOWNERDEAD.
 *   Ownership  Arguments are lent until the call returns. A ret_ argument is written on
 *              success only, and the caller then owns the object.
 *   Structs    Option structs begin with `size_t size`, set to sizeof the struct: 0 is
 *              -EINVAL, and bytes that this version does not know must be zero (-E2BIG).
 */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0

#ifdef __cplusplus
#define WEFT_BEGIN_DECLS extern "C" {
#define WEFT_END_DECLS   }
#else
#define WEFT_BEGIN_DECLS
#define WEFT_END_DECLS
#endif

#define WEFT_API __attribute__((visibility("default")))

WEFT_BEGIN_DECLS

/* The version of the library that is linked, as "0.1.0"; compare with the macros above.
 */
WEFT_API const char *weft_version(void);

WEFT_END_DECLS

#endif
