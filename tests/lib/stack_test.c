/* SPDX-License-Identifier: MIT */
/* What stacks cost: limits, trimming, high-water marks, a hundred thousand of them. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"
#include "sched/base/sys.h"
#include "sched/co/fiber.h"
#include "sched/co/stack.h"

#undef errno

/* Each level writes half a page, and lends it to the next: so no compiler makes a loop of it. */
static __attribute__((noinline)) int level(unsigned left, volatile char *above)
{
	volatile char frame[2048];

	for (size_t i = 0; i < sizeof(frame); i += 64)
		frame[i] = (char)(above[i] + 1);
	return left ? level(left - 1, frame) - frame[64] + frame[128] : 0;
}

static int deep(unsigned levels)
{
	volatile char frame[2048] = {0};

	return level(levels, frame);
}

static size_t my_depth(void)
{
	return wf_stack_depth(wf_co_from_handle(weft_self()));
}

/* ---- trimming ---- */

enum { DEEP = 40, DEEP_BYTES = DEEP * 2048 };

struct cold {
	int how, fd[2];
	struct weft_co *co, *other;
	weft_time until;
	atomic_bool ready;
	struct weft_mutex *held;
};

static int ends_late(void *arg)
{
	struct cold *c = arg;

	return weft_sleep_until(c->until);
}

static int park(struct cold *c)
{
	char byte = 0;

	switch (c->how) {
	case 0:
		return weft_sleep_until(c->until);
	case 1:
		return weft_recv(c->fd[0], &byte, 1, 0) == 1 && byte == 'x' ? 0 : -1;
	case 2:
		return weft_read(c->fd[0], &byte, 1) == 1 && byte == 'x' ? 0 : -1;
	case 3:
		return weft_join(c->other, NULL);
	default:
		return weft_mutex_lock(c->held) || weft_mutex_unlock(c->held);
	}
}

/* Goes deep once, then parks with data in the part of its stack that stays in use. */
static int goes_cold(void *arg)
{
	struct cold *c = arg;
	volatile unsigned char kept[3000];

	for (size_t i = 0; i < sizeof(kept); i++)
		kept[i] = (unsigned char)(i * 7);
	CHECK_EQ(deep(DEEP), 0);
	CHECK(my_depth() > DEEP_BYTES);
	c->ready = true;
	CHECK_EQ(park(c), 0);
	for (size_t i = 0; i < sizeof(kept); i++)
		CHECK_EQ(kept[i], (unsigned char)(i * 7));
	CHECK(my_depth() < DEEP_BYTES / 4); /* and it was trimmed meanwhile */
	CHECK_EQ(deep(DEEP), 0);            /* the stack is as good as before */
	return 0;
}

/* Until co's stack holds no more than what is in use. */
static int await_trim(const struct cold *c)
{
	for (int i = 0; i < 1000; i++) {
		if (c->ready && wf_stack_depth(wf_co_from_handle(c->co)) < DEEP_BYTES / 4)
			return 0;
		CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	}
	return -ETIMEDOUT;
}

static int cold_in_each_way(void *arg)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .stack_size = 256 << 10};
	struct weft_mutex held = {0};
	struct cold c[5] = {0};

	(void)arg;
	CHECK_EQ(weft_mutex_lock(&held), 0);
	for (int how = 0; how < 5; how++) {
		c[how].how = how;
		c[how].held = &held;
		c[how].until = weft_now() + 2 * WEFT_SEC;
		if (how == 1)
			CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, c[how].fd), 0);
		if (how == 1)
			CHECK_EQ(weft_fd_adopt(c[how].fd[0]), 0);
		if (how == 2)
			CHECK_EQ(pipe(c[how].fd), 0);
		if (how == 3)
			CHECK_EQ(weft_spawn(ends_late, &c[how], NULL, &c[how].other), 0);
		CHECK_EQ(weft_spawn(goes_cold, &c[how], &attr, &c[how].co), 0);
	}
	for (int how = 0; how < 5; how++)
		CHECK_EQ(await_trim(&c[how]), 0);
	CHECK_EQ(write(c[1].fd[1], "x", 1), 1);
	CHECK_EQ(write(c[2].fd[1], "x", 1), 1);
	CHECK_EQ(weft_mutex_unlock(&held), 0);
	for (int how = 0; how < 5; how++)
		JOIN(c[how].co, 0);
	for (int how = 1; how <= 2; how++) {
		CHECK_EQ(weft_close(c[how].fd[0]), 0);
		close(c[how].fd[1]);
	}
	return 0;
}

