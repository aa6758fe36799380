/* SPDX-License-Identifier: MIT */
/* Pages of a node: the kernel is asked as it wants to be, and says that they lie there. */
#include <criterion/criterion.h>
#include <numaif.h>
#include <sys/mman.h>

#include "sched/base/sys.h"
#include "sched/place/place.h"

enum { PAGE = 4096, PAGES = 8 };

static void *fresh(void)
{
	void *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

/* The policy of an address, or the default one if the kernel has none. */
static int policy_of(void *addr, unsigned long *nodes)
{
	int mode = MPOL_DEFAULT;

	*nodes = 0;
	if (get_mempolicy(&mode, nodes, 64, addr, MPOL_F_ADDR))
		cr_skip_test("no memory policies here");
	return mode;
}

Test(mem, pages_lie_on_the_node)
{
	unsigned char *p = fresh();
	void *page[PAGES];
	int status[PAGES];
	unsigned long nodes;

	wf_mem_prefer(p, PAGES * PAGE, 0);
	cr_assert_eq(policy_of(p, &nodes), MPOL_PREFERRED);
	cr_assert_eq(nodes, 1);
	for (unsigned i = 0; i < PAGES; i++) {
		page[i] = p + i * PAGE;
		p[i * PAGE] = 1;
	}
	cr_assert_eq(move_pages(0, PAGES, page, NULL, status, 0), 0);
	for (unsigned i = 0; i < PAGES; i++)
		cr_assert_eq(status[i], 0, "page %u: %d", i, status[i]);
}

Test(mem, no_other_pages_are_meant)
{
	unsigned char *p = fresh();
	unsigned long nodes;

	wf_mem_prefer(p + PAGE, PAGE, 0);
	cr_assert_eq(policy_of(p, &nodes), MPOL_DEFAULT);
	cr_assert_eq(policy_of(p + PAGE, &nodes), MPOL_PREFERRED);
	cr_assert_eq(policy_of(p + 2 * PAGE, &nodes), MPOL_DEFAULT);
}

Test(mem, no_node_is_no_wish)
{
	static const int none[] = {-1, 1024, 1 << 30};
	unsigned char *p = fresh();
	unsigned long nodes;

	for (unsigned i = 0; i < 3; i++)
		wf_mem_prefer(p, PAGE, none[i]);
	cr_assert_eq(policy_of(p, &nodes), MPOL_DEFAULT);
}

/* A node that is not there, or has no memory, costs locality and nothing else. */
Test(mem, a_refusal_does_no_harm)
{
	unsigned char *p = fresh();
	unsigned long nodes;

	wf_mem_prefer(p, PAGE, 1023);
	cr_assert_eq(policy_of(p, &nodes), MPOL_DEFAULT);
	*p = 1;
}

static unsigned long asked[16];

static int ask(void *addr, size_t len, int mode, const unsigned long *nodes,
	       unsigned long max)
{
	(void)addr;
	(void)len;
	cr_assert_eq(mode, MPOL_PREFERRED);
	cr_assert_eq(max, 1025); /* the kernel looks at one bit less */
	for (unsigned i = 0; i < 16; i++)
		asked[i] = nodes[i];
	return 0;
}

Test(mem, any_node_has_its_bit)
{
	static const int node[] = {0, 3, 63, 64, 1023};

	wf_sys.mbind = ask;
	for (unsigned i = 0; i < 5; i++) {
		wf_mem_prefer(asked, sizeof(asked), node[i]);
		for (int k = 0; k < 1024; k++)
			cr_assert_eq(asked[k / 64] >> k % 64 & 1, k == node[i]);
	}
}
