/* SPDX-License-Identifier: MIT */
/*
 * A stream of messages from a running job to who submitted it. It lies in the slot's room for a result, as a
 * ring of bytes: each message behind its length. The worker puts and the pool takes; positions are bytes
 * since the job was put on the desk, and size is a power of two, so that they may overflow. The pool
 * believes no position and no length: each is read once and checked, and a message is copied once.
 *
 * ST1  put: store_seq by the worker after the bytes  <->  load_seq by the pool. StoreLoad with eager, which the
 *      pool stores before it looks at put once more, and who turns it off (the worker) tells the
 *      keeper. model: tests/model/desk.pml
 * ST2  taken: store_seq by the pool when the bytes are copied  <->  load_seq by the worker. StoreLoad with full,
 *      a futex, which the worker stores before it looks at taken once more, and who turns it off (the
 *      pool) wakes it. mode is followed by full as taken is. model: tests/model/desk.pml
 */
#ifndef WEFT_LIB_PROC_STREAM_H
#define WEFT_LIB_PROC_STREAM_H

#include <string.h>

#include "desk.h"

enum wf_stream_mode {
	WF_STREAM_NONE, /* the job has a result instead */
	WF_STREAM_ON,
	WF_STREAM_DEAF, /* nobody takes any more: what is put is dropped */
};

enum { WF_STREAM_HEAD = sizeof(uint32_t) };

/* The largest power of two that fits into room, which is a page at least. */
static inline uint32_t wf_stream_size(size_t room)
{
	uint32_t size = 4096;

	while (size <= room / 2 && size < 1u << 30)
		size *= 2;
	return size;
}

static inline void wf_stream_write(char *ring, uint32_t size, uint32_t at,
				   const void *from, uint32_t n)
{
	uint32_t first = size - at % size < n ? size - at % size : n;

	memcpy(ring + at % size, from, first);
	memcpy(ring, (const char *)from + first, n - first);
}

static inline void wf_stream_read(const char *ring, uint32_t size, uint32_t at, void *to,
				  uint32_t n)
{
	uint32_t first = size - at % size < n ? size - at % size : n;

	memcpy(to, ring + at % size, first);
	memcpy((char *)to + first, ring, n - first);
}

#endif
