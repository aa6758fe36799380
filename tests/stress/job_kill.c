/* SPDX-License-Identifier: MIT */
/*
 * kill -9 of every process of a job pool, at any moment, again and again: workers, zygotes, and
 * whole hosts. Every job ends, with its result or with an error that says so; what had not begun is
 * done by others; and of a host that was killed no process is left.
 *
 *   --seed N   choose other moments; printed
 *   --rounds N
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weft/job.h"

enum { JOBS = 200, HOSTS = 20, STREAMS = 2, NUMBERS = 20000 };

static unsigned seed = 1, rounds = 100;
static unsigned n_killed, n_lost;
static char mark[64];

#define CHECK(cond)                                                                      \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "%s:%d: %s (seed %u)\n", __FILE__, __LINE__,     \
				#cond, seed);                                            \
			exit(1);                                                         \
		}                                                                        \
	} while (0)

static ssize_t twice(const struct weft_job_args *a)
{
	unsigned n;

	memcpy(&n, a->in, sizeof(n));
	for (volatile unsigned i = 0; i < n % 1000; i++)
		continue;
	n *= 2;
	memcpy(a->out, &n, sizeof(n));
	return sizeof(n);
}
WEFT_JOB("twice", twice)

static ssize_t numbers(const struct weft_job_args *a)
{
	(void)a;
	for (unsigned i = 0; i < NUMBERS; i++)
		if (weft_job_send(&i, sizeof(i)))
			return -EIO;
	return 0;
}
WEFT_JOB("numbers", numbers)

/* Leaves a child behind, which must not outlive the pool either. */
static ssize_t with_child(const struct weft_job_args *a)
{
	(void)a;
	if (!fork())
		pause();
	return 0;
}
WEFT_JOB("with_child", with_child)

