/* SPDX-License-Identifier: MIT */
/*
 * weft sim: run a program under simulation with many seeds, some at a time, and tell those that
 * failed with the command that replays them. A run's output is kept and shown if it failed.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"

enum { JOBS_MAX = 256, SHOWN = 5, OUTPUT = 16384 };

struct ask {
	unsigned long first, seeds, jobs, limit;
	int level;
	bool json, one, stop;
	char **program;
};

/* A run, under way or over. */
struct run {
	unsigned long seed;
	pid_t pid; /* 0: none */
	int out, report;
	struct timespec begin;
	bool late;   /* killed for that */
	bool second; /* of the first seed: whether it can be replayed */
	int status;
};

struct tally {
	struct ask ask;
	struct run run[JOBS_MAX];
	unsigned long begun, passed, failed;
	unsigned busy;
	char hash[20]; /* of the first seed */
	bool checked, differs, silent;
	json_t *failures;
};

static int help(FILE *out)
{
	fputs("usage: weft sim [OPTION...] PROGRAM [ARGUMENT...]\n\n"
	      "Runs a program that uses weft under simulation: on one thread, in virtual "
	      "time,\n"
	      "every choice from a seed (weft/sim.h), once for each seed. A run fails "
	      "when "
	      "its exit\n"
	      "status is not 0, a signal ends it, or it takes too long.\n\n"
	      "  --seeds N     so many seeds (100)\n"
	      "  --first N     the first of them (1)\n"
	      "  --seed N      that one only, with its output as it comes\n"
	      "  --level N     0 order only, 1 what correct programs do not notice (the "
	      "default),\n"
	      "                2 errors too\n"
	      "  --jobs N      runs at a time (one for each CPU)\n"
	      "  --limit SEC   for one run (30)\n"
	      "  --stop        at the first failure\n"
	      "  --json        the result as JSON\n\n"
	      "Exit status: 0, 1 when a run failed, 2 when nothing could be run.\n",
	      out);
	return out == stdout ? 0 : USAGE;
}

static bool number(const char *text, unsigned long *ret_n)
{
	char *end;

	errno = 0;
	*ret_n = strtoul(text, &end, 0);
	return !errno && end != text && !*end && *text != '-';
}

static bool parse(int argc, char **argv, struct ask *a)
{
	static const struct option options[] = {
		{"seeds", 1, NULL, 'n'}, {"first", 1, NULL, 'f'}, {"seed", 1, NULL, 's'},
		{"level", 1, NULL, 'l'}, {"jobs", 1, NULL, 'j'},  {"limit", 1, NULL, 't'},
		{"stop", 0, NULL, 'x'},  {"json", 0, NULL, 'J'},  {NULL, 0, NULL, 0}};
	unsigned long level;
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		bool good = c == 'n'   ? number(optarg, &a->seeds) && a->seeds
			    : c == 'f' ? number(optarg, &a->first)
			    : c == 's' ? number(optarg, &a->first) && (a->one = true)
			    : c == 'l' ? number(optarg, &level) && level <= 2
			    : c == 'j' ? number(optarg, &a->jobs) && a->jobs &&
						 a->jobs <= JOBS_MAX
			    : c == 't' ? number(optarg, &a->limit) && a->limit
			    : c == 'x' ? (a->stop = true)
			    : c == 'J' ? (a->json = true)
				       : false;
		if (!good)
			return false;
		if (c == 'l')
			a->level = (int)level;
	}
	a->program = argv + optind;
	return optind < argc && !(a->one && a->json);
}

