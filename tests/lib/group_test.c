/* SPDX-License-Identifier: MIT */
/* Groups: who ends whom, who waits for whom, and what is told. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "../check.h"
#include "sched/run/worker.h"

static atomic_int ended, begun;

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static int yields_and_returns(void *arg)
{
	for (int i = 0; i < 3; i++)
		weft_yield();
	atomic_fetch_add(&ended, 1);
	return (int)(intptr_t)arg;
}

static int sleeps(void *arg)
{
	(void)arg;
	atomic_fetch_add(&begun, 1);
	int rc = weft_sleep_ns(100 * WEFT_SEC);
	atomic_fetch_add(&ended, 1);
	return rc;
}

/* What holds for one worker is tried on one, and on two where members run beside their owner. */
#define BOTH(name)                                                                       \
	Test(group, name, .timeout = 60)                                                 \
	{                                                                                \
		RUN_ON(1, name);                                                         \
		atomic_store(&ended, 0);                                                 \
		atomic_store(&begun, 0);                                                 \
		RUN_ON(2, name);                                                         \
	}

static int spawn_in(struct weft_group *g, int (*fn)(void *), intptr_t arg)
{
	const struct weft_co_attr in_turn = {.size = sizeof(in_turn),
					     .place = WEFT_CO_ALL_IN_TURN};

	return weft_group_spawn(g, fn, (void *)arg, &in_turn, NULL);
}

static int close_waits_for_all(void *arg)
{
	struct weft_group g = {{0}};
	unsigned index = 7;

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(spawn_in(&g, yields_and_returns, i), 0);
	CHECK_EQ(weft_group_close(&g, &index), 0);
	CHECK_EQ(atomic_load(&ended), 100);
	CHECK_EQ(index, UINT_MAX);
	CHECK_EQ(weft_group_running(&g), 0);
	return 0;
}
BOTH(close_waits_for_all)

static int the_first_failure_cancels_the_rest(void *arg)
{
	struct weft_group g = {{0}};
	unsigned index = 7;

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(spawn_in(&g, sleeps, 0), 0);
	CHECK_EQ(spawn_in(&g, yields_and_returns, -EIO), 0);
	CHECK_EQ(weft_sleep_ns(100 * WEFT_SEC), -ECANCELED); /* the owner too */
	CHECK_EQ(spawn_in(&g, returns, 0), -ECANCELED);
	CHECK_EQ(weft_group_close(&g, &index), -EIO);
	CHECK_EQ(index, 40);
	CHECK_EQ(weft_yield(), 0); /* that is over */
	CHECK_EQ(weft_stopped(), 0);
	return 0;
}
BOTH(the_first_failure_cancels_the_rest)

static int collect_lets_them_all_run(void *arg)
{
	const struct weft_group_options o = {.size = sizeof(o),
					     .flags = WEFT_GROUP_COLLECT};
	struct weft_group g = {{0}};
	unsigned index = 7;

	(void)arg;
	CHECK_EQ(weft_group_open(&g, &o), 0);
	CHECK_EQ(spawn_in(&g, returns, -EIO), 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(spawn_in(&g, yields_and_returns, 0), 0);
	CHECK_EQ(weft_group_close(&g, &index), -EIO);
	CHECK_EQ(index, 0);
	CHECK_EQ(atomic_load(&ended), 20);
	return 0;
}
BOTH(collect_lets_them_all_run)

static int the_first_success_wins(void *arg)
{
	const struct weft_group_options o = {.size = sizeof(o),
					     .flags = WEFT_GROUP_FIRST};
	struct weft_group g = {{0}};
	unsigned index = 7;

	(void)arg;
	CHECK_EQ(weft_group_open(&g, &o), 0);
	CHECK_EQ(spawn_in(&g, returns, -EIO), 0);
	CHECK_EQ(spawn_in(&g, sleeps, 0), 0);
	CHECK_EQ(spawn_in(&g, yields_and_returns, 42), 0);
	CHECK_EQ(weft_group_close(&g, &index), 42);
	CHECK_EQ(index, 2);
	CHECK_EQ(weft_group_open(&g, &o), 0); /* again: all fail */
	CHECK_EQ(spawn_in(&g, returns, -EIO), 0);
	CHECK_EQ(spawn_in(&g, returns, -EIO), 0);
	CHECK_EQ(weft_group_close(&g, &index), -EIO);
	CHECK_EQ(index, UINT_MAX);
	return 0;
}
BOTH(the_first_success_wins)

static atomic_int present, most;

static int counts_itself(void *arg)
{
	int now = atomic_fetch_add(&present, 1) + 1, seen = atomic_load(&most);

	(void)arg;
	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		;
	for (int i = 0; i < 5; i++)
		weft_yield();
	atomic_fetch_sub(&present, 1);
	return 0;
}

static int no_more_than_the_limit(void *arg)
{
	const struct weft_group_options o = {.size = sizeof(o), .limit = 3};
	struct weft_group g = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_open(&g, &o), 0);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(spawn_in(&g, counts_itself, 0), 0);
	CHECK_EQ(weft_group_close(&g, NULL), 0);
	CHECK_EQ(atomic_load(&most), 3);
	return 0;
}
BOTH(no_more_than_the_limit)

