/* SPDX-License-Identifier: MIT */
/* WEFT_CO_FORK: trees are walked depth first, by all workers, and nobody waits for ever. */
#include "../check.h"

static const struct weft_co_attr fork_one = {.size = sizeof(fork_one),
					     .flags = WEFT_CO_FORK};

struct node {
	long size, sum;
};

static int begun, most; /* of nodes that have begun and not ended */

static int grow(void *arg)
{
	struct node *n = arg, child[10];
	struct weft_co *co[10];
	int now = __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);

	/* exact with one worker, which is where it is looked at */
	if (now > __atomic_load_n(&most, __ATOMIC_SEQ_CST))
		__atomic_store_n(&most, now, __ATOMIC_SEQ_CST);
	n->sum = n->size == 1;
	for (int i = 0; n->size > 1 && i < 10; i++) {
		child[i] = (struct node){n->size / 10, 0};
		CHECK_EQ(weft_spawn(grow, &child[i], &fork_one, &co[i]), 0);
	}
	for (int i = 0; n->size > 1 && i < 10; i++) {
		JOIN(co[i], 0);
		n->sum += child[i].sum;
	}
	__atomic_sub_fetch(&begun, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int tree(void *arg)
{
	struct node root = {10000, 0};

	(void)arg;
	CHECK_EQ(grow(&root), 0);
	CHECK_EQ(root.sum, 10000);
	return 0;
}

Test(fork, a_tree_is_walked_depth_first, .timeout = 60)
{
	RUN_ON(1, tree);
	/* five levels deep; every 5 ms an old one begins out of turn */
	cr_assert_lt(most, 500, "%d had begun at once", most);
	RUN_ON(2, tree);
	RUN_ON(4, tree);
}

static int ran;

static int count(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int broad(void *arg)
{
	static struct weft_co *co[3000];

	(void)arg;
	ran = 0;
	for (int i = 0; i < 3000; i++)
		CHECK_EQ(weft_spawn(count, NULL, &fork_one, &co[i]), 0);
	for (int i = 0; i < 3000; i++)
		JOIN(co[i], 0);
	CHECK_EQ(ran, 3000);
	return 0;
}

Test(fork, more_than_fit_the_ring_run_once_each, .timeout = 60)
{
	RUN_ON(1, broad);
	RUN_ON(4, broad);
}

/* Each makes the next, which is younger than all that wait. */
static int chain(void *arg)
{
	(void)arg;
	if (__atomic_load_n(&ran, __ATOMIC_SEQ_CST))
		return 0;
	return weft_spawn(chain, NULL, &fork_one, NULL);
}

static int old_beside_a_chain(void *arg)
{
	struct weft_co *old;

	(void)arg;
	ran = 0;
	CHECK_EQ(weft_spawn(count, NULL, &fork_one, &old), 0);
	CHECK_EQ(weft_spawn(chain, NULL, &fork_one, NULL), 0);
	JOIN(old, 0);
	return 0;
}

Test(fork, the_oldest_is_not_starved_by_younger_ones, .timeout = 30)
{
	RUN_ON(1, old_beside_a_chain);
}

static int hog(void *arg)
{
	struct weft_co *co;

	(void)arg;
	ran = 0;
	CHECK_EQ(weft_spawn(count, NULL, &fork_one, &co), 0);
	while (!__atomic_load_n(&ran, __ATOMIC_SEQ_CST))
		; /* never parks: only a thief can run it */
	JOIN(co, 0);
	return 0;
}

Test(fork, an_idle_worker_takes_it_from_a_hog, .timeout = 30)
{
	RUN_ON(2, hog);
}

static int together(void *arg)
{
	struct weft_co_attr both = fork_one;

	(void)arg;
	both.flags |= WEFT_CO_PINNED;
	CHECK_EQ(weft_spawn(count, NULL, &both, NULL), -EINVAL);
	both.flags = WEFT_CO_FORK | WEFT_CO_SPREAD;
	CHECK_EQ(weft_spawn(count, NULL, &both, NULL), -EINVAL);
	return 0;
}

Test(fork, goes_with_no_other_flag)
{
	RUN_ON(1, together);
}
