/* SPDX-License-Identifier: MIT */
/* The runtime: one per process, one pinned worker thread per allowed core. */
#ifndef WEFT_RT_H
#define WEFT_RT_H

#include "base.h"

WEFT_BEGIN_DECLS

/*
 * A stall: a worker whose coroutine has neither parked nor yielded for `stall_ms`. A monitor
 * thread looks twice in that time, so it is noticed after 1 to 1.5 times as long, and told
 * once (twice if it is of both kinds in turn). weft_checkpoint() is the cure for hogs.
 *
 *   HOG      computes. With the option `faults` its frames are in `trace`: one signal,
 *            SIGURG, is sent to its thread. Symbols are those that the dynamic linker knows
 *            (link with -rdynamic); the others are MODULE+OFFSET, which addr2line reads.
 *   BLOCKED  waits in the kernel: a system call that does not go through weft, or a page.
 *
 * What is runnable behind it, and coroutines that others made runnable there since, go to
 * a worker that has nothing to do. Behind a BLOCKED one, if all are busy, a spare worker
 * takes them: a thread with a ring of its own on the same CPU, until the blocked one returns;
 * there are at most as many spares as workers. What stays where it is until the coroutine
 * stops: coroutines pinned to the worker, and all that waits for its timers, its ring's
 * completions, or a cancel or close that its ring must make. So the bound for those is the
 * next checkpoint, or the end of the system call.
 *
 * With the option `rescue` completions are no longer among them. Every half millisecond the
 * monitor looks whether any wait at the stalled worker's ring; if so it has the thread submit
 * and complete what there is, by the same signal, reaps for it, and hands on whom that wakes,
 * to a spare also behind a HOG. Timers and cancellations are seen to as well. So connections at
 * home there live on. What stays then: what is pinned; the close of a descriptor with
 * more than a stream in flight (some other read, a send that waits); and all of it while
 * the thread is in state D or blocks SIGURG. It costs the coroutine
 * that stalls some microseconds each time, and a system call that it is in begins anew
 * (SA_RESTART); those that cannot, says signal(7), return EINTR: sleeps, poll, select,
 * epoll_wait, and socket calls with a timeout of their own.
 *
 * Called on the monitor's thread, which waits for it; lent until it returns. It may not stop
 * the runtime.
 */
enum weft_stall_kind { WEFT_STALL_HOG = 1, WEFT_STALL_BLOCKED = 2 };

struct weft_stall {
	size_t size;
	enum weft_stall_kind kind;
	int worker;        /* its index */
	const char *name;  /* the coroutine's */
	uint64_t ns;       /* so far; at least */
	const char *trace; /* a line each frame, the innermost first; "" if not known */
	char state;        /* the thread's as in ps(1): R, S, D (no signal ends it); ? */
	int syscall;       /* BLOCKED: the number of the system call, or -1 */
	const char
		*wchan; /* BLOCKED: the kernel function it sleeps in, "" if not known */
	uint64_t minor_faults,
		major_faults; /* page faults meanwhile; major: read a disk */
};

/*
 * Reports on coroutines that wait in vain and on those that were left behind, with `reports`.
 *
 *   STANDSTILL  every coroutine waits for another one, and no worker has run anything for a tenth of
 *               a second. A thread of the program's own could still end it: one report each
 *               time
 *   CYCLE       each waits for a mutex that the next holds, or for the end of the next. Others may go
 *               on, and these never will unless they are cancelled
 *   LEFT        weft_stop() found coroutines that had not ended, before it cancels them, or that
 *               have ended and were neither joined nor detached
 *
 * Who waits under a deadline, or for a descriptor, a time, a future, a post or another process is taken
 * to wait for good reason. The same thread as for stalls looks, ten times a second, and not at all while
 * everybody sleeps. Nothing is done about it: who may be cancelled is for the program to say.
 *
 * Told to on_report on a thread of weft's (LEFT: the one that stops), which waits for it, and lent until it
 * returns; without on_report written to stderr. It may not stop the runtime, but may cancel. text has a title,
 * then for each coroutine, of at most 100: its name, what it waits for and who holds that, the calls it is in (the
 * innermost first, named as in a stall's `trace`), and where it was spawned.
 */
enum weft_report_kind { WEFT_REPORT_STANDSTILL = 1, WEFT_REPORT_CYCLE, WEFT_REPORT_LEFT };

struct weft_report {
	size_t size;
	enum weft_report_kind kind;
	unsigned coroutines;
	const char *text; /* of many lines */
};

/*
 * Settings. A field left 0 (or NULL) takes its environment variable, else its default.
 * A setting given in code wins over the environment, except where the environment only
 * switches features off (WEFT_DISABLE). sched/base/conf.def is the table of them all.
 */
