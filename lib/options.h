/* SPDX-License-Identifier: MIT */
/* Option structs begin with their size, so that old programs meet new libraries. */
#ifndef WEFT_LIB_OPTIONS_H
#define WEFT_LIB_OPTIONS_H

#include <stddef.h>

/*
 * Copy a user's option struct of *src bytes (its first member) into `known` bytes at dst.
 * src NULL: all zero. -EINVAL: size 0 or smaller than itself; -E2BIG: bytes that this
 * version does not know are set.
 */
int weft__options_copy(void *dst, size_t known, const void *src);

/*
 * Give a user's result struct, whose first member is its size, what it knows of the `known` bytes
 * at src, and zeros for the rest. -EINVAL: NULL, or smaller than its first member.
 */
int weft__result_copy(void *dst, const void *src, size_t known);

#endif
