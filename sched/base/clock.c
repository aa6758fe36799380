/* SPDX-License-Identifier: MIT */
#include "clock.h"

uint64_t (*wf_clock_virtual)(void); /* CV1 */