struct weft_options {
	size_t size;          /* sizeof(struct weft_options) */
	unsigned workers;     /* WEFT_WORKERS: threads; 0: one per allowed core, at most
			       the CPU quota of the cgroup, rounded up */
	unsigned max_workers; /* WEFT_MAX_WORKERS: as many as there may be later, see
				 weft_set_workers(); 0: one per allowed core, but just
				 `workers` where that is set */
	int adapt_ms; /* WEFT_ADAPT_MS: how often to look whether cpuset, CPU quota or being
			 throttled ask for more or fewer workers; -1: never; 0: every
			 1000, unless `workers` is set. While all sleep nobody looks */
	int adapt_pressure; /* WEFT_ADAPT_PRESSURE: then also retire a worker, down to half
			       of the CPUs, while in more percent of the time somebody
			       waits for a CPU (cpu.pressure, "some avg10"); -1, the
			       default: do not */
	unsigned stack_kib;      /* WEFT_STACK_KIB: default stack of a coroutine; 64 */
	unsigned max_coroutines; /* WEFT_MAX_COROUTINES: spawn then gives -EAGAIN; up to a
				    quarter may lie in pools of other workers; 4194304 */
	unsigned stack_memory_mib; /* WEFT_STACK_MEMORY_MIB: limit on the stacks' address
				      space, touched or not; spawn then gives -EAGAIN; 0:
				      none. With stacks of one size it bounds coroutines */
	int stack_trim_ms; /* WEFT_STACK_TRIM_MS: give back what lies below the part in use
			      of stacks whose coroutine has been parked for one to two
			      times that long, and of unused stacks; -1, the default: no */
	int stack_stats;   /* WEFT_STACK_STATS: 1 measures for weft_stack_stats() */
	unsigned sq_entries;   /* WEFT_SQ_ENTRIES: submission queue of a ring; 256 */
	unsigned recv_buffers; /* WEFT_RECV_BUFFERS: receive buffers a worker; 1024 */
	unsigned recv_buffer_bytes; /* WEFT_RECV_BUFFER_BYTES: size of each; 2048 */
	unsigned readahead_bytes; /* WEFT_READAHEAD_BYTES: a connection's bound; 16384 */
	unsigned
		timer_slack_us; /* WEFT_TIMER_SLACK_US: a worker with nothing to do sleeps
				     so much longer than its nearest timer and then fires
				     all that are due: fewer wake-ups; 0 */
	int spin_us; /* WEFT_SPIN_US: after latency work a worker looks for completions so
			  long before it sleeps, unless it shares its CPU; 50; -1: no */
	int linger_us; /* WEFT_LINGER_US: after batch work it sleeps so long at least, if
			  fewer than 16 completions come; 200; -1: no */
	int faults;    /* WEFT_FAULTS: 1 installs a SIGSEGV handler on alternate
				stacks that names a coroutine whose stack overflowed; -1 off */
	int pin;       /* WEFT_PIN: -1 leaves workers unpinned; 1 or 0: pinned */
	const char *disable; /* WEFT_DISABLE: comma list of kernel features not to use
				(names as weft_feature() lists them), or "all" */
	int stall_ms; /* WEFT_STALL_MS: look out for stalls of that many ms; -1 off,
				the default */
	void (*on_stall)(const struct weft_stall *stall, void *arg); /* told of each */
	void *stall_arg;
	const char
		*place; /* WEFT_PLACE: placement of workers by name, see weft/place.h */
	int rescue;     /* WEFT_RESCUE: 1 lets completions of a stalled worker be reaped
			   by others; needs stall_ms and faults, else -EINVAL; -1 off */
	unsigned blocking_threads; /* WEFT_BLOCKING_THREADS: of the pool for calls that
				      block (weft/exec.h), at most; 0: 4 a worker, 32 at most */
	unsigned blocking_queue; /* WEFT_BLOCKING_QUEUE: calls that wait for one; 1024 */
	const char *sim; /* WEFT_SIM: "SEED" or "SEED:LEVEL" simulates, see weft/sim.h */
	const char *sim_report; /* WEFT_SIM_REPORT: a file that gets a line for each
				   simulated run; "-" is stderr */
	unsigned
		latency_weight; /* WEFT_LATENCY_WEIGHT: while others wait, so many runs of class
				    latency to one of another class (weft/co.h); 16, at most 1000 */
	unsigned
		normal_weight; /* WEFT_NORMAL_WEIGHT: of class normal to one of batch; the same */
	int reports; /* WEFT_REPORTS: 1 reports coroutines that wait in vain, and those that are
			left at the end; -1, the default: no */
	void (*on_report)(const struct weft_report *report, void *arg);
	void *report_arg;
};

