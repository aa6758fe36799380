/* SPDX-License-Identifier: MIT */
/*
 * What processes cost: `job_processes N futex|pipe|fork|vfork|spawn`. A round trip between two
 * processes by futexes in shared memory, or by pipes; or a process that is started, ends at once
 * and is waited for.
 */
#include <linux/futex.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../micro.h"

extern char **environ;

static void await(uint32_t *word, uint32_t old)
{
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == old)
		syscall(SYS_futex, word, FUTEX_WAIT, old, NULL, NULL, 0);
}

static void post(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static int by_futex(long n)
{
	uint32_t *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		 *back = there + 16;

	if (there == MAP_FAILED)
		return 1;
	if (!fork()) {
		for (uint32_t i = 0; i < n; i++) {
			await(there, i);
			post(back, i + 1);
		}
		_exit(0);
	}
	uint64_t start = bench_now();
	for (uint32_t i = 0; i < n; i++) {
		post(there, i + 1);
		await(back, i);
	}
	bench_per_op(start, n);
	return wait(NULL) < 0;
}

static int by_pipe(long n)
{
	int there[2], back[2];
	char c = 0;

	if (pipe(there) || pipe(back))
		return 1;
	if (!fork()) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1)
			continue;
		_exit(0);
	}
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			return 1;
	bench_per_op(start, n);
	return 0;
}

static pid_t begin(const char *how)
{
	static char name[] = "true";
	char *argv[] = {name, NULL};
	pid_t pid = -1;

	if (!strcmp(how, "spawn"))
		return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) ? -1
										 : pid;
	pid = !strcmp(how, "vfork") ? vfork() : fork();
	if (!pid)
		_exit(0);
	return pid;
}

int main(int argc, char **argv)
{
	long n = bench_count(argc, argv, 1000);
	const char *how = argc > 2 ? argv[2] : "futex";

	if (!strcmp(how, "futex"))
		return by_futex(n);
	if (!strcmp(how, "pipe"))
		return by_pipe(n);
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++)
		if (waitpid(begin(how), NULL, 0) < 0)
			return 1;
	bench_per_op(start, n);
	return 0;
}
