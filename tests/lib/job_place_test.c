/* SPDX-License-Identifier: MIT */
/* Where workers are: apart from the runtime's, on all nodes in turn, near the data. One node here; four in guests. */
#include <linux/mempolicy.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "job_pool.h"
#include "weft/place.h"

enum { MAX_NODES = 64, BYTES = 8192 };

struct where {
	int node, policy, input, unused;
	cpu_set_t cpus;
};

/* Nodes with CPUs for us. */
static int nodes[MAX_NODES], n_nodes;

static void find_nodes(void)
{
	cpu_set_t ours;
	unsigned cpu, node;

	cr_assert_eq(sched_getaffinity(0, sizeof(ours), &ours), 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		cpu_set_t one;
		if (!CPU_ISSET(i, &ours))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
		cr_assert_eq(getcpu(&cpu, &node), 0);
		if (!n_nodes || nodes[n_nodes - 1] != (int)node)
			nodes[n_nodes++] = (int)node;
	}
	cr_assert_eq(sched_setaffinity(0, sizeof(ours), &ours), 0);
}

static bool has_memory(int node)
{
	unsigned long mask[16] = {0};

	mask[node / 64] = 1ul << node % 64;
	void *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	bool has =
		!syscall(SYS_mbind, p, BYTES, MPOL_PREFERRED, mask, sizeof(mask) * 8, 0);
	munmap(p, BYTES);
	return has;
}

static struct where ask(int node, const void *in)
{
	const struct weft_job_attr a = {.size = sizeof(a), .node = node};
	struct where w;

	cr_assert_eq(weft_job_call(pool, "where", in, in ? BYTES : 0, &w, sizeof(w), &a),
		     (ssize_t)sizeof(w));
	return w;
}

/* ---- apart ------------------------------------------------------------------------------ */

static int keeps_apart(void *arg)
{
	struct weft_place at = {.size = sizeof(at)};
	struct where w;

	(void)arg;
	CHECK_EQ(weft_place_get(0, &at), 0);
	CHECK_EQ(weft_job_call(pool, "where", NULL, 0, &w, sizeof(w), NULL),
		 (ssize_t)sizeof(w));
	CHECK(at.cpu >= 0 && !CPU_ISSET(at.cpu, &w.cpus));
	CHECK(CPU_COUNT(&w.cpus) > 0);
	return 0;
}

static int open_apart(void *arg)
{
	struct weft_job_pool_options o = options();

	o.flags = WEFT_JOB_APART;
	CHECK_EQ(weft_job_pool_open(&o, &pool), 0);
	int rc = ((int (*)(void *))arg)(NULL);
	close_pool();
	return rc;
}

/* No CPU is left: then they share. */
static int shares(void *arg)
{
	struct where w;

	(void)arg;
	CHECK_EQ(weft_job_call(pool, "where", NULL, 0, &w, sizeof(w), NULL),
		 (ssize_t)sizeof(w));
	CHECK(CPU_COUNT(&w.cpus) > 0);
	return 0;
}

Test(job_place, workers_keep_apart_from_coroutines, .timeout = 60)
{
	cpu_set_t ours;
	struct weft_options one = {.size = sizeof(one), .workers = 1};

	sched_getaffinity(0, sizeof(ours), &ours);
	cr_assert_eq(weft_run(open_apart, (void *)(intptr_t)shares, NULL), 0);
	if (CPU_COUNT(&ours) < 2)
		cr_skip_test("one CPU: there is no other");
	cr_assert_eq(weft_run(open_apart, (void *)(intptr_t)keeps_apart, &one), 0);
}

/* ---- nodes ------------------------------------------------------------------------------ */

static void open_on_nodes(void)
{
	struct weft_job_pool_options o = options();

	find_nodes();
	o.flags = WEFT_JOB_NODES;
	o.min_workers = o.max_workers = (unsigned)n_nodes;
	open_pool(&o);
}

Test(job_place, jobs_run_where_they_ask_to, .timeout = 60)
{
	open_on_nodes();
	for (int i = 0; i < 4 * n_nodes; i++) {
		int node = nodes[i % n_nodes];
		struct where w = ask(node + 1, NULL);
		cr_assert_eq(w.node, node);
		cr_assert(w.policy == node || !has_memory(node));
	}
	cr_assert_eq(stats().near, 4u * (unsigned)n_nodes);
	cr_assert_eq(stats().far, 0u);
	ask(0, NULL);
	cr_assert_eq(stats().near, 4u * (unsigned)n_nodes);
	close_pool();
}

/* The node is found by the input's pages; the desk's are there too. */
Test(job_place, jobs_run_where_their_data_is, .timeout = 60)
{
	open_on_nodes();
	for (int i = 0; i < n_nodes; i++) {
		unsigned long mask[16] = {0};
		int is = -1;
		if (!has_memory(nodes[i]))
			continue;
		void *in = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mask[nodes[i] / 64] = 1ul << nodes[i] % 64;
		syscall(SYS_mbind, in, BYTES, MPOL_PREFERRED, mask, sizeof(mask) * 8, 0);
		memset(in, 1, BYTES);
		syscall(SYS_get_mempolicy, &is, NULL, 0, in, MPOL_F_NODE | MPOL_F_ADDR);
		struct where w = ask(-1, in);
		munmap(in, BYTES);
		if (is != nodes[i])
			continue; /* none is left there */
		cr_assert_eq(w.node, nodes[i]);
		cr_assert_eq(w.input, nodes[i]);
	}
	close_pool();
}

/* Better elsewhere than later. */
Test(job_place, the_idle_go_before_the_near, .timeout = 60)
{
	const struct weft_job_attr a = {.size = sizeof(a)};
	struct weft_job_attr here = a;
	struct weft_job *hog;

	open_on_nodes();
	here.node = nodes[0] + 1;
	cr_assert_eq(weft_job_submit(pool, "spin", NULL, 0, NULL, 0, &here, &hog), 0);
	if (n_nodes > 1) {
		cr_assert_neq(ask(nodes[0] + 1, NULL).node, nodes[0]);
		cr_assert_eq(stats().far, 1u);
	}
	cr_assert_eq(stats().near, 1u);
	weft_job_cancel(hog);
	cr_assert_eq(weft_job_wait(hog, NULL), 0);
	close_pool();
}

Test(job_place, one_node_or_all)
{
	struct weft_job_pool_options o = options();

	o.node = 1;
	o.flags = WEFT_JOB_NODES;
	cr_assert_eq(weft_job_pool_open(&o, &pool), -EINVAL);
}