static int a_full_group_refuses_a_plain_spawn(void *arg)
{
	const struct weft_group_options o = {.size = sizeof(o), .limit = 1};
	struct weft_group g = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_open(&g, &o), 0);
	CHECK_EQ(weft_spawn(sleeps, NULL, NULL, NULL), 0);
	CHECK_EQ(weft_spawn(sleeps, NULL, NULL, NULL), -EAGAIN);
	CHECK_EQ(weft_group_cancel(&g), 0);
	CHECK_EQ(weft_group_close(&g, NULL), -ECANCELED);
	return 0;
}
BOTH(a_full_group_refuses_a_plain_spawn)

static int next_tells_them_as_they_end(void *arg)
{
	const struct weft_group_options o = {.size = sizeof(o),
					     .flags =
						     WEFT_GROUP_KEEP | WEFT_GROUP_COLLECT,
					     .limit = 8};
	struct weft_group g = {{0}};
	bool told[64] = {false};
	unsigned index;
	int status;

	(void)arg;
	CHECK_EQ(weft_group_open(&g, &o), 0);
	for (unsigned spawned = 0, n = 0; n < 64; n++) {
		for (; spawned < 64 && spawned < n + 8; spawned++)
			CHECK_EQ(spawn_in(&g, spawned % 2 ? returns : yields_and_returns,
					  (intptr_t)(100 + spawned)),
				 0);
		CHECK_EQ(weft_group_next(&g, &index, &status), 0);
		CHECK(index < 64 && !told[index]);
		told[index] = true;
		CHECK_EQ(status, 100 + (int)index);
	}
	CHECK_EQ(weft_group_next(&g, NULL, NULL), -ENOENT);
	CHECK_EQ(spawn_in(&g, returns, -EIO), 0); /* nobody asks for this one */
	CHECK_EQ(weft_group_close(&g, &index), -EIO);
	CHECK_EQ(index, 64);
	return 0;
}
BOTH(next_tells_them_as_they_end)

/* Whose group. */

static int spawns_more(void *arg)
{
	for (int i = 0; i < 5; i++)
		CHECK_EQ(weft_spawn(yields_and_returns, NULL, NULL, NULL), 0);
	return (int)(intptr_t)arg;
}

static int children_of_members_are_members(void *arg)
{
	struct weft_group g = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	CHECK_EQ(weft_spawn(spawns_more, NULL, NULL, NULL),
		 0); /* the innermost open one */
	CHECK_EQ(weft_group_spawn(&g, spawns_more, NULL, NULL, NULL), 0);
	CHECK_EQ(weft_group_close(&g, NULL), 0);
	CHECK_EQ(atomic_load(&ended), 10);
	return 0;
}
BOTH(children_of_members_are_members)

static int detached_ones_are_not(void *arg)
{
	struct weft_group g = {{0}};
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	CHECK_EQ(weft_spawn(sleeps, NULL, NULL, &co), 0);
	while (!atomic_load(&begun))
		weft_yield();
	CHECK_EQ(weft_detach(co), 0);
	CHECK_EQ(weft_group_close(&g, NULL), 0);
	CHECK_EQ(atomic_load(&ended), 0);
	return 0;
}
BOTH(detached_ones_are_not)

