/* SPDX-License-Identifier: MIT */
/*
 * A process seen from outside: nothing here stops it, writes to it or waits for it. What
 * ends or changes while we look (a thread, a mapping) is left out or counted as it was.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "topo.h"

struct range {
	unsigned long from, to;
	char name[96];
};

__attribute__((format(printf, 2, 3))) static int complain(struct topo_process *p,
							  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* One sentence for an errno from below /proc/PID. */
static int complain_of(struct topo_process *p, int err)
{
	if (err == EACCES || err == EPERM)
		return complain(p,
				"process %d cannot be looked at: run this as its user "
				"or as root",
				(int)p->pid);
	if (err == ENOENT || err == ESRCH)
		return complain(p, "there is no process %d", (int)p->pid);
	return complain(p, "process %d cannot be looked at: %s", (int)p->pid,
			strerror(err));
}

/* One more element, zeroed, at the end of an array; NULL: no memory. */
static void *grow(void *array, unsigned *n, size_t size)
{
	void **a = array;
	char *more = realloc(*a, (*n + 1) * size);

	if (!more)
		return NULL;
	*a = more;
	return memset(more + size * (*n)++, 0, size);
}

__attribute__((format(printf, 1, 2))) static FILE *open_file(const char *fmt, ...)
{
	char path[4096];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n < (int)sizeof(path))
		return fopen(path, "re");
	errno = ENAMETOOLONG;
	return NULL;
}

/* Call fn for each number that is a name in the folder. -errno of opening or fn's. */
static int each_number(struct topo_process *p, const char *proc, const char *folder,
		       int (*fn)(struct topo_process *p, const char *proc, int number))
{
	char path[4096];
	struct dirent *e;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/%d/%s", proc, (int)p->pid, folder);
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	while (!rc && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]))
			rc = fn(p, proc, atoi(e->d_name));
	closedir(dir);
	return rc;
}

/* ---- threads ---- */

/* Names are any bytes; in JSON and SVG they must be characters. */
static void copy_name(char *to, size_t size, const char *name)
{
	snprintf(to, size, "%s", name);
	for (; *to; to++)
		if (*to < ' ' || *to > '~')
			*to = '?';
}

static bool read_stat(const char *proc, pid_t pid, int tid, struct topo_thread *t)
{
	char line[1024] = "";
	FILE *f = open_file("%s/%d/task/%d/stat", proc, (int)pid, tid);
	unsigned long user, system;

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);

	char *name = strchr(line, '('), *end = strrchr(line, ')'); /* it may hold both */
	if (!name || !end ||
	    sscanf(end,
		   ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
		   "%*d %*d %*u %*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u "
		   "%*u %*d %d",
		   &t->state, &user, &system, &t->cpu) != 4)
		return false;
	*end = '\0';
	copy_name(t->name, sizeof(t->name), name + 1);
	t->tid = tid;
	t->user = (double)user / (double)sysconf(_SC_CLK_TCK);
	t->system = (double)system / (double)sysconf(_SC_CLK_TCK);
	return true;
}

