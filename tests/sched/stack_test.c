/* SPDX-License-Identifier: MIT */
/* Stacks: classes, limits, guards, recycling. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sched/co/stack.h"

Test(stack, classes_are_powers_of_two)
{
	cr_assert_eq(wf_stack_class(1), 0);
	cr_assert_eq(wf_stack_class(16384), 0);
	cr_assert_eq(wf_stack_class(16385), 1);
	cr_assert_eq(wf_stack_class(65536), 2);
	cr_assert_eq(wf_stack_class(8 << 20), WF_STACK_CLASSES - 1);
	cr_assert_eq(wf_stack_class((8 << 20) + 1), -EINVAL);
}

Test(stack, objects_are_recycled_and_counted)
{
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_co *co[20];

	wf_stacks_init(20, false);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(wf_co_take(&pool, 2, &co[i]), 0);
	cr_assert_eq(wf_co_take(&pool, 2, &co[0]), -EAGAIN);
	void *handle = wf_co_handle(co[7]);
	cr_assert(!wf_co_stale(handle));
	cr_assert_eq(wf_co_from_handle(handle), co[7]);
	wf_co_give(&pool, co[7]);
	cr_assert(wf_co_stale(handle));
	cr_assert_eq(wf_co_take(NULL, 2, &co[0]), -EAGAIN); /* it is in the pool */
	cr_assert_eq(wf_co_take(&pool, 2, &co[0]), 0);
	cr_assert_eq(co[0], co[7]);
	wf_stacks_fini();
}

static void touch_bottom(bool guard_install, bool beyond)
{
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_co *co;

	wf_stacks_init(10, guard_install);
	if (wf_co_take(&pool, 2, &co))
		_exit(2);
	volatile char *bottom = wf_stack_bottom(co);
	bottom[0] = 1;
	if (wf_co_of_address((const void *)bottom) != co)
		_exit(3);
	if (beyond)
		bottom[-1] = 1;
	_exit(0);
}

static int in_child(bool guard_install, bool beyond)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		touch_bottom(guard_install, beyond);
	}
	waitpid(pid, &status, 0);
	return status;
}

Test(stack, the_page_below_the_bottom_is_guarded)
{
	int status = in_child(false, true);

	cr_assert_eq(in_child(false, false), 0);
	/* a sanitizer's handler turns the signal into an exit */
	cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
}

static void count(struct wf_co *co, void *n)
{
	(void)co;
	++*(int *)n;
}

Test(stack, a_walk_sees_those_in_use)
{
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_co *co[100];
	int n = 0;

	wf_stacks_init(1000, false);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(wf_co_take(&pool, (unsigned)i % 3, &co[i]), 0);
	for (int i = 0; i < 40; i++)
		wf_co_give(&pool, co[i]);
	wf_co_for_each(count, &n);
	cr_assert_eq(n, 60);
	wf_stacks_fini();
}
