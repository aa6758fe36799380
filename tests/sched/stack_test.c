/* SPDX-License-Identifier: MIT */
/* Stacks: classes, limits, guards, recycling. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sched/base/sys.h"
#include "sched/co/stack.h"

static void open_stacks(unsigned long max, bool guard_install)
{
	wf_stacks_init(&(struct wf_stack_limits){.coroutines = max,
						 .guard_install = guard_install});
}

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

	open_stacks(20, false);
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

	open_stacks(10, guard_install);
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

	open_stacks(1000, false);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(wf_co_take(&pool, (unsigned)i % 3, &co[i]), 0);
	for (int i = 0; i < 40; i++)
		wf_co_give(&pool, co[i]);
	wf_co_for_each(count, &n);
	cr_assert_eq(n, 60);
	wf_stacks_fini();
}

/* Take until it is refused; how many there were. */
static unsigned take_all(const struct wf_stack_limits *limits, unsigned class,
			 int *ret_rc)
{
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_co *co;
	unsigned n = 0;

	wf_stacks_init(limits);
	cr_assert_str_eq(wf_stack_refusal(), "");
	while ((*ret_rc = wf_co_take(&pool, class, &co)) == 0)
		n++;
	cr_assert_eq(wf_co_take(&pool, class, &co), *ret_rc); /* and again */
	return n;
}

Test(stack, each_limit_has_its_answer)
{
	int rc;

	cr_assert_eq(take_all(&(struct wf_stack_limits){.coroutines = 33}, 2, &rc), 33);
	cr_assert_eq(rc, -EAGAIN);
	cr_assert(strstr(wf_stack_refusal(), "WEFT_MAX_COROUTINES") != NULL);
	wf_stacks_fini();

	const struct wf_stack_limits bytes = {.coroutines = 1000, .bytes = 1 << 20};
	cr_assert_eq(take_all(&bytes, 2, &rc), 16);
	cr_assert_eq(rc, -EAGAIN);
	cr_assert(strstr(wf_stack_refusal(), "WEFT_STACK_MEMORY_MIB") != NULL);
	wf_stacks_fini();

	/* a guard by mprotect makes two mappings; a sixteenth of all is left */
	const struct wf_stack_limits mappings = {.coroutines = 1000, .mappings = 320};
	cr_assert_eq(take_all(&mappings, 2, &rc), 150);
	cr_assert_eq(rc, -ENOMEM);
	cr_assert(strstr(wf_stack_refusal(), "vm.max_map_count") != NULL);
	wf_stacks_fini();
}

static void *no_mmap(size_t len, int prot, int flags)
{
	(void)len, (void)prot, (void)flags;
	return (void *)(intptr_t)-ENOMEM;
}

static int no_mprotect(void *addr, size_t len, int prot)
{
	(void)addr, (void)len, (void)prot;
	return -ENOMEM;
}

Test(stack, what_the_kernel_refuses_is_told_and_lost_nothing)
{
	const struct wf_stack_limits limits = {.coroutines = 1000};
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_sys real = wf_sys;
	struct wf_co *co;

	wf_stacks_init(&limits);
	wf_sys.mmap = no_mmap;
	cr_assert_eq(wf_co_take(&pool, 2, &co), -ENOMEM);
	cr_assert(strstr(wf_stack_refusal(), "ulimit -v") != NULL);
	wf_sys = real;
	cr_assert_eq(wf_co_take(&pool, 2, &co), 0);
	wf_sys.mprotect = no_mprotect;
	struct wf_co *next;
	cr_assert_eq(wf_co_take(&pool, 2, &next), -ENOMEM);
	cr_assert(strstr(wf_stack_refusal(), "vm.max_map_count") != NULL);
	wf_co_give(&pool, co); /* what ends makes room */
	cr_assert_eq(wf_co_take(&pool, 2, &next), 0);
	cr_assert_eq(next, co);
	wf_sys = real;
	cr_assert_eq(wf_co_take(&pool, 2, &next), 0); /* the slot was not lost */
	cr_assert_eq((char *)wf_stack_bottom(next) - (char *)wf_stack_bottom(co), 65536);
	wf_stacks_fini();
}

/* What the kernel says of the mapping that holds addr. */
static bool has_flag(const void *addr, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool here = false, found = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)addr >= from && (uintptr_t)addr < to;
		if (here && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag) != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