/* The mask of a thread of any number of CPUs; NULL: it is gone. */
static hwloc_bitmap_t read_allowed(const char *proc, pid_t pid, int tid)
{
	static const char key[] = "Cpus_allowed_list:";
	hwloc_bitmap_t set = NULL;
	char *line = NULL;
	size_t room = 0;
	FILE *f = open_file("%s/%d/task/%d/status", proc, (int)pid, tid);

	while (f && !set && getline(&line, &room, f) > 0) {
		if (strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		set = hwloc_bitmap_alloc();
		char *list = line + sizeof(key) - 1;
		list += strspn(list, " \t");
		list[strcspn(list, "\n")] = '\0';
		if (set && hwloc_bitmap_list_sscanf(set, list))
			hwloc_bitmap_zero(set);
	}
	free(line);
	if (f)
		fclose(f);
	return set;
}

static int add_thread(struct topo_process *p, const char *proc, int tid)
{
	struct topo_thread t = {0};

	if (!read_stat(proc, p->pid, tid, &t))
		return 0;
	p->n_threads++;
	if (tid == p->pid)
		snprintf(p->name, sizeof(p->name), "%s", t.name);
	if (tid == p->pid && !p->allowed)
		p->allowed = read_allowed(proc, p->pid, tid);
	if (strncmp(t.name, "weft/", 5) != 0)
		return 0;
	t.allowed = read_allowed(proc, p->pid, tid);
	if (!t.allowed)
		return 0;
	struct topo_thread *to = grow(&p->thread, &p->n_thread, sizeof(*to));
	if (!to) {
		hwloc_bitmap_free(t.allowed);
		return -ENOMEM;
	}
	*to = t;
	return 0;
}

/* Workers by their numbers, then the others by name. */
static int compare_threads(const void *a, const void *b)
{
	const struct topo_thread *x = a, *y = b;
	bool wx = isdigit((unsigned char)x->name[5]),
	     wy = isdigit((unsigned char)y->name[5]);

	if (wx != wy)
		return wx ? -1 : 1;
	return wx ? atoi(x->name + 5) - atoi(y->name + 5) : strcmp(x->name, y->name);
}

int topo_thread_cpu(const struct topo_thread *t)
{
	return topo_thread_pinned(t) ? hwloc_bitmap_first(t->allowed) : t->cpu;
}

const char *topo_thread_state(const struct topo_thread *t)
{
	switch (t->state) {
	case 'R':
		return "running";
	case 'S':
	case 'I':
		return "sleeping";
	case 'D':
		return "blocked";
	case 'T':
	case 't':
		return "stopped";
	default:
		return "ended";
	}
}

/* ---- rings ---- */

static int add_ring(struct topo_process *p, const char *proc, int fd)
{
	char path[4096], to[64], line[128];
	unsigned sq_mask = 0, cq_mask = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%d/fd/%d", proc, (int)p->pid, fd);
	ssize_t n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	if (strcmp(to, "anon_inode:[io_uring]") != 0)
		return 0;
	f = open_file("%s/%d/fdinfo/%d", proc, (int)p->pid, fd);
	if (!f)
		return errno == ENOENT ? 0 : -errno;

	struct topo_ring *r = grow(&p->ring, &p->n_ring, sizeof(*r));
	if (r)
		*r = (struct topo_ring){.fd = fd, .kernel_thread = -1};
	while (r && fgets(line, sizeof(line), f)) {
		sscanf(line, "SqMask: %x", &sq_mask);
		sscanf(line, "CqMask: %x", &cq_mask);
		sscanf(line, "SQEs: %u", &r->sq_pending);
		sscanf(line, "CQEs: %u", &r->cq_pending);
		sscanf(line, "SqThread: %d", &r->kernel_thread);
		r->sq_size = sq_mask + 1;
		r->cq_size = cq_mask + 1;
	}
	fclose(f);
	return r ? 0 : -ENOMEM;
}

/* ---- names that the kernel does not keep: noted by the process itself ---- */

static int add_notes(struct topo_process *p, const char *proc, int fd)
{
	char path[4096], to[64] = "", line[256];

	snprintf(path, sizeof(path), "%s/%d/fd/%d", proc, (int)p->pid, fd);
	if (readlink(path, to, sizeof(to) - 1) < 0 ||
	    strcmp(to, "/memfd:weft mappings (deleted)") != 0)
		return 0;
	FILE *f = open_file("%s", path);
	int rc = 0;

	while (f && !rc && fgets(line, sizeof(line), f)) {
		struct topo_note n, *more;

		if (sscanf(line, "%lx-%lx %95[^\n]", &n.from, &n.to, n.name) != 3)
			continue;
		more = grow(&p->note, &p->n_note, sizeof(*more));
		if (more)
			*more = n;
		else
			rc = -ENOMEM;
	}
	if (f)
		fclose(f);
	return rc;
}

/* The kernel joins neighbours: the name of most of it counts. */
static void name_by_note(const struct topo_process *p, struct range *r)
{
	unsigned long most = 0;

	for (unsigned i = 0; i < p->n_note; i++) {
		const struct topo_note *n = &p->note[i];
		unsigned long from = n->from > r->from ? n->from : r->from;
		unsigned long to = n->to < r->to ? n->to : r->to;

		if (to <= from || to - from <= most)
			continue;
		most = to - from;
		snprintf(r->name, sizeof(r->name), "%s", n->name);
	}
}

static int compare_rings(const void *a, const void *b)
{
	return ((const struct topo_ring *)a)->fd - ((const struct topo_ring *)b)->fd;
}

/* ---- memory ---- */

/* "weft stacks" of "[anon:weft stacks]"; rings have a file of theirs. */
static void range_name(struct range *r, const char *what)
{
	static const char anon[] = "[anon:weft ", ring[] = "anon_inode:[io_uring]";

	snprintf(r->name, sizeof(r->name), "rest");
	if (!strncmp(what, ring, sizeof(ring) - 1))
		snprintf(r->name, sizeof(r->name), "weft rings");
	else if (!strncmp(what, anon, sizeof(anon) - 1))
		snprintf(r->name, sizeof(r->name), "%.*s", (int)strcspn(what + 6, "]\n"),
			 what + 6);
}

/* The mappings with their names: numa_maps tells none. -errno. */
static int read_ranges(const struct topo_process *p, const char *proc, struct range **ret,
		       unsigned *ret_n)
{
	FILE *f = open_file("%s/%d/maps", proc, (int)p->pid);
	char *line = NULL;
	size_t room = 0;
	struct range r, *to = NULL;
	int at = 0, rc = f ? 0 : -errno;

	while (!rc && getline(&line, &room, f) > 0) {
		at = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &r.from, &r.to, &at) != 2)
			continue;
		range_name(&r, line + at);
		if (!strcmp(r.name, "rest"))
			name_by_note(p, &r);
		to = grow(ret, ret_n, sizeof(*to));
		if (to)
			*to = r;
		else
			rc = -ENOMEM;
	}
	free(line);
	if (f)
		fclose(f);
	return rc;
}