static int handles_of_members(void *arg)
{
	struct weft_group g = {{0}};
	struct weft_co *a, *b, *c;
	int status;

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	CHECK_EQ(weft_group_spawn(&g, returns, (void *)5, NULL, &a), 0);
	CHECK_EQ(weft_group_spawn(&g, sleeps, NULL, NULL, &b), 0);
	CHECK_EQ(weft_group_spawn(&g, returns, (void *)7, NULL, &c), 0);
	CHECK_EQ(weft_join(a, &status), 0);
	CHECK_EQ(status, 5);
	CHECK_EQ(weft_cancel(b), 0); /* it gives in: no failure */
	CHECK_EQ(weft_join(b, &status), 0);
	CHECK_EQ(status, -ECANCELED);
	CHECK_EQ(weft_group_close(&g, NULL), 0);
	CHECK_EQ(weft_join(c, &status), -ESRCH);
	CHECK_EQ(weft_cancel(c), -ESRCH);
	return 0;
}
BOTH(handles_of_members)

static int groups_nest(void *arg)
{
	struct weft_group outer = {{0}}, inner = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_open(&outer, NULL), 0);
	CHECK_EQ(weft_group_open(&inner, NULL), 0);
	CHECK_EQ(weft_group_spawn(&outer, sleeps, NULL, NULL, NULL), 0);
	CHECK_EQ(weft_spawn(returns, (void *)(intptr_t)-EIO, NULL, NULL), 0);
	CHECK_EQ(weft_group_close(&inner, NULL), -EIO);
	CHECK_EQ(weft_group_running(&outer), 1); /* not touched */
	CHECK_EQ(weft_yield(), 0);
	CHECK_EQ(weft_group_cancel(&outer), 0);
	CHECK_EQ(weft_group_close(&outer, NULL), -ECANCELED);
	return 0;
}
BOTH(groups_nest)

static int owner_with_members(void *arg)
{
	struct weft_group g = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(spawn_in(&g, sleeps, 0), 0);
	while (atomic_load(&begun) < 50)
		weft_yield();
	atomic_fetch_add(&begun, 1);
	CHECK_EQ(weft_group_close(&g, NULL), -ECANCELED);
	CHECK_EQ(atomic_load(&ended), 50);
	return 0;
}

static int cancelling_the_owner_cancels_the_members(void *arg)
{
	struct weft_co *co;

	(void)arg;
	CHECK_EQ(weft_spawn(owner_with_members, NULL, NULL, &co), 0);
	while (atomic_load(&begun) < 51)
		weft_yield();
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	return 0;
}
BOTH(cancelling_the_owner_cancels_the_members)

static int a_deadline_ends_it(void *arg)
{
	struct weft_group_options o = {.size = sizeof(o)};
	struct weft_group g = {{0}};

	(void)arg;
	o.deadline = weft_now() + 20 * WEFT_MS;
	CHECK_EQ(weft_group_open(&g, &o), 0);
	CHECK_EQ(spawn_in(&g, sleeps, 0), 0);
	CHECK_EQ(weft_group_close(&g, NULL), -ETIMEDOUT);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}
BOTH(a_deadline_ends_it)

static int cleans_up(void *arg)
{
	CHECK_EQ(weft_sleep_ns(100 * WEFT_SEC), -ECANCELED);
	{
		weft_shield_scoped(shield, WEFT_NEVER);
		CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
		atomic_fetch_add((atomic_int *)arg, 1);
	}
	return -ECANCELED;
}

static int close_waits_for_cleaning_up(void *arg)
{
	atomic_int cleaned = 0;
	struct weft_group g = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(weft_group_spawn(&g, cleans_up, &cleaned, NULL, NULL), 0);
	CHECK_EQ(weft_group_cancel(&g), 0);
	CHECK_EQ(weft_group_cancel(&g), 0);
	CHECK_EQ(weft_group_close(&g, NULL), -ECANCELED);
	CHECK_EQ(atomic_load(&cleaned), 10);
	return 0;
}
BOTH(close_waits_for_cleaning_up)

