/* SPDX-License-Identifier: MIT */
/*
 * The table of descriptors: two levels, so that a million entries cost nothing unused. It
 * stays when the runtime stops: descriptors do too, and plain threads may be looking.
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "../base/map.h"
#include "../base/sys.h"
#include "bufs.h"

struct wf_fd *wf_fd_chunks[WF_FD_CHUNKS]; /* FD3 */

static void init_entry(struct wf_fd *f, int fd)
{
	f->fd = fd;
	f->first = f->last = WF_BUF_NONE;
	f->conn_first = f->conn_last = f->conn_next = -1;
}

static struct wf_fd *chunk_open(unsigned c)
{
	const size_t bytes = WF_FD_CHUNK * sizeof(struct wf_fd);
	struct wf_fd *found = NULL, *fresh = wf_sys.mmap(bytes, PROT_READ | PROT_WRITE,
							 MAP_PRIVATE | MAP_ANONYMOUS);

	if (wf_sys_ptr_err(fresh))
		return NULL;
	wf_map_name(fresh, bytes, "descriptors", WF_MAP_SHARED);
	for (int i = 0; i < WF_FD_CHUNK; i++)
		init_entry(&fresh[i], (int)(c * WF_FD_CHUNK) + i);
	if (wf_atomic_cas_seq(&wf_fd_chunks[c], &found, fresh)) /* FD3 */
		return fresh;
	wf_sys.munmap(fresh, bytes);
	return found;
}

struct wf_fd *wf_fd_open(int fd)
{
	if (fd < 0 || fd >> WF_FD_CHUNK_LOG2 >= WF_FD_CHUNKS)
		return NULL;
	struct wf_fd *chunk = chunk_open((unsigned)fd >> WF_FD_CHUNK_LOG2);

	return chunk ? &chunk[fd & (WF_FD_CHUNK - 1)] : NULL;
}

void wf_fd_for_each(void (*fn)(struct wf_fd *f, void *arg), void *arg)
{
	for (unsigned c = 0; c < WF_FD_CHUNKS; c++) {
		struct wf_fd *chunk = wf_atomic_load_acquire(&wf_fd_chunks[c]); /* FD3 */

		for (int i = 0; chunk && i < WF_FD_CHUNK; i++)
			fn(&chunk[i], arg);
	}
}

int wf_fd_lock_open(struct wf_fd *f)
{
	for (;;) {
		wf_spin_lock(&f->lock);
		uint32_t refs = wf_atomic_load_seq(&f->refs); /* FD2 */
		if (wf_likely(!(refs & WF_FD_CLOSING)))
			return 0;
		wf_spin_unlock(&f->lock);
		if (!(refs & WF_FD_GONE))
			return -EBADF;
		sched_yield();
	}
}

/* lock held. Nothing of an earlier life is left. */
static bool idle(struct wf_fd *f)
{
	return !(f->state & (WF_FD_ARMED | WF_FD_CHAIN)) && !f->waiter &&
	       f->n_held == 0 && wf_atomic_load_seq(&f->refs) == 0; /* FD2 */
}

static bool begin_life(int fd, bool stream)
{
	struct wf_fd *f = wf_fd_get(fd);

	if (!f)
		return false;
	while (wf_atomic_load_seq(&f->refs) & WF_FD_GONE) /* FD2 */
		sched_yield();
	wf_spin_lock(&f->lock);
	bool ok = idle(f);
	if (ok) {
		f->state = stream ? WF_FD_STREAM : 0;
		f->err = 0;
		f->home = NULL;
	}
	wf_spin_unlock(&f->lock);
	return ok;
}

int wf_fd_born(int fd, bool stream)
{
	if (wf_likely(begin_life(fd, stream)))
		return fd;
	/* The old number stays open on purpose until a clean one is found, then goes. */
	int tries[8], n = 0, clean = -EMFILE;

	while (n < 8) {
		int dup = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (dup < 0)
			break;
		if (begin_life(dup, stream)) {
			clean = dup;
			break;
		}
		tries[n++] = dup;
	}
	while (n > 0)
		wf_sys.close(tries[--n]);
	wf_sys.close(fd);
	return clean;
}

int wf_fd_use(struct wf_fd *f)
{
	if (!f)
		return 0;
	for (;;) {
		uint32_t old = wf_atomic_add_seq(&f->refs, 1u); /* FD2 */

		if (wf_likely(!(old & WF_FD_CLOSING)))
			return 0;
		if (!(old & WF_FD_GONE))
			return -EBADF;           /* the caller must still wf_fd_unuse() */
		wf_atomic_sub_seq(&f->refs, 1u); /* FD2 */
		sched_yield();
	}
}

bool wf_fd_unuse(struct wf_fd *f)
{
	if (!f)
		return false;
	return wf_atomic_sub_seq(&f->refs, 1u) == (WF_FD_CLOSING | 1u); /* FD2 */
}
