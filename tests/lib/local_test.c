/* SPDX-License-Identifier: MIT */
/* What belongs to a coroutine: local values, cleanups, the context. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"

static atomic_int destroyed;
static unsigned keys[3];
static int order[8], n_order;

static void destroys(void *value)
{
	order[n_order++] = (int)(intptr_t)value;
	atomic_fetch_add(&destroyed, 1);
}

/* It sets another value, as code does that logs while it cleans up. */
static void sets_anew(void *value)
{
	order[n_order++] = (int)(intptr_t)value;
	if ((intptr_t)value < 100)
		weft_local_set(keys[0], (void *)((intptr_t)value + 100));
	weft_yield(); /* and may park */
}

static int has_values(void *arg)
{
	CHECK(!weft_local_get(keys[0]));
	CHECK_EQ(weft_local_set(keys[0], arg), 0);
	CHECK_EQ(weft_local_set(keys[1], (void *)((intptr_t)arg + 1)), 0);
	CHECK_EQ(weft_local_set(keys[2], (void *)((intptr_t)arg + 2)), 0);
	for (int i = 0; i < 10; i++) {
		weft_yield();
		CHECK(weft_local_get(keys[0]) == arg);
	}
	return 0;
}

static int each_has_its_own(void *arg)
{
	const struct weft_co_attr in_turn = {.size = sizeof(in_turn),
					     .place = WEFT_CO_ALL_IN_TURN};
	struct weft_co *co[20];

	(void)arg;
	CHECK_EQ(weft_local_key_new(NULL, &keys[0]), 0);
	CHECK_EQ(weft_local_key_new(NULL, &keys[1]), 0);
	CHECK_EQ(weft_local_key_new(NULL, &keys[2]), 0);
	for (intptr_t i = 0; i < 20; i++)
		CHECK_EQ(weft_spawn(has_values, (void *)(10 * i + 10), &in_turn, &co[i]),
			 0);
	for (int i = 0; i < 20; i++)
		JOIN(co[i], 0);
	CHECK(!weft_local_get(keys[0]));
	return 0;
}

Test(local, each_has_its_own)
{
	RUN_ON(2, each_has_its_own);
}

static int newest_key_first_and_again(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_local_key_new(destroys, &keys[0]), 0);
	CHECK_EQ(weft_local_key_new(NULL, &keys[1]), 0);
	CHECK_EQ(weft_local_key_new(sets_anew, &keys[2]), 0);
	CHECK_EQ(weft_spawn(has_values, (void *)10, NULL, &co), 0);
	JOIN(co, 0);
	CHECK_EQ(n_order, 2);
	CHECK_EQ(order[0], 12);
	CHECK_EQ(order[1], 112); /* set anew, instead of 10 */
	return 0;
}

Test(local, newest_key_first_and_again)
{
	RUN_ON(1, newest_key_first_and_again);
}

static int keys_end(void *arg)
{
	unsigned key;
	int rc, n = 0;

	(void)arg;
	while ((rc = weft_local_key_new(NULL, &key)) == 0)
		n++;
	CHECK_EQ(rc, -EAGAIN);
	CHECK_EQ(n, WEFT_LOCAL_MAX);
	CHECK_EQ(weft_local_set(WEFT_LOCAL_MAX, NULL), -EINVAL);
	CHECK(!weft_local_get(WEFT_LOCAL_MAX));
	return 0;
}

Test(local, keys_end)
{
	unsigned key;

	cr_assert_eq(weft_local_set(0, NULL), -EPERM);
	cr_assert_eq(weft_local_get(0), NULL);
	cr_assert_eq(weft_at_end(destroys, NULL), -EPERM);
	RUN_ON(1, keys_end);
	cr_assert_eq(weft_local_key_new(NULL, &key), -EAGAIN);
}

/* Cleanups. */

static int cleans_up(void *arg)
{
	CHECK_EQ(weft_at_end(NULL, NULL), -EINVAL);
	CHECK_EQ(weft_at_end(destroys, (void *)1), 0);
	CHECK_EQ(weft_at_end(destroys, (void *)2), 0);
	return arg ? weft_sleep_ns(100 * WEFT_SEC) : 0;
}

static int also_when_cancelled(void *arg)
{
	struct weft_co *co;

	CHECK_EQ(weft_spawn(cleans_up, NULL, NULL, &co), 0);
	JOIN(co, 0);
	CHECK_EQ(weft_spawn(cleans_up, "", NULL, &co), 0);
	weft_yield();
	CHECK_EQ(n_order, 2);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, -ECANCELED);
	CHECK_EQ(n_order, 4);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(order[i], i % 2 ? 1 : 2); /* the latest first */
	(void)arg;
	return 0;
}