static void run_trimming(unsigned workers, long ms, int (*fn)(void *))
{
	struct weft_options o = {
		.size = sizeof(o), .workers = workers, .stack_trim_ms = (int)ms};

	cr_assert_eq(weft_run(fn, NULL, &o), 0);
}

Test(stack, cold_stacks_keep_only_what_is_in_use, .timeout = 60)
{
	run_trimming(1, 10, cold_in_each_way);
	run_trimming(2, 10, cold_in_each_way);
}

static int ends_deep(void *arg)
{
	*(struct wf_co **)arg = wf_co_from_handle(weft_self());
	return deep(DEEP);
}

/* Each spawn may take the stack of the one before, so all run before any ends. */
static int pooled(void *arg)
{
	enum { N = 50 };
	struct weft_co *co[N];
	struct wf_co *object[N];

	(void)arg;
	for (int i = 0; i < N; i++)
		CHECK_EQ(weft_spawn(ends_deep, &object[i],
				    &(struct weft_co_attr){
					    .size = sizeof(struct weft_co_attr),
					    .stack_size = 256 << 10},
				    &co[i]),
			 0);
	for (int i = 0; i < N; i++)
		JOIN(co[i], 0);
	for (int i = 0; i < N; i++)
		for (int j = 0; wf_stack_depth(object[i]) > 4096; j++) {
			CHECK(j < 1000);
			CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
		}
	return 0;
}

Test(stack, unused_stacks_are_trimmed, .timeout = 60)
{
	run_trimming(1, 10, pooled);
}

/* Sleepers that are woken, cancelled and trimmed all at once. */
static int restless(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg * 2654435761u + 1;

	for (int i = 0; i < 60; i++) {
		volatile unsigned char kept[1500];
		seed = seed * 1664525 + 1013904223;
		for (size_t j = 0; j < sizeof(kept); j++)
			kept[j] = (unsigned char)(j + seed);
		deep(seed >> 28);
		int rc = weft_sleep_ns((seed >> 12) % 8000 * WEFT_US);
		for (size_t j = 0; j < sizeof(kept); j++)
			CHECK_EQ(kept[j], (unsigned char)(j + seed));
		if (rc == -ECANCELED)
			return 0;
		CHECK_EQ(rc, 0);
	}
	return 0;
}

