/* SPDX-License-Identifier: MIT */
/* The table of how deep stacks went. */
#include <criterion/criterion.h>

#include "sched/co/depth.h"

static struct wf_depth rows[WF_DEPTHS_MAX];

static int (*function(uintptr_t i))(void *)
{
	return (int (*)(void *))(0x1000 + 16 * i);
}

static const struct wf_depth *row_of(int (*fn)(void *), size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].fn == fn)
			return &rows[i];
	return NULL;
}

Test(depth, each_function_has_its_row)
{
	wf_depths_clear();
	cr_assert_eq(wf_depths_copy(rows, WF_DEPTHS_MAX), 0);
	wf_depth_note(function(1), 65536, 8192, 1);
	wf_depth_note(function(1), 32768, 12288, 0);
	wf_depth_note(function(2), 16384, 4096, 1);
	wf_depth_note(function(1), 65536, 4096, 1);
	cr_assert_eq(wf_depths_copy(rows, WF_DEPTHS_MAX), 2);
	const struct wf_depth *one = row_of(function(1), 2),
			      *two = row_of(function(2), 2);
	cr_assert(one && two);
	cr_assert(one->ended == 2 && one->deepest == 12288 && one->stack == 65536);
	cr_assert(two->ended == 1 && two->deepest == 4096 && two->stack == 16384);
	cr_assert_eq(wf_depths_copy(rows, 1), 2); /* as many as fit; all are counted */
	wf_depth_note(NULL, 16384, 4096, 1);      /* not yet told what to run */
	cr_assert_eq(wf_depths_copy(rows, 0), 2);
}

Test(depth, those_beyond_the_table_share_a_row)
{
	wf_depths_clear();
	for (uintptr_t i = 0; i < WF_DEPTHS_MAX + 100; i++)
		wf_depth_note(function(i), 16384, 4096 + i * 4096, 1);
	cr_assert_eq(wf_depths_copy(rows, WF_DEPTHS_MAX), WF_DEPTHS_MAX);
	uint64_t ended = 0;
	for (int i = 0; i < WF_DEPTHS_MAX; i++) {
		ended += rows[i].ended;
		if (rows[i].fn)
			cr_assert_eq(rows[i].ended, 1);
	}
	cr_assert_eq(ended, WF_DEPTHS_MAX + 100);
	const struct wf_depth *others = row_of(NULL, WF_DEPTHS_MAX);
	cr_assert(others && others->ended == 101);
	cr_assert_eq(others->deepest, 4096 + (WF_DEPTHS_MAX + 99) * 4096);
}
