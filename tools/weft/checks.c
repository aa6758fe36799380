/* SPDX-License-Identifier: MIT */
/* The checks of `weft doctor`. To add one: a function, and a row in the table below. */
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <weft.h>

#include "doctor.h"

void doctor_value(struct doctor_row *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->value, sizeof(r->value), fmt, ap);
	va_end(ap);
}

static void advise(struct doctor_row *r, enum doctor_state state, const char *advice)
{
	r->state = state;
	snprintf(r->advice, sizeof(r->advice), "%s", advice);
}

/* The number in a file of the kernel's, or -1. */
static long number(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static void limit_value(struct doctor_row *r, rlim_t soft, rlim_t hard, rlim_t unit,
			const char *name)
{
	char s[2][32];
	const rlim_t lim[2] = {soft, hard};

	for (int i = 0; i < 2; i++)
		if (lim[i] == RLIM_INFINITY)
			snprintf(s[i], sizeof(s[i]), "unlimited");
		else
			snprintf(s[i], sizeof(s[i]), "%llu%s",
				 (unsigned long long)(lim[i] / unit), name);
	doctor_value(r, "%s (at most %s)", s[0], s[1]);
}

static void check_kernel(struct doctor_row *r, const struct doctor_trial *t)
{
	struct utsname u;

	(void)t;
	uname(&u);
	doctor_value(r, "%s %s, %s", u.sysname, u.release, u.machine);
}

static void check_io_uring(struct doctor_row *r, const struct doctor_trial *t)
{
	long off = number("/proc/sys/kernel/io_uring_disabled");

	doctor_value(r, "%s%s", t->rc ? strerror(-t->rc) : "a runtime started",
		     off == 1 ? "; kernel.io_uring_disabled = 1: only for the privileged"
		     : off == 2 ? "; kernel.io_uring_disabled = 2: for nobody"
				: "");
	if (t->rc)
		advise(r, FAIL, weft_start_error());
}

static unsigned allowed_cpus(void)
{
	unsigned n = 0;

	for (size_t bits = 1024; bits <= 1 << 20 && !n; bits *= 2) {
		cpu_set_t *set = CPU_ALLOC(bits);
		size_t size = CPU_ALLOC_SIZE(bits);

		if (set && !sched_getaffinity(0, size, set))
			n = (unsigned)CPU_COUNT_S(size, set);
		CPU_FREE(set);
	}
	return n;
}

static void check_workers(struct doctor_row *r, const struct doctor_trial *t)
{
	unsigned allowed = allowed_cpus();
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	doctor_value(r, "%u, on %u allowed of %ld online CPUs", t->workers, allowed,
		     online);
	if (!t->rc && t->workers < allowed)
		advise(r, NOTE,
		       "the CPU quota of the cgroup, or WEFT_WORKERS, allows no more");
	else if (allowed < online)
		advise(r, NOTE,
		       "a cpuset, taskset or numactl keeps this process off the others");
}

/* Rings of a process with CAP_IPC_LOCK are not charged. */
static bool locks_freely(void)
{
	const unsigned ipc_lock = 14;
	unsigned long long caps = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps >> ipc_lock & 1;
}

static void check_memlock(struct doctor_row *r, const struct doctor_trial *t)
{
	struct rlimit lim;
	/* a ring, and its list of receive buffers */
	rlim_t want = (rlim_t)(t->workers ? t->workers : 1) * 128 * 1024;

	getrlimit(RLIMIT_MEMLOCK, &lim);
	limit_value(r, lim.rlim_cur, lim.rlim_max, 1024, " KiB");
	if (locks_freely())
		advise(r, OK, "not charged: this process has CAP_IPC_LOCK");
	else if (lim.rlim_cur < want)
		advise(r, WARN,
		       "rings and lists of receive buffers are made smaller to fit: "
		       "raise it "
		       "(ulimit -l, or LimitMEMLOCK= of the service)");
}

static void check_nofile(struct doctor_row *r, const struct doctor_trial *t)
{
	struct rlimit lim;

	(void)t;
	getrlimit(RLIMIT_NOFILE, &lim);
	limit_value(r, lim.rlim_cur, lim.rlim_max, 1, "");
	if (lim.rlim_cur < 65536)
		advise(r, WARN,
		       "a server has at most so many connections: raise it (ulimit -n, "
		       "or "
		       "LimitNOFILE= of the service)");
}

static void check_backlog(struct doctor_row *r, const struct doctor_trial *t)
{
	long n = number("/proc/sys/net/core/somaxconn");

	(void)t;
	doctor_value(r, "net.core.somaxconn = %ld", n);
	if (n >= 0 && n < 1024)
		advise(r, WARN,
		       "bursts of new connections beyond it are dropped: sysctl -w "
		       "net.core.somaxconn=4096");
}

static void check_overcommit(struct doctor_row *r, const struct doctor_trial *t)
{
	long n = number("/proc/sys/vm/overcommit_memory");

	(void)t;
	doctor_value(r, "vm.overcommit_memory = %ld", n);
	if (n == 2)
		advise(r, WARN,
		       "address space counts as memory: 64 KiB for each coroutine. Lower "
		       "WEFT_STACK_KIB or set it to 0");
}

static void check_maps(struct doctor_row *r, const struct doctor_trial *t)
{
	long n = number("/proc/sys/vm/max_map_count");
	const char *name;
	bool on = true;

	doctor_value(r, "vm.max_map_count = %ld", n);
	for (unsigned i = 0; !t->rc && !weft_feature(i, &name, &on, NULL); i++)
		if (!strcmp(name, "GUARD_INSTALL"))
			break;
	if (!on && n < 1000000)
		advise(r, WARN,
		       "each stack takes two mappings: sysctl -w "
		       "vm.max_map_count=2000000 for "
		       "a million coroutines");
}

static void check_numa(struct doctor_row *r, const struct doctor_trial *t)
{
	static const char *const names[] = {
		"default",        "preferred",          "bind", "interleave", "local",
		"preferred-many", "weighted-interleave"};
	int mode = 0;

	(void)t;
	if (numa_available() < 0) {
		doctor_value(r, "the kernel knows no nodes");
		return;
	}
	if (get_mempolicy(&mode, NULL, 0, NULL, 0))
		mode = 0;
	doctor_value(r, "%d node%s, memory policy %s", numa_num_configured_nodes(),
		     numa_num_configured_nodes() == 1 ? "" : "s",
		     (size_t)mode < sizeof(names) / sizeof(names[0]) ? names[mode]
								     : "unknown");
	if (mode)
		advise(r, NOTE,
		       "set from outside (numactl): it wins over weft's placement");
}

/* The line of the placement that begins with `key`, without that, or "". */
static const char *place_line(const char *key)
{
	static char text[16384];
	size_t n = strlen(key);

	if (weft_place_text(text, sizeof(text)) < 0)
		return "";
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, key, n))
			return line + n;
	return "";
}