Test(local, cleanups_also_when_cancelled)
{
	RUN_ON(1, also_when_cancelled);
}

static void adds(void *arg)
{
	*(int *)arg += 1;
}

static int returns_early(int *n, bool early)
{
	weft_defer_scoped(first, adds, n);
	if (early)
		return *n;
	weft_defer_scoped(second, adds, n);
	weft_defer_scoped(third, adds, n);
	weft_defer_drop(&third);
	return *n;
}

Test(local, at_the_end_of_a_block)
{
	int n = 0;

	cr_assert_eq(returns_early(&n, true), 0);
	cr_assert_eq(n, 1);
	cr_assert_eq(returns_early(&n, false), 1);
	cr_assert_eq(n, 3);
}

/* Contexts. */

static atomic_int seen;

static int looks(void *arg)
{
	const struct weft_context *c = weft_context();

	CHECK(!strcmp(weft_context_name(c), "request"));
	CHECK_EQ(weft_context_trace_id(c)[15], 7);
	atomic_fetch_add(&seen, 1);
	if (arg)
		CHECK_EQ(weft_spawn(looks, NULL, NULL, NULL), 0);
	return 0;
}

static int children_inherit_it(void *arg)
{
	const uint8_t id[16] = {[15] = 7};
	const struct weft_context_attr a = {
		.size = sizeof(a), .name = "request", .trace_id = id};
	const struct weft_context_attr inner = {.size = sizeof(inner), .name = "inner"};
	struct weft_context *c, *d;
	struct weft_context_scope s, t;

	(void)arg;
	CHECK(!weft_context());
	CHECK_EQ(weft_context_new(NULL, &a, &c), 0);
	CHECK_EQ(weft_context_enter(&s, c), 0);
	CHECK_EQ(weft_spawn(looks, "", NULL, NULL), 0);
	CHECK_EQ(weft_context_new(c, &inner, &d), 0);
	CHECK_EQ(weft_context_enter(&t, d), 0);
	CHECK(!strcmp(weft_context_name(weft_context()), "inner"));
	CHECK_EQ(weft_context_trace_id(weft_context())[15], 7); /* its parent's */
	weft_context_put(d);
	CHECK_EQ(weft_context_leave(&t), 0);
	CHECK(weft_context() == c);
	weft_context_put(c); /* the children have it */
	CHECK_EQ(weft_context_leave(&s), 0);
	CHECK(!weft_context());
	while (atomic_load(&seen) < 2)
		weft_yield();
	return 0;
}

Test(local, children_inherit_the_context)
{
	RUN_ON(2, children_inherit_it);
}

static int is_late(void *arg)
{
	(void)arg;
	CHECK_EQ(weft_sleep_ns(100 * WEFT_SEC), -ETIMEDOUT);
	return 0;
}

static int its_deadline_bounds_children(void *arg)
{
	struct weft_context_attr a = {.size = sizeof(a)};
	struct weft_context_scope s;
	struct weft_context *c;
	struct weft_co *co;

	(void)arg;
	a.deadline = weft_now() + 10 * WEFT_MS;
	CHECK_EQ(weft_context_new(NULL, &a, &c), 0);
	CHECK_EQ(weft_context_enter(&s, c), 0);
	CHECK_EQ(weft_context_deadline(weft_context()), a.deadline);
	CHECK_EQ(weft_spawn(is_late, NULL, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(100 * WEFT_SEC), -ETIMEDOUT);
	CHECK_EQ(weft_context_leave(&s), 0);
	weft_context_put(c);
	JOIN(co, 0);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}

Test(local, its_deadline_bounds_children)
{
	RUN_ON(1, its_deadline_bounds_children);
}

Test(local, contexts_need_a_coroutine)
{
	struct weft_context_scope s;
	struct weft_context *c;

	cr_assert_eq(weft_context_new(NULL, NULL, &c), 0);
	cr_assert_eq(weft_context_enter(&s, c), -EPERM);
	cr_assert_eq(weft_context_leave(&s), -EPERM);
	cr_assert_eq(weft_context_deadline(c), WEFT_NEVER);
	cr_assert_eq(weft_context(), NULL);
	cr_assert(!strcmp(weft_context_name(NULL), ""));
	weft_context_put(c);
	weft_context_put(NULL);
}
