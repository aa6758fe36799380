#include "place.h"
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
int wf_plan_make(unsigned n, struct wf_plan *p)
{
	unsigned c = sysconf(_SC_NPROCESSORS_ONLN);
	if (!n)
		n = c;
	p->n_workers = n;
	p->place = calloc(n, sizeof *p->place);
	for (unsigned i = 0; i < n; i++)
		p->place[i].cpu = i % c;
	return 0;
}
void wf_plan_fini(struct wf_plan *p)
{
	free(p->place);
	p->place = 0;
}
int wf_place_pin_self(const struct wf_place *p)
{
	cpu_set_t s;
	CPU_ZERO(&s);
	CPU_SET(p->cpu, &s);
	sched_setaffinity(0, sizeof s, &s);
	return 0;
}