Test(stack, huge_pages_are_kept_out)
{
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_co *co;

	open_stacks(100, false);
	for (unsigned class = 0; class < WF_STACK_CLASSES; class ++) {
		cr_assert_eq(wf_co_take(&pool, class, &co), 0);
		cr_assert(has_flag(co, " nh"));
		cr_assert_eq(wf_stack_depth(co), 4096);
	}
	wf_stacks_fini();
}

Test(stack, depth_is_the_lowest_page_touched)
{
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_co *co;

	open_stacks(100, false);
	for (unsigned class = 0; class < WF_STACK_CLASSES; class ++) {
		size_t size = (size_t)1 << (class + WF_STACK_MIN_LOG2);

		cr_assert_eq(wf_co_take(&pool, class, &co), 0);
		char *bottom = wf_stack_bottom(co), *end = bottom - 4096 + size;
		end[-2 * 4096 - 1] = 1;
		cr_assert_eq(wf_stack_depth(co), 3 * 4096);
		bottom[0] = 1;
		cr_assert_eq(wf_stack_depth(co), size - 4096);
		wf_stack_trim(co, end - 2 * 4096 - 1);
		cr_assert_eq(wf_stack_depth(co), 3 * 4096);
		cr_assert_eq(end[-2 * 4096 - 1], 1);
		wf_stack_trim(co, co);
		cr_assert_eq(wf_stack_depth(co), 4096);
	}
	wf_stacks_fini();
}

Test(stack, free_stacks_are_trimmed_once)
{
	enum { N = 100 };
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_co *co[N];

	open_stacks(N, false);
	for (int i = 0; i < N; i++) {
		cr_assert_eq(wf_co_take(&pool, 2, &co[i]), 0);
		*(char *)wf_stack_bottom(co[i]) = 1;
	}
	for (int i = 0; i < N; i++)
		wf_co_give(&pool, co[i]);
	cr_assert_eq(wf_stacks_trim_free(8), 0); /* all are in the pool */
	wf_pool_drain(&pool);
	for (int i = 0; i < N / 8; i++)
		cr_assert_eq(wf_stacks_trim_free(8), 8);
	cr_assert_eq(wf_stacks_trim_free(8), N % 8);
	cr_assert_eq(wf_stacks_trim_free(8), 0);
	for (int i = 0; i < N; i++)
		cr_assert_eq(wf_stack_depth(co[i]), 4096);
	for (int i = 0; i < N; i++) /* and they are as good as others */
		cr_assert_eq(wf_co_take(&pool, 2, &co[i]), 0);
	cr_assert_eq(wf_co_take(&pool, 2, &co[0]), -EAGAIN);
	wf_stacks_fini();
}

static void seen(struct wf_co *co, void *n)
{
	*(int *)n += co != NULL;
}

Test(stack, the_cursor_finds_all_that_ever_were)
{
	struct wf_pool pool = {.max = WF_POOL_MAX};
	struct wf_stack_cursor at = {0};
	struct wf_co *co[200];
	int n = 0;

	open_stacks(1000, false);
	cr_assert_null(wf_stacks_next(&at));
	for (int i = 0; i < 200; i++)
		cr_assert_eq(wf_co_take(&pool, (unsigned)i % 3, &co[i]), 0);
	wf_co_give(&pool, co[3]);
	for (struct wf_co *next; (next = wf_stacks_next(&at));)
		seen(next, &n);
	cr_assert_eq(n, 200);
	cr_assert_null(wf_stacks_next(&at));
	wf_stacks_fini();
}

static uint32_t released, claimed;

static void *claims(void *co)
{
	bool won = wf_co_claim(co, 7 << 8 | WF_WAIT_SLEEP);

	/* 1 before the release: it did not wait */
	wf_atomic_store_seq(&claimed, won ? 1 + wf_atomic_load_seq(&released) : 9);
	return NULL;
}

Test(stack, a_held_coroutine_is_claimed_after_its_release)
{
	const uint64_t word = 7 << 8 | WF_WAIT_SLEEP;
	struct wf_co co = {.park = word};
	pthread_t t;

	cr_assert(!wf_co_hold(&co, word + (1 << 8)));
	cr_assert(wf_co_hold(&co, word));
	cr_assert(!wf_co_hold(&co, word));
	cr_assert(!wf_co_claim(&co, word + (1 << 8))); /* another park: at once */
	pthread_create(&t, NULL, claims, &co);
	usleep(20000);
	cr_assert_eq(wf_atomic_load_seq(&claimed), 0);
	wf_atomic_store_seq(&released, 1u);
	wf_co_release(&co, word);
	pthread_join(t, NULL);
	cr_assert_eq(claimed, 2);
	cr_assert_eq(co.park, 7 << 8);
}