static int crowd(void *arg)
{
	struct weft_stats s = {.size = sizeof(s)};
	struct weft_co *co[200];

	(void)arg;
	for (int i = 0; i < 200; i++)
		CHECK_EQ(weft_spawn(restless, (void *)(uintptr_t)i, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(100 * WEFT_MS), 0);
	for (int i = 0; i < 200; i += 2) {
		CHECK_EQ(weft_cancel(co[i]), 0);
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	}
	for (int i = 0; i < 200; i++)
		JOIN(co[i], 0);
	CHECK_EQ(weft_stats(&s), 0);
	CHECK(s.trimmed > 0);
	return 0;
}

Test(stack, trimming_disturbs_nobody, .timeout = 60)
{
	run_trimming(1, 1, crowd);
	run_trimming(3, 1, crowd);
}

/* Who wakes a coroutine on another worker while its stack is trimmed waits so long. */

static struct {
	struct wf_sys real;
	struct wf_co *_Atomic victim;
	atomic_bool trimming, done, ran, ran_too_early;
} race;

static int slow_madvise(void *addr, size_t len, int advice)
{
	struct wf_co *co = race.victim;

	if (co && advice == MADV_DONTNEED && addr == wf_stack_bottom(co)) {
		race.trimming = true;
		usleep(50000);
		if (!race.done)
			race.ran_too_early = race.ran;
		race.done = true;
	}
	return race.real.madvise(addr, len, advice);
}

static int is_woken(void *arg)
{
	(void)arg;
	race.victim = wf_co_from_handle(weft_self());
	int rc = weft_sleep_ns(WEFT_NEVER);
	race.ran = true;
	return rc;
}

static int wakes_it(void *co)
{
	while (!race.trimming)
		CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN((struct weft_co *)co, -ECANCELED);
	return 0;
}

static int wake_meanwhile(void *arg)
{
	struct weft_co_attr at[2] = {{.size = sizeof(at[0]), .worker = 1},
				     {.size = sizeof(at[0]), .worker = 2}};
	struct weft_co *co, *waker;

	(void)arg;
	CHECK_EQ(weft_spawn(is_woken, NULL, &at[0], &co), 0);
	CHECK_EQ(weft_spawn(wakes_it, co, &at[1], &waker), 0);
	JOIN(waker, 0);
	while (!race.done)
		CHECK_EQ(weft_sleep_ns(WEFT_MS), 0);
	CHECK(race.ran && !race.ran_too_early);
	return 0;
}

Test(stack, nobody_runs_on_a_stack_that_is_being_trimmed)
{
	race.real = wf_sys;
	wf_sys.madvise = slow_madvise;
	run_trimming(2, 5, wake_meanwhile);
	wf_sys = race.real;
}

/* After two walks over what does not change there is no third. */
static int rests(void *arg)
{
	struct weft_stats before = {.size = sizeof(before)}, after = before;

	(void)arg;
	CHECK_EQ(weft_sleep_ns(200 * WEFT_MS), 0);
	CHECK_EQ(weft_stats(&before), 0);
	CHECK_EQ(weft_sleep_ns(500 * WEFT_MS), 0);
	CHECK_EQ(weft_stats(&after), 0);
	CHECK(after.enters - before.enters < 50); /* every 1 ms: 500 */
	return 0;
}

Test(stack, trimming_lets_an_idle_runtime_sleep)
{
	if (wf_on_valgrind())
		cr_skip_test("the ring is waited for in another way there");
	run_trimming(1, 1, rests);
}

/* ---- limits ---- */

static atomic_int n_ran;

static int waits(void *arg)
{
	struct cold *c = arg;

	n_ran++;
	return weft_sleep_until(c->until) ? -1 : 7;
}

/* The guards use up the mappings: spawn says so, the application has some left, and
 * everything that was spawned runs and is joined. */
static int mappings_end(void *arg)
{
	enum { MOST = 40000 };
	struct weft_co **co = calloc(MOST, sizeof(*co));
	struct cold c = {.until = weft_now() + WEFT_SEC};
	int n = 0, rc = 0;

	(void)arg;
	CHECK(co != NULL);
	n_ran = 0;
	while (n < MOST && !(rc = weft_spawn(waits, &c, NULL, &co[n])))
		n++;
	CHECK_EQ(rc, -ENOMEM);
	CHECK(strstr(weft_stack_refusal(), "vm.max_map_count"));
	CHECK(n > 10000);
	for (int i = 0; i < 100; i++) { /* of two kinds, so they do not melt into one */
		void *p = mmap(NULL, 4096, i & 1 ? PROT_READ : PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
	}
	for (int i = 0; i < n; i++)
		JOIN(co[i], 7);
	CHECK_EQ(n_ran, n);
	CHECK_EQ(weft_spawn(waits, &c, NULL, &co[0]), 0);
	JOIN(co[0], 7);
	free(co);
	return 0;
}

Test(stack, the_end_of_mappings_is_told_and_loses_nothing, .timeout = 60)
{
	struct weft_options o = {
		.size = sizeof(o), .workers = 1, .disable = "GUARD_INSTALL"};
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	long most = 0;

	cr_assert(f && fscanf(f, "%ld", &most) == 1);
	fclose(f);
	if (most > 80000 || wf_on_valgrind())
		cr_skip_test("vm.max_map_count is too high to come to its end here");
	cr_assert_eq(weft_run(mappings_end, NULL, &o), 0);
}

static int memory_ends(void *arg)
{
	struct weft_co_attr big = {.size = sizeof(big), .stack_size = 1 << 20};
	struct weft_co *co[16];
	struct cold c = {.until = weft_now() + 50 * WEFT_MS};
	int n = 0, rc = 0;

	(void)arg;
	CHECK(!strcmp(weft_stack_refusal(), ""));
	while (n < 16 && !(rc = weft_spawn(waits, &c, &big, &co[n])))
		n++;
	CHECK_EQ(rc, -EAGAIN);
	CHECK_EQ(n, 3); /* of 1 MiB, beside our own 64 KiB, in 4 MiB */
	CHECK(strstr(weft_stack_refusal(), "WEFT_STACK_MEMORY_MIB"));
	for (int i = 0; i < n; i++)
		JOIN(co[i], 7);
	CHECK_EQ(weft_spawn(waits, &c, &big, &co[0]), 0);
	JOIN(co[0], 7);
	return 0;
}

Test(stack, the_limit_on_memory_is_an_error_and_then_passes)
{
	struct weft_options o = {.size = sizeof(o), .workers = 1, .stack_memory_mib = 4};

	cr_assert_eq(weft_run(memory_ends, NULL, &o), 0);
}

static int fills(void *arg)
{
	size_t size = *(size_t *)arg;

	return deep((unsigned)((size - 12288) / 2 / 2048));
}

static int sizes(void *arg)
{
	(void)arg;
	for (size_t size = 16 << 10; size <= 8 << 20; size *= 2) {
		struct weft_co_attr attr = {.size = sizeof(attr), .stack_size = size};
		struct weft_co *co;

		CHECK_EQ(weft_spawn(fills, &size, &attr, &co), 0);
		JOIN(co, 0);
	}
	return 0;
}

Test(stack, there_are_sizes_from_16_kib_to_8_mib)
{
	RUN_ON(1, sizes);
}

/* ---- high-water marks ---- */

static int shallow(void *arg)
{
	(void)arg;
	return weft_yield();
}

static int goes_deep(void *arg)
{
	(void)arg;
	return deep(DEEP);
}

static int deep_and_waits(void *arg)
{
	struct cold *c = arg;

	deep(DEEP / 2);
	c->ready = true;
	return weft_sleep_until(c->until);
}

static const struct weft_stack_use *use_of(const struct weft_stack_use *rows, int n,
					   int (*fn)(void *))
{
	for (int i = 0; i < n; i++)
		if (rows[i].fn == fn)
			return &rows[i];
	return NULL;
}

static int marks(void *arg)
{
	struct weft_stack_use row[16];
	struct cold c = {.until = weft_now() + WEFT_SEC / 2};
	struct weft_co *co, *waiter;

	(void)arg;
	CHECK_EQ(weft_spawn(deep_and_waits, &c, NULL, &waiter), 0);
	for (int i = 0; i < 20; i++) { /* they take turns on the same stack */
		CHECK_EQ(weft_spawn(i & 1 ? goes_deep : shallow, NULL, NULL, &co), 0);
		JOIN(co, 0);
	}
	while (!c.ready)
		CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_stack_stats(NULL, 0), 4); /* and main */
	CHECK_EQ(weft_stack_stats(row, 16), 4);
	for (int i = 1; i < 4; i++)
		CHECK(row[i - 1].deepest >= row[i].deepest);
	const struct weft_stack_use *u = use_of(row, 4, shallow);
	CHECK(u && u->ended == 10 && u->deepest <= 8192 && u->stack_bytes == 256 << 10);
	size_t little = u->deepest;
	u = use_of(row, 4, goes_deep);
	CHECK(u && u->ended == 10 && u->deepest > DEEP_BYTES);
	u = use_of(row, 4, deep_and_waits); /* alive */
	CHECK(u && u->ended == 0 && u->deepest > DEEP_BYTES / 2);
	CHECK(little < u->deepest);
	JOIN(waiter, 0);
	return 0;
}

Test(stack, high_water_marks_are_kept_by_function)
{
	struct weft_options o = {
		.size = sizeof(o), .workers = 1, .stack_kib = 256, .stack_stats = 1};
	struct weft_stack_use row;

	cr_assert_eq(weft_run(marks, NULL, &o), 0);
	cr_assert_eq(weft_stack_stats(&row, 1), 4); /* still there */
	cr_assert_gt(row.deepest, DEEP_BYTES);
	RUN_ON(1, shallow);
	cr_assert_eq(weft_stack_stats(&row, 1), -ENODATA);
}

/* ---- what a parked one costs ---- */

static long memory_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kib, sum = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1 ||
		    sscanf(line, "VmPTE: %ld", &kib) == 1)
			sum += kib;
	if (f)
		fclose(f);
	return sum;
}