/* In the child: what it is told of the seed, and the same addresses each time. */
static _Noreturn void become(const struct ask *a, const struct run *r)
{
	char text[48], path[48];

	snprintf(text, sizeof(text), "%lu:%d", r->seed, a->level);
	setenv("WEFT_SIM", text, 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->report);
	if (r->report >= 0)
		setenv("WEFT_SIM_REPORT", path, 1);
	personality(ADDR_NO_RANDOMIZE);
	if (r->out >= 0) {
		dup2(r->out, STDOUT_FILENO);
		dup2(r->out, STDERR_FILENO);
	}
	execvp(a->program[0], a->program);
	dprintf(STDERR_FILENO, "weft sim: cannot run %s: %s\n", a->program[0],
		strerror(errno));
	_exit(127);
}

static bool begin(struct tally *t, struct run *r, unsigned long seed, bool second)
{
	*r = (struct run){.seed = seed, .second = second};
	r->out = memfd_create("output", MFD_CLOEXEC);
	r->report = memfd_create("report", 0);
	clock_gettime(CLOCK_MONOTONIC, &r->begin);
	r->pid = fork();
	if (r->pid == 0)
		become(&t->ask, r);
	if (r->pid < 0 || r->out < 0 || r->report < 0)
		return false;
	t->busy++;
	return true;
}

static double age(const struct run *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - r->begin.tv_sec) +
	       (double)(now.tv_nsec - r->begin.tv_nsec) / 1e9;
}

/* The end of a file of ours, as text. */
static void read_end(int fd, char *buf, size_t size)
{
	off_t all = lseek(fd, 0, SEEK_END);
	off_t from = all > (off_t)size - 1 ? all - (off_t)size + 1 : 0;
	ssize_t n = pread(fd, buf, size - 1, from);

	buf[n > 0 ? n : 0] = '\0';
	for (char *c = buf; *c; c++)
		if (*c & 0x80)
			*c = '?'; /* half a character, or none, is no JSON */
}

static void describe(const struct run *r, char *buf, size_t size)
{
	if (r->late)
		snprintf(buf, size, "took too long");
	else if (WIFSIGNALED(r->status))
		snprintf(buf, size, "ended by signal %d (%s)", WTERMSIG(r->status),
			 strsignal(WTERMSIG(r->status)));
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(r->status));
}

static void replay(const struct ask *a, const struct run *r, char *buf, size_t size)
{
	int n = snprintf(buf, size, "weft sim --seed %lu --level %d", r->seed, a->level);

	for (char **word = a->program; *word && n > 0 && (size_t)n < size; word++)
		n += snprintf(buf + n, size - (size_t)n, " %s", *word);
}

static void tell_failure(struct tally *t, const struct run *r)
{
	static char output[OUTPUT];
	char what[100], command[4096];

	describe(r, what, sizeof(what));
	replay(&t->ask, r, command, sizeof(command));
	read_end(r->out, output, sizeof(output));
	if (t->ask.json)
		json_array_append_new(t->failures,
				      json_pack("{sIsssssssi}", "seed",
						(json_int_t)r->seed, "what", what,
						"replay", command, "output", output,
						"status", r->status));
	else if (t->failed <= SHOWN)
		printf("seed %lu: %s\n%s  replay: %s\n", r->seed, what, output, command);
	fflush(stdout);
}

/* "hash": "..." of the last line. */
static void note_hash(struct tally *t, const struct run *r)
{
	char text[4096], hash[20] = "";
	const char *at;

	read_end(r->report, text, sizeof(text));
	at = strstr(text, "\"hash\": \"");
	if (at)
		sscanf(at, "\"hash\": \"%16[0-9a-f]", hash);
	if (!at && r->status == 0)
		t->silent = true;
	if (r->seed != t->ask.first)
		return;
	if (!t->hash[0])
		snprintf(t->hash, sizeof(t->hash), "%s", hash);
	else
		t->differs = strcmp(t->hash, hash) != 0;
}

static void end(struct tally *t, struct run *r)
{
	bool good = r->status == 0 && !r->late;

	t->busy--;
	note_hash(t, r);
	if (!r->second) {
		t->passed += good;
		t->failed += !good;
		if (!good)
			tell_failure(t, r);
	}
	close(r->out);
	close(r->report);
	r->pid = 0;
}

