/* SPDX-License-Identifier: MIT */
/*
 * The `faults` option: a SIGSEGV and SIGBUS handler on alternate stacks, which names the
 * coroutine whose stack overflowed, then hands over to the handler that was there before.
 * Off unless asked for: a library does not install signal handlers.
 */
#ifndef WF_OBS_FAULTS_H
#define WF_OBS_FAULTS_H

#include <stdbool.h>

int wf_faults_open(void);
void wf_faults_close(void);

/* By each worker: its alternate stack. */
int wf_faults_thread_open(bool wanted);
void wf_faults_thread_close(void);

#endif
