/* SPDX-License-Identifier: MIT */
#include "turn.h"

#include "self.h"

/* noinline: thread-local addresses must not outlive a park. */
static __attribute__((noinline)) bool take(struct turn *t)
{
	const struct weft__self *self = weft__self();
	uint32_t word = wf_atomic_load_seq(&t->word); /* TU1 */

	if (word & FUTEX_TID_MASK)
		return false;
	weft__self_pend(self, &t->word);
	if (wf_atomic_cas_seq(&t->word, &word, self->tid)) /* TU1 */
		return true;
	weft__self_unpend(self);
	return false;
}

int weft__turn_begin(struct turn *t, uint64_t until)
{
	unsigned n = 0;

	while (wf_unlikely(!take(t))) {
		int rc = wf_relax(&n, until);
		if (rc)
			return rc;
	}
	return 0;
}

__attribute__((noinline)) void weft__turn_end(struct turn *t)
{
	wf_atomic_store_release(&t->word, 0u); /* TU1 */
	weft__self_unpend(weft__self());
}
