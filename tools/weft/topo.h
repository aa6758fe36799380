/* SPDX-License-Identifier: MIT */
/*
 * What `weft topo` shows: a machine (machine.c, from hwloc) and what a running process does
 * on it (process.c, from /proc), drawn by topo_text.c, topo_json.c and topo_svg.c.
 */
#ifndef WEFT_TOOL_TOPO_H
#define WEFT_TOOL_TOPO_H

#include <hwloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { TOPO_NODES = 1024 }; /* as many as a kernel can have */

enum topo_kind {
	TOPO_MACHINE,
	TOPO_PACKAGE,
	TOPO_NODE,
	TOPO_CACHE, /* last-level ones only */
	TOPO_CORE,
	TOPO_CPU,
};

/* A tree in which a node that holds memory only has no children. */
struct topo_obj {
	enum topo_kind kind;
	int id;         /* the kernel's number, or -1: it tells none */
	uint64_t bytes; /* of a node or cache */
	unsigned level; /* of a cache */
	bool allowed;   /* a CPU: the process, or this one, may run on it */
	struct topo_obj *first, *last, *next;
	int x, y, w, h; /* where topo_svg.c draws it */
};

struct topo_machine {
	hwloc_topology_t hw;
	struct topo_obj *root;
	unsigned count[TOPO_CPU + 1];     /* how many of each kind */
	hwloc_bitmap_t offline;           /* CPUs */
	struct hwloc_distances_s *matrix; /* between nodes; NULL: not told */
};

struct topo_thread {
	char name[32], state;
	int tid, cpu; /* where it ran last */
	hwloc_bitmap_t allowed;
	double user, system; /* CPU time, seconds */
};

struct topo_ring {
	int fd;
	unsigned sq_size, cq_size, sq_pending, cq_pending;
	int kernel_thread; /* that polls for submissions, or -1 */
};

/* Mappings of one name. */
struct topo_memory {
	char name[96]; /* "weft ...", or "rest" */
	uint64_t bytes[TOPO_NODES];
};

/* A mapping whose name the process noted itself. */
struct topo_note {
	unsigned long from, to;
	char name[96];
};

struct topo_process {
	pid_t pid;
	char name[32];
	unsigned n_threads;         /* of the process */
	struct topo_thread *thread; /* weft's */
	struct topo_ring *ring;
	struct topo_note *note;
	struct topo_memory *memory; /* the first is the rest */
	unsigned n_thread, n_ring, n_note, n_memory;
	bool has_nodes;         /* the kernel tells memory by nodes */
	bool has_names;         /* and mappings have names */
	hwloc_bitmap_t allowed; /* to its main thread */
	char error[192];
};

/* `allowed`: mark the CPUs outside of it, or NULL: the ones this process may not use.
 * Returns 0 or -1: hwloc cannot load the topology. */
int topo_machine_open(struct topo_machine *m, hwloc_const_bitmap_t allowed);
void topo_machine_close(struct topo_machine *m);

/* Look at a process below proc ("/proc"). -1: it cannot be looked at, or is not weft's;
 * p->error says why. Closed in either case. */
int topo_process_open(struct topo_process *p, const char *proc, pid_t pid);
void topo_process_close(struct topo_process *p);

/* The CPU a thread is shown at: the one it is pinned to, or where it ran last. */
int topo_thread_cpu(const struct topo_thread *t);
static inline bool topo_thread_pinned(const struct topo_thread *t)
{
	return hwloc_bitmap_weight(t->allowed) == 1;
}
const char *topo_thread_state(const struct topo_thread *t);

/* Bytes on a node: of weft's mappings, or of the rest. */
uint64_t topo_memory_on(const struct topo_process *p, unsigned node, bool weft);

/* "16 GiB" into a buffer, which is returned. */
enum { TOPO_BYTES_TEXT = 32 };
char *topo_bytes(char *text, uint64_t bytes);

/* "L3 32 MiB", "node 1": what an object is called, without its memory. */
enum { TOPO_LABEL_TEXT = 64 };
char *topo_label(char *text, const struct topo_obj *o);

/* p may be NULL. Each returns 0 or -1. */
int topo_print_text(FILE *out, const struct topo_machine *m,
		    const struct topo_process *p);
int topo_print_json(FILE *out, const struct topo_machine *m,
		    const struct topo_process *p);
int topo_print_svg(FILE *out, const struct topo_machine *m, const struct topo_process *p);

#endif
