#include "../arch.h"
#include <stdint.h>
void wf_ctx_start(void);
void *wf_ctx_make(void *top, void (*entry)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15);
	*--sp = 0;
	*--sp = 0;
	*--sp = (uintptr_t)wf_ctx_start;
	*--sp = 0;
	*--sp = 0;
	*--sp = (uintptr_t)arg;
	*--sp = (uintptr_t)entry;
	*--sp = 0;
	*--sp = 0;
	*--sp = 0x1f80 | (0x37full << 32);
	return sp;
}
