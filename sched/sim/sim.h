/* SPDX-License-Identifier: MIT */
/*
 * The simulator: the same workers, queues, timers and streams on one thread, in virtual time,
 * with every choice that is otherwise the kernel's or the machine's taken from a seed.
 *
 *	dice      numbers from the seed; the hash of what happened
 *	threads   the runtime's threads as contexts that take turns; the clock; what they wait
 *	          in besides a ring (futexes, joins)
 *	kernel    requests of all rings: which is done next, with which result
 *	engine    struct wf_engine on top of both
 *
 * The seams are the table of system calls (a worker's thread is made, waits and is woken by
 * its entries), the engine, and the clock; no code above knows of any of this, but where it
 * asks for a choice.
 *
 * A context changes only where a worker looks at its ring, sleeps, or waits in a futex: there
 * it holds no lock. What happens between is as atomic as on one CPU; races of single
 * instructions are for the models in tests/model.
 *
 * SM1  knocks, strangers: store_seq by threads of the program that call in from outside  <->
 *      load_seq by the simulation. What they wrote before is then seen.
 */
#ifndef WF_SIM_SIM_H
#define WF_SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "../base/conf.h"
#include "../ring/ring.h"
#include "totals.h"

/* What the simulation asks of the scheduler above it. */
struct wf_sim_hooks {
	void *(*self)(void); /* the worker whose thread runs, or NULL */
	void (*become)(void *worker);
	uint64_t (*progress)(void); /* a number that grows when coroutines run */
	void (*standstill)(const char *title); /* report it */
};

/*
 * Begin: from now on this thread is the only one there is, threads that the runtime makes are
 * contexts on it, and time is virtual. text: "SEED" or "SEED:LEVEL". conf: what depends on the
 * machine is set to what does not. -EINVAL with a sentence in err.
 */
int wf_sim_open(const char *text, struct wf_conf *conf, const struct wf_sim_hooks *hooks,
		char *err, size_t err_size);
void wf_sim_close(void);

/* Whether the caller is the thread that simulates. */
bool wf_sim_inside(void);

/* How many switches until the next look at the ring, at most n. */
int wf_sim_budget(int n);

extern struct wf_sim_totals wf_sim_count;

extern const struct wf_engine wf_engine_sim;

#endif