static void look_at(struct tally *t, struct run *r)
{
	if (!r->pid)
		return;
	if (waitpid(r->pid, &r->status, WNOHANG) == r->pid) {
		end(t, r);
	} else if (!r->late && age(r) > (double)t->ask.limit) {
		r->late = true;
		kill(r->pid, SIGKILL);
	}
}

/* Start what is still to do. The first seed is run twice. */
static bool fill(struct tally *t)
{
	for (unsigned i = 0; i < t->ask.jobs; i++) {
		struct run *r = &t->run[i];
		bool second = !t->checked && t->begun > 0;

		if (r->pid)
			continue;
		if (second)
			t->checked = true;
		else if (t->begun == t->ask.seeds || (t->ask.stop && t->failed))
			continue;
		if (!begin(t, r, second ? t->ask.first : t->ask.first + t->begun, second))
			return false;
		t->begun += !second;
	}
	return true;
}

static void progress(const struct tally *t)
{
	static unsigned long told;
	unsigned long n = t->passed + t->failed;

	if (t->ask.json || !isatty(STDERR_FILENO) || n == told)
		return;
	told = n;
	fprintf(stderr, "\r%lu of %lu seeds, %lu failed ", n, t->ask.seeds, t->failed);
	if (n == t->ask.seeds)
		fputs("\r\033[K", stderr);
}

static int print_json(struct tally *t)
{
	json_t *top = json_pack(
		"{sI sI si sI sI sb so}", "first", (json_int_t)t->ask.first, "seeds",
		(json_int_t)t->passed + (json_int_t)t->failed, "level", t->ask.level,
		"passed", (json_int_t)t->passed, "failed", (json_int_t)t->failed,
		"replayable", !t->differs && !t->silent, "failures", t->failures);
	int rc = top ? json_dumpf(top, stdout, JSON_INDENT(1)) : -1;

	json_decref(top);
	puts("");
	return rc;
}

static int conclude(struct tally *t)
{
	if (t->silent)
		fprintf(stderr,
			"weft sim: %s ran without a simulation: it uses no weft, "
			"or does not let the environment choose\n",
			t->ask.program[0]);
	if (t->differs)
		fprintf(stderr,
			"weft sim: seed %lu did not give the same run twice: something "
			"besides the seed decides (threads, random numbers, real time, "
			"loopback TCP)\n",
			t->ask.first);
	if (t->ask.json)
		return print_json(t) || t->failed ? 1 : 0;
	printf("%lu seeds from %lu, level %d: %lu passed, %lu failed\n",
	       t->passed + t->failed, t->ask.first, t->ask.level, t->passed, t->failed);
	return t->failed > 0;
}

static int run_all(struct tally *t)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	t->failures = json_array();
	for (;;) {
		if (!fill(t)) {
			fprintf(stderr, "weft sim: cannot start a run: %s\n",
				strerror(errno));
			return USAGE;
		}
		if (!t->busy)
			return conclude(t);
		nanosleep(&ms, NULL);
		for (unsigned i = 0; i < t->ask.jobs; i++)
			look_at(t, &t->run[i]);
		progress(t);
	}
}

int weft_cmd_sim(int argc, char **argv)
{
	static struct tally t = {
		.ask = {.first = 1, .seeds = 100, .limit = 30, .level = 1}};
	const struct run one = {.out = -1, .report = -1};

	t.ask.jobs = (unsigned long)sysconf(_SC_NPROCESSORS_ONLN);
	if (t.ask.jobs > JOBS_MAX)
		t.ask.jobs = JOBS_MAX;
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return help(stdout);
	if (!parse(argc, argv, &t.ask))
		return help(stderr);
	if (t.ask.one) {
		struct run r = one;
		r.seed = t.ask.first;
		become(&t.ask, &r);
	}
	return run_all(&t);
}
