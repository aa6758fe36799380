/* SPDX-License-Identifier: MIT */
/* Where the workers are. The plan is there as long as the runtime is. */
#include <errno.h>
#include <stdlib.h>

#include "../base/sys.h"
#include "../run/worker.h"
#include "../sched.h"

int wf_place_get(unsigned worker, struct wf_place *ret_place)
{
	bool plain = !wf_worker_self();

	if (plain && !wf_visit())
		return -ESRCH;
	int rc = worker < wf_rt.plan.n_workers ? 0 : -ENOENT;
	if (!rc)
		*ret_place = wf_rt.plan.place[worker];
	if (plain)
		wf_leave();
	return rc;
}

int wf_place_text(char *buf, size_t size)
{
	bool plain = !wf_worker_self();

	if (plain && !wf_visit())
		return -ESRCH;
	int n = wf_plan_text(&wf_rt.plan, buf, size);
	if (plain)
		wf_leave();
	return n;
}

unsigned wf_home(void)
{
	struct wf_worker *w = wf_worker_self();

	return w ? wf_worker_home(w) : 0;
}

static void pin_near(unsigned home)
{
	const struct wf_plan *plan = &wf_rt.plan;
	int *cpu = wf_sys.calloc(plan->n_workers, sizeof(*cpu));
	unsigned n = 0;

	for (unsigned i = 0; cpu && i < plan->n_workers; i++)
		if (plan->place[i].home == home && !plan->place[i].later)
			cpu[n++] = plan->place[i].cpu;
	if (n)
		wf_place_pin_self(&(struct wf_place){.mask = cpu, .n_mask = n});
	free(cpu);
}

/* It costs locality, no more, if it cannot be. */
void wf_pin_near(unsigned home)
{
	if (!wf_visit())
		return;
	if (wf_rt.conf.pin >= 0)
		pin_near(home);
	wf_leave();
}

const struct wf_conf *wf_settings(void)
{
	return &wf_rt.conf;
}

int wf_thread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
		     void *arg)
{
	return wf_sys.thread_create(t, attr, fn, arg);
}
