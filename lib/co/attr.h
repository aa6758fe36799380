/* SPDX-License-Identifier: MIT */
/* From a coroutine's public attributes to the core's. */
#ifndef WEFT_CO_ATTR_H
#define WEFT_CO_ATTR_H

#include "../../sched/sched.h"
#include "weft/co.h"

/* attr is not NULL. -EINVAL, -E2BIG. The name is lent. */
int weft__attr_spawn(const struct weft_co_attr *attr, struct wf_spawn *ret_spawn);

/* By enum weft_co_class. */
extern const uint32_t weft__class_flag[];

#endif
