/* SPDX-License-Identifier: MIT */
#include "bell.h"

#include <limits.h>

enum {
	ASLEEP = WEFT__BELL_ASLEEP,
	RINGING = WEFT__BELL_RINGING,
	COUNT = WEFT__BELL_COUNT
};

uint32_t weft__bell_listen(struct bell *b)
{
	uint32_t word = wf_atomic_load_seq(&b->word); /* BE1 */

	while (!(word & ASLEEP) &&
	       !wf_atomic_cas_seq(&b->word, &word, word | ASLEEP)) { /* BE1 */
	}
	return word | ASLEEP;
}

int weft__bell_sleep(struct bell *b, uint32_t heard, uint64_t until)
{
	return wf_futex_wait(&b->word, heard, until);
}

void weft__bell_ring_all(struct bell *b)
{
	uint32_t word = wf_atomic_load_seq(&b->word), rung; /* BE1 */

	do
		rung = ((word & ~(uint32_t)ASLEEP) | RINGING) + COUNT;
	while (!wf_atomic_cas_seq(&b->word, &word, rung)); /* BE1 FW1 */
	wf_futex_wake(&b->word, INT_MAX);
	/* if somebody rings too or has fallen asleep since, it is left to the next ring */
	wf_atomic_cas_seq(&b->word, &rung, rung & ~(uint32_t)RINGING); /* BE1 */
}
