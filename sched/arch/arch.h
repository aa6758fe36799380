/* SPDX-License-Identifier: MIT */
#ifndef WF_ARCH_ARCH_H
#define WF_ARCH_ARCH_H
void *wf_ctx_make(void *stack_top, void (*entry)(void *arg), void *arg);
void wf_ctx_switch(void **save, void *load);
#endif
