/* SPDX-License-Identifier: MIT */
/* For our libraries beside libweft: coroutines that wait for a word which another process changes. */
#ifndef WEFT_SHM_FUTEX_H
#define WEFT_SHM_FUTEX_H

#include <stdbool.h>
#include <stdint.h>

#include "weft/base.h"

/* Whether the kernel can wake a coroutine by a futex (6.7): else weft__futex_wait() looks now and then. */
WEFT_API bool weft__futex_parks(void);

/* [waits] While *word is val, until somebody wakes it or for no reason. 0: look again; -ECANCELED, -ETIMEDOUT */
WEFT_API int weft__futex_wait(uint32_t *word, uint32_t val);

#endif