static unsigned chance(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static struct weft_job_pool *open_pool(void)
{
	const struct weft_job_pool_options o = {
		.size = sizeof(o), .min_workers = 2, .max_workers = 2, .ahead = 8};
	struct weft_job_pool *pool;
	int rc = weft_job_pool_open(&o, &pool);

	if (rc)
		fprintf(stderr, "%d: %s\n", rc, weft_job_pool_error());
	CHECK(!rc);
	return pool;
}

/* Whether any process has our mark in its environment, other than this one. */
static bool any_left(void)
{
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	CHECK(dir);
	while (!found && (e = readdir(dir))) {
		char path[300], text[65536];
		if (atoi(e->d_name) <= 0 || atoi(e->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%s/environ", e->d_name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
		if (fd >= 0)
			close(fd);
		found = n > 0 && memmem(text, (size_t)n, mark, strlen(mark));
	}
	closedir(dir);
	return found;
}

/* Some may still be dying. The test's time limit ends it. */
static void until_none_is_left(void)
{
	while (any_left())
		usleep(1000);
}

/* ---- workers and zygotes ---------------------------------------------------------------- */

/* who: the number of a worker; -1: the zygote */
static unsigned kill_one(struct weft_job_pool *pool, int who)
{
	int pid = weft_job_worker_pid(pool, who);

	return pid > 0 && !kill(pid, SIGKILL);
}

static void kill_while_working(bool zygote)
{
	struct weft_job_pool *pool = open_pool();
	struct weft_job *job[JOBS];
	unsigned in[JOBS], out[JOBS], killed = 0, lost = 0;

	for (unsigned i = 0; i < JOBS; i++) {
		in[i] = i;
		CHECK(!weft_job_submit(pool, "twice", &in[i], sizeof(in[i]), &out[i],
				       sizeof(out[i]), NULL, &job[i]));
		if (!chance(zygote ? 100 : 20))
			killed += kill_one(pool, zygote ? -1 : (int)chance(2));
	}
	for (unsigned i = 0; i < JOBS; i++) {
		ssize_t n;
		CHECK(!weft_job_wait(job[i], &n));
		if (n < 0) {
			CHECK(n == -ECHILD || n == -EIO);
			lost++;
			continue;
		}
		CHECK(n == sizeof(out[i]) && out[i] == in[i] * 2);
	}
	CHECK(lost <= 2 * killed); /* a job each, and two workers die with a zygote */
	n_killed += killed;
	n_lost += lost;
	unsigned n = 21, twice_n = 0;
	CHECK(weft_job_call(pool, "twice", &n, sizeof(n), &twice_n, sizeof(n), NULL) ==
		      sizeof(n) ||
	      killed);
	weft_job_pool_close(pool, WEFT_NEVER);
	until_none_is_left();
}

/* ---- streams ---------------------------------------------------------------------------- */

/* It has ended, after n messages: as it should, or by our hand. Returns whether it was lost. */
static bool end_stream(struct weft_job *job, unsigned n, bool killed)
{
	ssize_t result;

	CHECK(!weft_job_wait(job, &result));
	CHECK(result || n == NUMBERS);
	CHECK(!result || (killed && (result == -ECHILD || result == -EIO)));
	return result;
}

/* What comes is whole and in order, until the end or the death. */
static void kill_while_streaming(bool zygote)
{
	const struct weft_job_attr attr = {.size = sizeof(attr), .stream = 1};
	struct weft_job_pool *pool = open_pool();
	struct weft_job *job[STREAMS];
	unsigned n[STREAMS] = {0}, left = STREAMS, killed = 0;
	unsigned when = chance(STREAMS * NUMBERS * 2);

	for (unsigned i = 0; i < STREAMS; i++)
		CHECK(!weft_job_submit(pool, "numbers", NULL, 0, NULL, 0, &attr,
				       &job[i]));
	for (unsigned turn = 0; left; turn++) {
		unsigned which = turn % STREAMS, number;

		if (turn == when)
			killed += kill_one(pool, zygote ? -1 : (int)chance(2));
		if (!job[which])
			continue;
		ssize_t len = weft_job_next(job[which], &number, sizeof(number));
		if (len >= 0) {
			CHECK(len == sizeof(number) && number == n[which]++);
			continue;
		}
		CHECK(len == -EPIPE);
		n_lost += end_stream(job[which], n[which], killed);
		job[which] = NULL;
		left--;
	}
	n_killed += killed;
	weft_job_pool_close(pool, WEFT_NEVER);
	until_none_is_left();
}

/* ---- hosts ------------------------------------------------------------------------------ */

static void be_host(void)
{
	struct weft_job_pool *pool = open_pool();

	for (unsigned i = 0;; i++) {
		unsigned out;
		if (i % 50 == 7)
			weft_job_call(pool, "with_child", NULL, 0, NULL, 0, NULL);
		else
			weft_job_call(pool, "twice", &i, sizeof(i), &out, sizeof(out),
				      NULL);
	}
}

static void kill_host(void)
{
	pid_t host = fork();

	CHECK(host >= 0);
	if (!host)
		be_host();
	usleep(chance(20000));
	kill(host, SIGKILL);
	waitpid(host, NULL, 0);
	until_none_is_left();
}

int main(int argc, char **argv)
{
	weft_job_main(argc, argv);
	for (int i = 1; i + 1 < argc; i += 2)
		*(strcmp(argv[i], "--seed") ? &rounds : &seed) =
			(unsigned)strtoul(argv[i + 1], NULL, 10);
	printf("seed %u, %u rounds\n", seed, rounds);
	snprintf(mark, sizeof(mark), "JOB_KILL_MARK=%d", getpid());
	putenv(mark);
	for (unsigned i = 0; i < rounds; i++) {
		kill_while_working(false);
		kill_while_working(true);
		kill_while_streaming(i % 2);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		kill_host();
	printf("%u processes killed, %u jobs lost with them; %u hosts\n", n_killed,
	       n_lost, HOSTS);
	CHECK(rounds < 100 || n_lost);
	return 0;
}
