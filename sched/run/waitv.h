/* SPDX-License-Identifier: MIT */
/*
 * Where io_uring cannot wait for a futex (before 6.7): one thread waits for coroutines, by
 * futex_waitv(2) for up to 127 words at once, and looks at those beyond every millisecond.
 */
#ifndef WF_RUN_WAITV_H
#define WF_RUN_WAITV_H

#include <stdint.h>

/*
 * [parks] While *word is val, until somebody wakes it, or for no reason. 0, -ETIMEDOUT, -ECANCELED; -ENOSYS,
 * -EAGAIN: there is no such call, or no thread
 */
int wf_waitv_wait(uint32_t *word, uint32_t val);

#endif
