/* SPDX-License-Identifier: MIT */
/* With `faults` on, a stack overflow is reported by name, and the process still dies. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

static volatile bool deep_enough; /* never */

static int dig(volatile char *above)
{
	volatile char here[512];

	here[0] = above ? above[0] : 0;
	return deep_enough ? 0 : dig(here) + here[0];
}

static int overflow(void *arg)
{
	(void)arg;
	weft_set_name("mole");
	return dig(NULL);
}

static void child(int out)
{
	struct weft_options o = {.size = sizeof(o), .workers = 1, .faults = 1};

	signal(SIGSEGV, SIG_DFL);
	dup2(out, 2);
	weft_run(overflow, NULL, &o);
	_exit(0);
}

Test(faults, a_stack_overflow_names_the_coroutine)
{
	char text[4096] = "";
	int p[2], status = 0;
	size_t n = 0;
	ssize_t got;

	cr_assert_eq(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0)
		child(p[1]);
	close(p[1]);
	while (n < sizeof(text) - 1 &&
	       (got = read(p[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	waitpid(pid, &status, 0);
	cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	cr_assert(strstr(text, "stack overflow in coroutine 'mole'") != NULL, "said: %s",
		  text);
}