/*
 * Start the runtime, run fn(arg) as its first coroutine, wait until fn has returned,
 * cancel what it left behind, stop the runtime. Returns fn's result, or a negative errno
 * when the runtime did not start (weft_start_error() then says in words what to change).
 * Blocks the calling thread, which must not be a coroutine (-EDEADLK).
 */
WEFT_API int weft_run(int (*fn)(void *arg), void *arg, const struct weft_options *opt);

/*
 * The same in two calls. After weft_start() any thread may spawn coroutines; weft_stop()
 * cancels those that still run, waits for them and ends the workers. Both may be called
 * again and again. opt may be NULL.
 *   start: -EALREADY already running      -EPERM, -ENOSYS io_uring is refused here
 *          -ENOMEM memory or RLIMIT_MEMLOCK      -EINVAL, -E2BIG bad options
 *   stop:  -ESRCH not running      -EDEADLK called from a coroutine
 */
WEFT_API int weft_start(const struct weft_options *opt);
WEFT_API int weft_stop(void);

/* One sentence on why the last weft_start() of this process failed and what to change;
 * "" after success. Valid until the next weft_start(). Owner only: the starting thread.
 */
WEFT_API const char *weft_start_error(void);

/*
 * Let there be n workers: threads that are started, or retire, at once. Of the slots that the
 * placement made (max_workers; without it one for each allowed CPU, or just as many as
 * `workers` said) the first n take work. A worker that retires gives away what is runnable,
 * its timers, and all that waits in its ring and can be issued again elsewhere: idle
 * receives, accepts, polls, reads and sends that nothing was done of. Running disk I/O and
 * connects end where they are. What is pinned to it still runs there, and nothing else.
 * Returns how many there are now: less than n if no more could be opened.
 *   -EINVAL 0, or more than there are slots      -EBUSY another thread is changing it
 *   -ESRCH not running      -ENOMEM none could be opened
 * Anywhere; blocks the caller for a millisecond for each thread that is started.
 */
WEFT_API int weft_set_workers(unsigned n);

/* Number of workers that take work, or -ESRCH. */
WEFT_API int weft_workers(void);

/* Index of the worker that runs the caller, or -EPERM outside a coroutine. Only a hint
 * unless the coroutine is pinned. */
WEFT_API int weft_worker_id(void);

/* The i-th optional kernel feature: its name, whether it is in use (known after a start),
 * and what is lost without it. -ENOENT past the last. Any ret_ may be NULL. */
WEFT_API int weft_feature(unsigned i, const char **ret_name, bool *ret_on,
			  const char **ret_lost);

/* Counters, summed over workers (monotonic since start, read without stopping anybody).
 */
struct weft_stats {
	size_t size; /* in: sizeof(struct weft_stats) */
	uint64_t spawned, ended;
	uint64_t switches;    /* coroutine switches */
	uint64_t steals;      /* coroutines taken from another worker */
	uint64_t enters;      /* io_uring_enter calls */
	uint64_t sqes, cqes;  /* requests submitted, completions reaped */
	uint64_t wakes;       /* wake-ups sent to sleeping workers */
	uint64_t remote_msgs; /* requests sent to another worker's ring */
	uint64_t starved;     /* receives that found no buffer and did without */
	uint64_t timers_fired;
	uint64_t overflows; /* completion queue overflows */

	/* with stall_ms */
	uint64_t hogs, blocked; /* stalls of each kind */
	uint64_t disk_sleeps;   /* stalls in which the thread was in state D when told */
	uint64_t stall_faults;  /* page faults that read a disk, in stalls */
	uint64_t handed_over;   /* coroutines taken from behind a stall */
	uint64_t spares;        /* times that a spare worker was called */
	uint64_t trimmed;       /* stacks of parked coroutines that were trimmed */

	/* of `steals`, by how far they went */
	uint64_t steals_near;   /* below one last-level cache */
	uint64_t steals_node;   /* from another cache of the node */
	uint64_t steals_remote; /* from another node */
	uint64_t runs_remote; /* of `switches`, to coroutines whose stack lies on another
				   node; an estimate: one is looked at for each look at the
				   ring */

	/* by class (weft/co.h) */
	uint64_t latency_runs, batch_runs; /* of `switches`; without joiners that were
					      switched to by who ended */
	uint64_t spins, spins_won; /* instead of sleeping; in which something came */

	uint64_t retired; /* times that a worker did */
	uint64_t moved;   /* coroutines that it found runnable and gave away */

	uint64_t rescued; /* with `rescue`: completions reaped for a stalled worker */
};
WEFT_API int weft_stats(struct weft_stats *stats);

WEFT_END_DECLS

#endif