static int hundred_thousand(void *arg)
{
	enum { N = 100000 };
	struct cold c = {.until = weft_now() + 3600 * WEFT_SEC};
	long before = memory_kib();

	(void)arg;
	n_ran = 0;
	for (int i = 0; i < N; i++) {
		CHECK_EQ(weft_spawn(waits, &c, NULL, NULL), 0);
		if (i % 256 == 0)
			CHECK_EQ(weft_yield(), 0);
	}
	while (n_ran < N)
		CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_yield(), 0);
	CHECK((memory_kib() - before) * 1024 <= (long)(4.3 * 1024) * N);
	return 0;
}

#if defined(WF_ASAN) || defined(WF_TSAN)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Page and page table: a sanitizer adds memory of its own, and without MADV_GUARD_INSTALL
 * there cannot be so many. */
Test(stack, a_parked_coroutine_costs_4300_bytes, .timeout = 60)
{
	const char *name;
	bool on = false;

	RUN_ON(1, shallow);
	for (unsigned i = 0; !weft_feature(i, &name, &on, NULL); i++)
		if (!strcmp(name, "GUARD_INSTALL"))
			break;
	if (!on || SANITIZED || wf_on_valgrind())
		cr_skip_test("there cannot be so many here, or they cost more");
	RUN_ON(1, hundred_thousand);
}
