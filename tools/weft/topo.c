/* SPDX-License-Identifier: MIT */
/* weft topo: the machine, and where a running process has its workers, rings and memory. */
#include "topo.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

typedef int printer(FILE *out, const struct topo_machine *m,
		    const struct topo_process *p);

struct ask {
	printer *print;
	const char *file; /* NULL: standard output */
	const char *proc;
	pid_t pid; /* 0: the machine alone */
};

static int help(FILE *out)
{
	fputs("usage: weft topo [--json | --svg FILE] [--proc DIR] [PID]\n\n"
	      "This machine: packages, NUMA nodes, last-level caches, cores and CPUs; "
	      "and\n"
	      "with PID, where that weft process has its workers, rings and memory.\n"
	      "--json: for programs; --svg: a drawing, FILE '-' is standard output;\n"
	      "--proc: look for the process in a copy of /proc.\n"
	      "Marks: '-' a CPU not allowed to the process, '~' a worker that is not "
	      "pinned.\n"
	      "Exit status: 0, or 1 when there is nothing to show.\n",
	      out);
	return out == stdout ? 0 : USAGE;
}

static int complain(const char *why)
{
	fprintf(stderr, "weft topo: %s\n", why);
	return 1;
}

static bool parse_pid(const char *text, pid_t *ret_pid)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);

	*ret_pid = (pid_t)n;
	return !errno && end != text && !*end && n > 0 && n == (pid_t)n;
}

/* false: it makes no sense. */
static bool parse(int argc, char **argv, struct ask *ask)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"svg", required_argument, NULL, 's'},
						{"proc", required_argument, NULL, 'p'},
						{0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?' || (c != 'p' && ask->print != topo_print_text))
			return false;
		if (c == 'j')
			ask->print = topo_print_json;
		else if (c == 's')
			ask->print = topo_print_svg, ask->file = optarg;
		else
			ask->proc = optarg;
	}
	return optind == argc ||
	       (optind == argc - 1 && parse_pid(argv[optind], &ask->pid));
}

/* Through all of it, so that a full disk is an error and not half a drawing. */
static int print(const struct ask *ask, const struct topo_machine *m,
		 const struct topo_process *p)
{
	bool to_file = ask->file && strcmp(ask->file, "-") != 0;
	FILE *out = to_file ? fopen(ask->file, "we") : stdout;
	int rc = out ? ask->print(out, m, p) : -1;

	if (out && (to_file ? fclose(out) : fflush(out)))
		rc = -1;
	if (!rc)
		return 0;
	fprintf(stderr, "weft topo: cannot write %s: %s\n",
		to_file ? ask->file : "to standard output", strerror(errno));
	return 1;
}

static int show(const struct ask *ask, const struct topo_process *p)
{
	struct topo_machine m;
	int rc = topo_machine_open(&m, p ? p->allowed : NULL)
			 ? complain("hwloc cannot load the topology (HWLOC_SYNTHETIC or "
				    "HWLOC_XMLFILE "
				    "may ask for one that makes no sense)")
			 : print(ask, &m, p);

	topo_machine_close(&m);
	return rc;
}

int weft_cmd_topo(int argc, char **argv)
{
	struct ask ask = {.print = topo_print_text, .proc = "/proc"};
	struct topo_process p;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return help(stdout);
	if (!parse(argc, argv, &ask))
		return help(stderr);
	if (!ask.pid)
		return show(&ask, NULL);
	int rc = topo_process_open(&p, ask.proc, ask.pid) ? complain(p.error)
							  : show(&ask, &p);
	topo_process_close(&p);
	return rc;
}