static const char *name_at(const struct range *r, unsigned n, unsigned long addr)
{
	unsigned low = 0;

	while (low < n) { /* they are in order */
		unsigned mid = low + (n - low) / 2;

		if (addr >= r[mid].from && addr < r[mid].to)
			return r[mid].name;
		if (addr < r[mid].from)
			n = mid;
		else
			low = mid + 1;
	}
	return "rest";
}

static struct topo_memory *memory_called(struct topo_process *p, const char *name)
{
	for (unsigned i = 0; i < p->n_memory; i++)
		if (!strcmp(p->memory[i].name, name))
			return &p->memory[i];
	struct topo_memory *m = grow(&p->memory, &p->n_memory, sizeof(*m));
	if (m)
		snprintf(m->name, sizeof(m->name), "%s", name);
	return m;
}

/* "7f... default anon=3 N0=2 N1=1 kernelpagesize_kB=4": pages by node. */
static void count_pages(struct topo_memory *m, const char *line)
{
	const char *size = strstr(line, "kernelpagesize_kB=");
	unsigned long kib = size ? strtoul(strchr(size, '=') + 1, NULL, 10) : 4, pages;
	unsigned node;

	for (const char *at = line; (at = strstr(at, " N")); at += 2)
		if (sscanf(at, " N%u=%lu", &node, &pages) == 2 && node < TOPO_NODES)
			m->bytes[node] += pages * kib * 1024;
}

static int count_memory(struct topo_process *p, const char *proc, const struct range *r,
			unsigned n)
{
	FILE *f = open_file("%s/%d/numa_maps", proc, (int)p->pid);
	char *line = NULL;
	size_t room = 0;
	int rc = 0;

	if (!f) /* a kernel without CONFIG_NUMA */
		return errno == ENOENT ? 0 : -errno;
	p->has_nodes = true;
	if (!memory_called(p, "rest"))
		rc = -ENOMEM;
	while (!rc && getline(&line, &room, f) > 0) {
		struct topo_memory *m =
			memory_called(p, name_at(r, n, strtoul(line, NULL, 16)));
		if (m)
			count_pages(m, line);
		else
			rc = -ENOMEM;
	}
	free(line);
	fclose(f);
	return rc;
}

static int compare_memory(const void *a, const void *b)
{
	const struct topo_memory *x = a, *y = b;

	return strverscmp(x->name, y->name);
}

static int read_memory(struct topo_process *p, const char *proc)
{
	struct range *range = NULL;
	unsigned n = 0;
	int rc = read_ranges(p, proc, &range, &n);

	for (unsigned i = 0; i < n && !p->has_names; i++)
		p->has_names = !strncmp(range[i].name, "weft ", 5) &&
			       strcmp(range[i].name, "weft rings") != 0;
	if (!rc)
		rc = count_memory(p, proc, range, n);
	if (p->n_memory)
		qsort(p->memory, p->n_memory, sizeof(*p->memory), compare_memory);
	free(range);
	return rc;
}

uint64_t topo_memory_on(const struct topo_process *p, unsigned node, bool weft)
{
	uint64_t sum = 0;

	for (unsigned i = 0; node < TOPO_NODES && i < p->n_memory; i++)
		if (weft == !strncmp(p->memory[i].name, "weft ", 5))
			sum += p->memory[i].bytes[node];
	return sum;
}

/* ---- all ---- */

int topo_process_open(struct topo_process *p, const char *proc, pid_t pid)
{
	*p = (struct topo_process){.pid = pid};
	int rc = each_number(p, proc, "task", add_thread);

	if (!rc && !p->n_threads)
		rc = -ESRCH;
	if (!rc && !p->n_thread)
		return complain(p,
				"process %d (%s) runs no weft: none of its threads is "
				"called weft/N",
				(int)pid, p->name);
	if (!rc)
		rc = each_number(p, proc, "fd", add_ring);
	if (!rc)
		rc = each_number(p, proc, "fd", add_notes);
	if (!rc)
		rc = read_memory(p, proc);
	if (rc)
		return complain_of(p, -rc);
	qsort(p->thread, p->n_thread, sizeof(*p->thread), compare_threads);
	if (p->n_ring)
		qsort(p->ring, p->n_ring, sizeof(*p->ring), compare_rings);
	return 0;
}

void topo_process_close(struct topo_process *p)
{
	for (unsigned i = 0; i < p->n_thread; i++)
		hwloc_bitmap_free(p->thread[i].allowed);
	hwloc_bitmap_free(p->allowed);
	free(p->thread);
	free(p->ring);
	free(p->note);
	free(p->memory);
}
