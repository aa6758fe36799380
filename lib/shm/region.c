/* SPDX-License-Identifier: MIT */
/* RG1  magic: store_release when the rest is written  <->  load_acquire by who attaches. */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <numaif.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../options.h"
#include "keeper.h"

#define MAGIC 0x6d68732d74666577ull /* "weft-shm" */

enum { VERSION = 1, SEALS = F_SEAL_SHRINK | F_SEAL_GROW, NODES = 64 };

struct head {
	uint64_t magic; /* RG1 */
	uint32_t version;
	uint64_t bytes;
};

_Static_assert(sizeof(struct head) <= WEFT_SHM_FIRST, "lib/weft/shm.h");

/* Mapping. */

static int map(struct weft_shm *s)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *all = wf_sys.mmap_fd(NULL, SHADOW + s->bytes, rw,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (wf_sys_ptr_err(all))
		return wf_sys_ptr_err(all);
	s->base =
		wf_sys.mmap_fd(all + SHADOW, s->bytes, rw, MAP_SHARED | MAP_FIXED, s->fd);
	int rc = wf_sys_ptr_err(s->base);
	if (rc)
		wf_sys.munmap(all, SHADOW + s->bytes);
	return rc;
}

static void unmap(struct weft_shm *s)
{
	weft__keeper_forget(s->base, SHADOW);
	wf_sys.munmap(s->base - SHADOW, SHADOW + s->bytes);
}

/* Memory. */

static int mode_of(enum weft_shm_memory memory)
{
	switch (memory) {
	case WEFT_SHM_PREFER:
		return MPOL_PREFERRED;
	case WEFT_SHM_BIND:
		return MPOL_BIND;
	case WEFT_SHM_INTERLEAVE:
		return MPOL_INTERLEAVE;
	default:
		return MPOL_DEFAULT;
	}
}

static bool nodes_are_there(const struct wf_outside *outside, uint64_t nodes)
{
	for (int node = 0; node < NODES; node++)
		if (nodes >> node & 1 && !wf_outside_gives(outside, node))
			return false;
	return nodes != 0;
}

/* A kernel without nodes has but one. */
static int place(const struct weft_shm *s, const struct weft_shm_options *o)
{
	const int mode = mode_of(o->memory);
	struct wf_outside outside;
	unsigned long nodes = o->nodes;

	if (mode == MPOL_DEFAULT)
		return 0;
	wf_outside_read(&outside);
	if (!nodes_are_there(&outside, nodes))
		return -EINVAL;
	if (outside.mode != MPOL_DEFAULT)
		return 0;
	if (mode == MPOL_PREFERRED)
		nodes &= -nodes;
	int rc = wf_sys.mbind(s->base, s->bytes, mode, &nodes, NODES + 1);
	return rc == -ENOSYS ? 0 : rc;
}

/* Before it says no to more than there is, the kernel kills whom it can. */
static size_t machine_bytes(void)
{
	return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

static int reserve(const struct weft_shm *s)
{
	int rc;

	do
		rc = wf_sys.fallocate(s->fd, (off_t)s->bytes);
	while (rc == -EINTR);
	return rc;
}

static int fill(struct weft_shm *s, const struct weft_shm_options *o)
{
	int rc = map(s);

	if (rc)
		return rc;
	rc = place(s, o);
	rc = rc ? rc : reserve(s);
	rc = rc ? rc : wf_sys.add_seals(s->fd, SEALS | F_SEAL_SEAL);
	if (rc) {
		unmap(s);
		return rc;
	}
	struct head *head = (void *)s->base;

	head->version = VERSION;
	head->bytes = s->bytes;
	wf_atomic_store_release(&head->magic, MAGIC); /* RG1 */
	return 0;
}

/* What is read here is read once, and only compared. */
static int check(const struct weft_shm *s)
{
	const struct head *head = (const void *)s->base;

	if (wf_atomic_load_acquire(&head->magic) != MAGIC || /* RG1 */
	    head->version != VERSION || head->bytes != s->bytes)
		return -EBADMSG;
	return 0;
}

/* Handles. */

/* From a descriptor that is s's from now on, also when it fails. */
static int finish(struct weft_shm *s, int rc, struct weft_shm **ret_shm)
{
	if (rc) {
		wf_sys.close(s->fd);
		free(s);
		return rc;
	}
	*ret_shm = s;
	return 0;
}

static int own(int fd, struct weft_shm **ret_shm)
{
	if (fd < 0)
		return fd;
	struct weft_shm *s = wf_sys.calloc(1, sizeof(*s));

	if (!s) {
		wf_sys.close(fd);
		return -ENOMEM;
	}
	s->fd = fd;
	*ret_shm = s;
	return 0;
}

int weft_shm_new(size_t bytes, const struct weft_shm_options *opt,
		 struct weft_shm **ret_shm)
{
	struct weft_shm_options o;
	struct weft_shm *s = NULL;
	int rc = weft__options_copy(&o, sizeof(o), opt);

	if (rc)
		return rc;
	if (!bytes || bytes > PTRDIFF_MAX / 2 || o.memory > WEFT_SHM_INTERLEAVE)
		return -EINVAL;
	if (bytes > machine_bytes())
		return -ENOMEM;
	rc = own(wf_sys.memfd_create(o.name ? o.name : "weft",
				     MFD_CLOEXEC | MFD_ALLOW_SEALING),
		 &s);
	if (rc)
		return rc;
	s->bytes = wf_pages(bytes);
	return finish(s, fill(s, &o), ret_shm);
}

/* Its length and that it stays: 0, or why it cannot be a region. */
static int measure(struct weft_shm *s)
{
	int seals = wf_sys.get_seals(s->fd);

	if (seals < 0)
		return seals == -EINVAL ? -EBADMSG : seals;
	if ((seals & SEALS) != SEALS)
		return -EBADMSG;
	off_t size = wf_sys.file_size(s->fd);
	if (size < 0)
		return (int)size;
	s->bytes = (size_t)size;
	return s->bytes < sizeof(struct head) || s->bytes > PTRDIFF_MAX / 2 ? -EBADMSG
									    : 0;
}

static int look_at(struct weft_shm *s)
{
	int rc = measure(s);

	rc = rc ? rc : map(s);
	if (rc)
		return rc;
	rc = check(s);
	if (rc)
		unmap(s);
	return rc;
}

int weft_shm_attach(int fd, struct weft_shm **ret_shm)
{
	struct weft_shm *s = NULL;
	int rc = own(wf_sys.dup(fd), &s);

	return rc ? rc : finish(s, look_at(s), ret_shm);
}

void weft_shm_free(struct weft_shm *shm)
{
	if (!shm)
		return;
	unmap(shm);
	wf_sys.close(shm->fd);
	free(shm);
}

int weft_shm_fd(const struct weft_shm *shm)
{
	return shm->fd;
}

size_t weft_shm_bytes(const struct weft_shm *shm)
{
	return shm->bytes;
}

void *weft_shm_at(struct weft_shm *shm, size_t offset, size_t len)
{
	return offset <= shm->bytes && len <= shm->bytes - offset ? shm->base + offset
								  : NULL;
}

void *weft__shm_object(struct weft_shm *shm, size_t offset, size_t len)
{
	return offset % 64 || offset < WEFT_SHM_FIRST ? NULL
						      : weft_shm_at(shm, offset, len);
}