static int leaves_early(void *arg)
{
	weft_group_scoped(g);

	(void)arg;
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	CHECK_EQ(spawn_in(&g, sleeps, 0), 0);
	return 0;
}

static int the_blocks_end_cancels(void *arg)
{
	weft_group_scoped(never_opened);

	CHECK_EQ(leaves_early(arg), 0);
	CHECK_EQ(weft_yield(), 0);
	return 0;
}
BOTH(the_blocks_end_cancels)

static int tasks_keep_their_order(void *arg)
{
	struct weft_task t[] = {{yields_and_returns, (void *)10, 0},
				{returns, (void *)11, 0},
				{yields_and_returns, (void *)12, 0}};
	const struct weft_group_options all = {.size = sizeof(all),
					       .flags = WEFT_GROUP_COLLECT};
	const struct weft_group_options keep = {.size = sizeof(keep),
						.flags = WEFT_GROUP_KEEP};
	unsigned index;

	(void)arg;
	CHECK_EQ(weft_gather(t, 3, NULL, &index), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(t[i].status, 10 + i);
	t[1].arg = (void *)(intptr_t)-EIO;
	CHECK_EQ(weft_gather(t, 3, &all, &index), -EIO);
	CHECK_EQ(index, 1);
	CHECK_EQ(t[1].status, -EIO);
	CHECK_EQ(t[2].status, 12);
	CHECK_EQ(weft_gather(t, 3, &keep, NULL), -EINVAL);
	CHECK_EQ(weft_gather(t, 0, NULL, NULL), 0);
	return 0;
}
BOTH(tasks_keep_their_order)

static int where_am_i(void *arg)
{
	const struct wf_co *me = wf_worker_self()->current;

	CHECK_EQ(me->bound, wf_worker_home(wf_worker_self()) + 1);
	if (arg) {
		CHECK_EQ(weft_spawn(where_am_i, NULL, NULL, NULL),
			 0); /* its children too */
		CHECK(!strcmp(weft_name(), "member"));
	}
	return 0;
}

static int a_group_is_bound(void *arg)
{
	const struct weft_co_attr attr = {
		.size = sizeof(attr), .name = "member", .flags = WEFT_CO_BOUND};
	const struct weft_group_options o = {.size = sizeof(o), .attr = &attr};
	struct weft_group g = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_open(&g, &o), 0);
	CHECK_EQ(weft_group_spawn(&g, where_am_i, "", NULL, NULL), 0);
	CHECK_EQ(weft_spawn(where_am_i, "", NULL, NULL), 0);
	CHECK_EQ(weft_group_close(&g, NULL), 0);
	return 0;
}
BOTH(a_group_is_bound)

/* Plain threads. */

Test(group, of_a_plain_thread, .timeout = 60)
{
	const struct weft_group_options o = {.size = sizeof(o),
					     .limit = 4,
					     .flags = WEFT_GROUP_KEEP |
						      WEFT_GROUP_COLLECT};
	struct weft_options two = {.size = sizeof(two), .workers = 2};
	struct weft_group g = {{0}};
	unsigned index, n = 0;
	int status;

	cr_assert_eq(weft_start(&two), 0);
	cr_assert_eq(weft_group_open(&g, &o), 0);
	for (int i = 0; i < 50; i++) {
		while (weft_group_running(&g) + n >= 4 || i - (int)n >= 4) {
			cr_assert_eq(weft_group_next(&g, &index, &status), 0);
			cr_assert_eq(status, (int)index);
			n++;
			if (i - (int)n < 4)
				break;
		}
		cr_assert_eq(spawn_in(&g, returns, i), 0);
	}
	cr_assert_eq(weft_group_close(&g, &index), 0);
	cr_assert_eq(weft_group_open(&g, NULL), 0);
	cr_assert_eq(spawn_in(&g, sleeps, 0), 0);
	cr_assert_eq(weft_group_cancel(&g), 0);
	cr_assert_eq(weft_group_close(&g, &index), -ECANCELED);
	cr_assert_eq(weft_stop(), 0);
}

