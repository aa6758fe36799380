/* SPDX-License-Identifier: MIT */
/*
 * The CPU quota of this process's cgroup: a limit may sit at any level of the path, so
 * each is read, from the process's own group up to where the hierarchy is mounted.
 *
 *   /proc/self/cgroup      which group:  "0::/a/b" (v2), "4:cpu,cpuacct:/a/b" (v1)
 *   /proc/self/mountinfo   where it is mounted, and which group the mount shows as its
 * root: in a container often its own one, so that prefix is cut off v2: cpu.max "quota
 * period", quota may be "max" v1: cpu.cfs_quota_us, cpu.cfs_period_us    quota -1: none
 *
 * Both versions may be mounted side by side; the smallest limit of all wins. Levels above
 * the mount cannot be seen from here.
 */
#include "place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdbool.h>
#include <string.h>

/* One hierarchy that may hold a CPU controller. */
struct hierarchy {
	bool v2;
	char *path;  /* of this process's group */
	char *mount; /* where the hierarchy is mounted */
	char *top;   /* the group that is seen there */
};

static void hierarchy_fini(struct hierarchy *h)
{
	free(h->path);
	free(h->mount);
	free(h->top);
}

/* ret_file NULL: not there, or not for us to read, which sets no limit. */
static int file_open(const char *root, const char *path, const char *name,
		     FILE **ret_file)
{
	char *full;

	if (asprintf(&full, "%s%s/%s", root, path, name) < 0)
		return -ENOMEM;
	*ret_file = fopen(full, "re");
	int err = errno;
	free(full);
	if (*ret_file || err == ENOENT || err == ENOTDIR || err == EACCES ||
	    err == EPERM || err == ENAMETOOLONG)
		return 0;
	return -err;
}

/* The first line of a small file, without its newline; "" if there is none. */
static int line_read(const char *root, const char *path, const char *name, char *buf,
		     int size)
{
	FILE *f;
	int rc = file_open(root, path, name, &f);

	buf[0] = '\0';
	if (rc < 0 || !f)
		return rc;
	if (!fgets(buf, size, f))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	fclose(f);
	return 0;
}

/* Whether a comma-separated list holds the word. */
static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

/* A positive number up to the end of the word; 0 for anything else, "max" and -1 too. */
static uint64_t number(const char *s)
{
	char *end;

	if (*s < '0' || *s > '9')
		return 0;
	errno = 0;
	uint64_t n = strtoull(s, &end, 10);
	return *end == '\0' && errno == 0 ? n : 0;
}

/* The smaller of milli and quota / period; 0 means none. */
static unsigned limit(unsigned milli, uint64_t quota, uint64_t period)
{
	if (quota == 0 || period == 0 || quota >> 50 || period >> 50)
		return milli; /* none, or nonsense that would overflow */

	uint64_t here = (quota * 1000 + period - 1) / period;

	if (here > UINT_MAX)
		return milli;
	return milli == 0 || here < milli ? (unsigned)here : milli;
}

/* "nr_throttled 12", a line each. */
static int stat_read(const char *root, const char *dir, struct wf_strain *s)
{
	char line[128];
	unsigned long long n;
	FILE *f;
	int rc = file_open(root, dir, "cpu.stat", &f);

	if (rc < 0 || !f)
		return rc;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "nr_periods %llu", &n) == 1)
			s->periods += n;
		else if (sscanf(line, "nr_throttled %llu", &n) == 1)
			s->throttled += n;
	}
	fclose(f);
	return 0;
}

/* "some avg10=1.23 avg60=..." */
static int pressure_read(const char *root, const char *dir, const char *name,
			 struct wf_strain *s)
{
	char line[128];
	double avg10;
	int rc = line_read(root, dir, name, line, sizeof(line));

	if (rc == 0 && sscanf(line, "some avg10=%lf", &avg10) == 1)
		s->pressure = (unsigned)(avg10 + 0.5);
	return rc;
}

/* Lower *milli by the limit of the one group that dir shows. */
static int limit_read(const char *root, const char *dir, bool v2, unsigned *milli)
{
	char quota[64], period[64], *rest = quota;
	int rc = line_read(root, dir, v2 ? "cpu.max" : "cpu.cfs_quota_us", quota,
			   sizeof(quota));

	if (rc < 0)
		return rc;
	if (v2) {
		char *first = strsep(&rest, " ");

		*milli = limit(*milli, number(first), rest ? number(rest) : 0);
		return 0;
	}
	rc = line_read(root, dir, "cpu.cfs_period_us", period, sizeof(period));
	if (rc < 0)
		return rc;
	*milli = limit(*milli, number(quota), number(period));
	return 0;
}

static int level_read(const char *root, const char *dir, bool v2, struct wf_strain *s)
{
	int rc = limit_read(root, dir, v2, &s->quota_milli);

	return rc < 0 ? rc : stat_read(root, dir, s);
}

