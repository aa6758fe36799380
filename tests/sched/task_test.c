/* SPDX-License-Identifier: MIT */
/* What /proc says of a thread: a real one that waits in a pipe, and files made up. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sched/base/task.h"

static int p[2];
static atomic_int reader;

static void *waits(void *arg)
{
	char c;

	atomic_store(&reader, (int)gettid());
	return read(p[0], &c, 1) == 1 ? arg : NULL;
}

Test(task, tells_what_a_thread_waits_for, .timeout = 30)
{
	struct wf_task t;
	pthread_t thread;
	void *result;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(pthread_create(&thread, NULL, waits, p), 0);
	do {
		usleep(1000);
		wf_task_read("", atomic_load(&reader), &t);
	} while (t.syscall != SYS_read);
	cr_assert_eq(t.state, 'S');
	cr_assert(t.minor_faults > 0);
	cr_assert_eq(write(p[1], "x", 1), 1);
	pthread_join(thread, &result);
	cr_assert_eq(result, p);
	do /* a thread that was joined may still be on its way out */
		wf_task_read("", atomic_load(&reader), &t);
	while (t.state != '?' && t.state != 'X' && t.state != 'Z');
}

static void put(const char *root, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/proc/self/task/7/%s", root, name);
	FILE *f = fopen(path, "w");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
}

Test(task, reads_what_is_there_and_bears_the_rest)
{
	char root[] = "/tmp/weft-task-XXXXXX", command[128];
	struct wf_task t;

	cr_assert(mkdtemp(root));
	snprintf(command, sizeof(command), "mkdir -p %s/proc/self/task/7", root);
	cr_assert_eq(system(command), 0);
	wf_task_read(root, 7, &t);
	cr_assert_eq(t.state, '?');
	cr_assert_eq(t.syscall, -1);
	cr_assert_eq(t.wchan[0], '\0');

	put(root, "stat", "7 (a) R (b) D 1 2 3 4 5 6 70 8 90 10\n");
	put(root, "syscall", "19 0x3 0x0\n");
	put(root, "wchan", "folio_wait_bit");
	wf_task_read(root, 7, &t);
	cr_assert_eq(t.state, 'D');
	cr_assert_eq(t.minor_faults, 70u);
	cr_assert_eq(t.major_faults, 90u);
	cr_assert_eq(t.syscall, 19);
	cr_assert_str_eq(t.wchan, "folio_wait_bit");

	put(root, "syscall", "running\n");
	put(root, "wchan", "0");
	wf_task_read(root, 7, &t);
	cr_assert_eq(t.syscall, -1);
	cr_assert_eq(t.wchan[0], '\0');
	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}