/* Many at once: joins, cancels, failures and the end of the group, in every order. */

static int joins(void *arg)
{
	int status;
	int rc = weft_join(arg, &status);

	return rc == -ESRCH || rc == -ECANCELED
		       ? 0
		       : rc; /* the group may have been quicker */
}

static int churn(unsigned *seed)
{
	struct weft_group g = {{0}};
	struct weft_co *co[16] = {NULL};
	bool fails = rand_r(seed) % 2;

	CHECK_EQ(weft_group_open(&g, NULL), 0);
	for (int i = 0; i < 16; i++) {
		intptr_t status = fails && rand_r(seed) % 8 == 0 ? -EIO : 0;
		int rc = weft_group_spawn(
			&g, rand_r(seed) % 2 ? returns : yields_and_returns,
			(void *)status, NULL, rand_r(seed) % 2 ? &co[i] : NULL);
		if (rc == 0 && co[i] && rand_r(seed) % 3 == 0)
			rc = weft_group_spawn(&g, joins, co[i], NULL, NULL);
		else if (rc == 0 && co[i] && rand_r(seed) % 3 == 0)
			weft_cancel(co[i]);
		else if (rc == 0 && co[i] && rand_r(seed) % 3 == 0)
			weft_detach(co[i]);
		CHECK(rc == 0 || rc == -ECANCELED);
		if (rand_r(seed) % 4 == 0)
			weft_yield();
	}
	if (rand_r(seed) % 8 == 0)
		weft_group_cancel(&g);
	int rc = weft_group_close(&g, NULL);
	CHECK(rc == 0 || rc == -ECANCELED || (fails && rc == -EIO));
	CHECK_EQ(weft_stopped(), 0);
	return 0;
}

static int churns(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < 2000; i++)
		CHECK_EQ(churn(&seed), 0);
	return 0;
}

static int in_every_order(void *arg)
{
	const struct weft_co_attr in_turn = {.size = sizeof(in_turn),
					     .place = WEFT_CO_ALL_IN_TURN};
	struct weft_co *co[4];

	(void)arg;
	for (uintptr_t i = 0; i < 4; i++)
		CHECK_EQ(weft_spawn(churns, (void *)(i + 1), &in_turn, &co[i]), 0);
	for (int i = 0; i < 4; i++)
		JOIN(co[i], 0);
	return 0;
}

Test(group, in_every_order, .timeout = 100)
{
	RUN_ON(2, in_every_order);
}

/* Bad use. */

static int closes(void *arg)
{
	CHECK_EQ(weft_group_close(arg, NULL), -EPERM); /* it would wait for itself */
	return 0;
}

static int bad_use(void *arg)
{
	struct weft_group_options o = {.size = sizeof(o),
				       .flags = WEFT_GROUP_FIRST | WEFT_GROUP_COLLECT};
	struct weft_group g = {{0}};

	(void)arg;
	CHECK_EQ(weft_group_spawn(&g, returns, NULL, NULL, NULL), -EINVAL);
	CHECK_EQ(weft_group_close(&g, NULL), -EINVAL);
	CHECK_EQ(weft_group_cancel(&g), -EINVAL);
	CHECK_EQ(weft_group_open(&g, &o), -EINVAL);
	o.flags = 1u << 31;
	CHECK_EQ(weft_group_open(&g, &o), -EINVAL);
	CHECK_EQ(weft_group_open(&g, NULL), 0);
	CHECK_EQ(weft_group_open(&g, NULL), -EALREADY);
	CHECK_EQ(weft_group_next(&g, NULL, NULL), -EINVAL);
	CHECK_EQ(weft_group_spawn(&g, NULL, NULL, NULL, NULL), -EINVAL);
	CHECK_EQ(weft_group_spawn(&g, closes, &g, NULL, NULL), 0);
	CHECK_EQ(weft_group_close(&g, NULL), 0);
	CHECK_EQ(weft_group_close(&g, NULL), -EINVAL);
	CHECK_EQ(weft_group_spawn(&g, returns, NULL, NULL, NULL), -ESHUTDOWN);
	return 0;
}
BOTH(bad_use)