/* What of path lies below top: "/a/b/c" below "/a" is "/b/c". NULL: not below it. */
static const char *path_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (strcmp(top, "/") == 0)
		return strcmp(path, "/") == 0 ? "" : path;
	if (strncmp(path, top, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	return path + len;
}

/* Read each level, the deepest first. */
static int hierarchy_read(const struct hierarchy *h, const char *root,
			  struct wf_strain *s)
{
	const char *below = path_below(h->path, h->top);
	size_t base = strlen(h->mount);
	char *dir;
	int rc;

	/* Outside of what is mounted or of our namespace: only the top is known. */
	if (!below || strcmp(below, "/..") == 0 || strncmp(below, "/../", 4) == 0)
		below = "";
	if (asprintf(&dir, "%s%s", h->mount, below) < 0)
		return -ENOMEM;
	rc = h->v2 ? pressure_read(root, dir, "cpu.pressure", s) : 0;
	while (rc == 0) {
		rc = level_read(root, dir, h->v2, s);
		if (rc < 0 || strlen(dir) <= base)
			break;
		*strrchr(dir, '/') = '\0';
	}
	free(dir);
	return rc;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/* Take this mount if it is the hierarchy's, and shows more of the path than the last. */
static int mount_take(struct hierarchy *h, char *top, char *point)
{
	unescape(top);
	unescape(point);
	if (h->mount) {
		bool better = path_below(h->path, top) != NULL;

		if (!better ||
		    (path_below(h->path, h->top) && strlen(top) >= strlen(h->top)))
			return 0;
	}
	char *t = strdup(top), *m = strdup(strcmp(point, "/") == 0 ? "" : point);

	if (!t || !m) {
		free(t);
		free(m);
		return -ENOMEM;
	}
	free(h->top);
	free(h->mount);
	h->top = t;
	h->mount = m;
	return 0;
}

/* "36 35 98:0 /top /point rw,relatime tag:1 - type source options" */
static int mount_parse(struct hierarchy *h, char *line)
{
	char *field[5], *rest = line, *tail = strstr(line, " - ");

	if (!tail)
		return 0;
	*tail = '\0';
	tail += 3;
	for (int i = 0; i < 5; i++)
		if (!(field[i] = strsep(&rest, " ")))
			return 0;

	char *type = strsep(&tail, " ");

	strsep(&tail, " "); /* source */
	if (strcmp(type, h->v2 ? "cgroup2" : "cgroup") != 0)
		return 0;
	if (!h->v2 && (!tail || !list_has(tail, "cpu")))
		return 0;
	return mount_take(h, field[3], field[4]);
}

typedef int (*line_fn)(void *arg, char *line);

static int lines_each(const char *root, const char *name, line_fn fn, void *arg)
{
	FILE *f;
	char *line = NULL;
	size_t size = 0;
	int rc = file_open(root, "/proc/self", name, &f);

	if (rc < 0 || !f)
		return rc;
	while (rc == 0 && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		rc = fn(arg, line);
	}
	free(line);
	fclose(f);
	return rc;
}

static int mount_line(void *arg, char *line)
{
	return mount_parse(arg, line);
}

/* Both hierarchies that may limit CPU time; path NULL: this process is in none. */
struct groups {
	struct hierarchy v1, v2;
};

/* "0::/path" or "4:cpu,cpuacct:/path" */
static int group_line(void *arg, char *line)
{
	struct groups *g = arg;
	char *rest = line, *id = strsep(&rest, ":"), *list = strsep(&rest, ":");
	struct hierarchy *h;

	if (!list || !rest || rest[0] != '/')
		return 0;
	if (strcmp(id, "0") == 0 && list[0] == '\0')
		h = &g->v2;
	else if (list_has(list, "cpu"))
		h = &g->v1;
	else
		return 0;
	free(h->path);
	h->path = strdup(rest);
	return h->path ? 0 : -ENOMEM;
}

static int hierarchy_strain(struct hierarchy *h, const char *root, struct wf_strain *s)
{
	if (!h->path)
		return 0;

	int rc = lines_each(root, "mountinfo", mount_line, h);

	return rc < 0 || !h->mount ? rc : hierarchy_read(h, root, s);
}

int wf_strain_read(const char *root, struct wf_strain *ret_strain)
{
	struct groups g = {.v1.v2 = false, .v2.v2 = true};
	struct wf_strain s = {0};
	int rc = pressure_read(root, "/proc/pressure", "cpu", &s);

	if (rc == 0)
		rc = lines_each(root, "cgroup", group_line, &g);
	if (rc == 0)
		rc = hierarchy_strain(&g.v2, root, &s);
	if (rc == 0)
		rc = hierarchy_strain(&g.v1, root, &s);
	if (rc == 0)
		*ret_strain = s;
	hierarchy_fini(&g.v1);
	hierarchy_fini(&g.v2);
	return rc;
}

int wf_quota_read(const char *root, unsigned *ret_milli)
{
	struct wf_strain s;
	int rc = wf_strain_read(root, &s);

	if (rc == 0)
		*ret_milli = s.quota_milli;
	return rc;
}
