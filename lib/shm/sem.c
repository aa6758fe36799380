/* SPDX-License-Identifier: MIT */
/*
 * SS1  n: cas_seq by who posts and who takes  <->  load_seq by who is about to sleep; with the bell
 *      (BE1). Who takes sees what was written before the post.
 */
#include <errno.h>

#include "bell.h"
#include "region.h"

struct weft_shm_sem {
	uint32_t n; /* SS1 */
	struct bell posted;
};

_Static_assert(sizeof(struct weft_shm_sem) <= WEFT_SHM_OBJECT, "lib/weft/shm.h");

int weft_shm_sem_at(struct weft_shm *shm, size_t offset, struct weft_shm_sem **ret_sem)
{
	struct weft_shm_sem *s = weft__shm_object(shm, offset, WEFT_SHM_OBJECT);

	if (!s)
		return -EINVAL;
	*ret_sem = s;
	return 0;
}

int weft_shm_sem_trywait(struct weft_shm_sem *sem, uint32_t n)
{
	uint32_t have = wf_atomic_load_seq(&sem->n); /* SS1 */

	do
		if (have < n)
			return -EAGAIN;
	while (!wf_atomic_cas_seq(&sem->n, &have, have - n)); /* SS1 */
	return 0;
}

int weft_shm_sem_wait(struct weft_shm_sem *sem, uint32_t n, weft_time until)
{
	uintptr_t who;
	int rc = wf_may_wait(&who);

	while (!rc && weft_shm_sem_trywait(sem, n)) {
		uint32_t heard = weft__bell_listen(&sem->posted);
		if (wf_atomic_load_seq(&sem->n) < n) /* SS1 */
			rc = weft__bell_sleep(&sem->posted, heard, until);
	}
	return rc;
}

int weft_shm_sem_post(struct weft_shm_sem *sem, uint32_t n)
{
	uint32_t have = wf_atomic_load_seq(&sem->n); /* SS1 */

	do
		if (n > UINT32_MAX - have)
			return -EOVERFLOW;
	while (!wf_atomic_cas_seq(&sem->n, &have, have + n)); /* SS1 */
	weft__bell_ring(&sem->posted);
	return 0;
}
