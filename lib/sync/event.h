/* SPDX-License-Identifier: MIT */
#ifndef WEFT_SYNC_EVENT_H
#define WEFT_SYNC_EVENT_H

#include "weft/sync.h"

/* [waits] As weft_event_wait(), whatever happens. */
void weft__event_await(struct weft_event *event);

#endif