static void check_placement(struct doctor_row *r, const struct doctor_trial *t)
{
	struct weft_place p = {.size = sizeof(p)};
	char cpus[96] = "";
	size_t at = 0;

	for (unsigned i = 0; i < t->workers && at + 16 < sizeof(cpus); i++)
		if (!weft_place_get(i, &p))
			at += (size_t)sprintf(cpus + at, "%s%d", at ? "," : "", p.cpu);
	doctor_value(r, "%.20s: workers on CPUs %s%s", place_line("placement: "), cpus,
		     at + 16 < sizeof(cpus) ? "" : ",...");
	const char *note = place_line("note: ");
	if (*note)
		advise(r, NOTE, note);
}

static void check_memory(struct doctor_row *r, const struct doctor_trial *t)
{
	(void)t;
	doctor_value(r, "%s", place_line("memory: "));
	if (strstr(r->value, "it wins"))
		advise(r, NOTE,
		       "numactl, or a policy of the caller's: weft asks for no "
		       "pages of certain nodes");
}

static void check_quota(struct doctor_row *r, const struct doctor_trial *t)
{
	const char *quota = strstr(place_line("CPUs: "), "quota ");

	doctor_value(r, "%s", quota ? quota + strlen("quota ") : "none");
	if (quota && !t->rc)
		advise(r, NOTE,
		       "so many CPUs' time of the cgroup: workers follow it, also when "
		       "it "
		       "changes (WEFT_ADAPT_MS)");
}

static void check_perf(struct doctor_row *r, const struct doctor_trial *t)
{
	long n = number("/proc/sys/kernel/perf_event_paranoid");

	(void)t;
	doctor_value(r, "kernel.perf_event_paranoid = %ld", n);
	if (n > 2 && geteuid() != 0)
		advise(r, NOTE,
		       "perf can measure nothing here: sysctl -w "
		       "kernel.perf_event_paranoid=1");
}

/* clang-format off: one row a line */
const struct doctor_check doctor_checks[] = {
	{"kernel", check_kernel},
	{"io_uring", check_io_uring},
	{"workers", check_workers},
	{"CPU quota", check_quota},
	{"placement", check_placement},
	{"NUMA", check_numa},
	{"worker memory", check_memory},
	{"locked memory", check_memlock},
	{"descriptors", check_nofile},
	{"listen queue", check_backlog},
	{"overcommit", check_overcommit},
	{"mappings", check_maps},
	{"perf", check_perf},
	{NULL, NULL},
};
/* clang-format on */
