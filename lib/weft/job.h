/* SPDX-License-Identifier: MIT */
/*
 * Jobs: functions that run in processes of their own, for work that burns CPU, may crash,
 * leak or loop, or must not see our memory. A library of its own: include <weft/job.h> and
 * link `pkg-config --cflags --libs weft-proc`.
 *
 *	static ssize_t shout(const struct weft_job_args *a)
 *	{
 *		for (size_t i = 0; i < a->in_len; i++)
 *			((char *)a->out)[i] = toupper(((const char *)a->in)[i]);
 *		return (ssize_t)a->in_len;
 *	}
 *	WEFT_JOB("shout", shout)
 *
 *	int main(int argc, char **argv)
 *	{
 *		weft_job_main(argc, argv);
 *		...
 *		weft_job_pool_open(NULL, &pool);
 *		n = weft_job_call(pool, "shout", "hello", 5, buf, sizeof(buf), NULL);
 *
 * How it works: a pool starts the program anew, with none of its memory and descriptors: the
 * zygote, which weft_job_main() recognises and never returns in. It forks the workers, small
 * and clean. Input and output pass through memory shared with one worker only, so a job that
 * runs wild harms no other. A worker that dies takes one job with it, the one it was in; those
 * behind it go to another. The zygote is no child of this process: SIGCHLD and wait(-1) stay
 * as they were (a process that is the reaper of others, process 1 of a container or
 * PR_SET_CHILD_SUBREAPER, adopts it as it does all orphans). When this process dies, however,
 * zygote and workers die too.
 *
 * Calls may be made by coroutines and plain threads. A pool may be open before the runtime
 * starts and after it has stopped.
 */
#ifndef WEFT_JOB_H
#define WEFT_JOB_H

#include "base.h"
#include "time.h"

WEFT_BEGIN_DECLS

/* ---- the side of the jobs -------------------------------------------------------------- */

/* What a job is given. */
struct weft_job_args {
	const void *in;
	size_t in_len;
	void *out; /* room for the result, not cleared */
	size_t out_cap;
	void *state; /* what this worker's WEFT_JOB_START function returned, or NULL */
};

/*
 * Returns the number of bytes that it put at out, or a negative errno, which the caller gets.
 * It runs on its process's main thread, on a stack of RLIMIT_STACK bytes (usually 8 MiB).
 * It may do what it likes within its sandbox: exiting, crashing and running for too long are
 * errors of this one job. Descriptors that it leaves open and processes that it leaves behind are
 * too: the worker is then replaced.
 */
typedef ssize_t weft_job_fn(const struct weft_job_args *args);

/*
 * In a job that was submitted with `stream`: send a message to who submitted it, now. Waits while
 * messages that were not taken fill the room, which is the largest power of two that max_out holds, less
 * four bytes a message. On the job's own thread.
 *   -EMSGSIZE longer than all the room      -EINVAL it was not submitted so, or is no job
 */
WEFT_API int weft_job_send(const void *data, size_t len);

/*
 * In a job of a pool with `grants`: as pread(2), pwrite(2) and fsync(2) of the descriptor that stands at
 * `grant` there. offset -1: where its file stands; for pipes and sockets too. One call at a time in a
 * worker. They wait, and return what those calls do, or
 *   -EACCES not granted      -EBADF no such grant      -ENOSYS no grants, or the pool is LOOSE and has none
 */
WEFT_API ssize_t weft_job_read(unsigned grant, void *buf, size_t len, int64_t offset);
WEFT_API ssize_t weft_job_write(unsigned grant, const void *buf, size_t len,
				int64_t offset);
WEFT_API int weft_job_sync(unsigned grant);

/*
 * WEFT_JOB(name, fn)     makes fn callable as `name`, at most 47 bytes
 * WEFT_JOB_WARM(fn)      int fn(void) runs once in the zygote, before any worker: what it
 *                        loads all workers share. A result < 0 fails weft_job_pool_open()
 * WEFT_JOB_START(fn)     void *fn(void) runs in each worker before its first job and before the
 *                        sandbox is closed; returns its state
 *
 * At file scope of the program itself (not of a shared library), which begins its main with
 * weft_job_main().
 */
enum weft_job_entry_kind {
	WEFT_JOB_ENTRY = 1,
	WEFT_JOB_ENTRY_WARM,
	WEFT_JOB_ENTRY_START
};

struct weft_job_entry {
	enum weft_job_entry_kind kind;
	const char *name;
	weft_job_fn *job;
	int (*warm)(void);
	void *(*start)(void);
};

/* Pasting, for the macros below. */
#define WEFT_JOB_CAT_(a, b) a##b
#define WEFT_JOB_CAT(a, b)  WEFT_JOB_CAT_(a, b)
#define WEFT_JOB_ROW_(...)                                                               \
	__attribute__((used, section("weft_jobs"),                                       \
		       aligned(8))) static const struct weft_job_entry                   \
		WEFT_JOB_CAT(weft_job_entry_, __COUNTER__) = {__VA_ARGS__};
#define WEFT_JOB(name, fn) WEFT_JOB_ROW_(WEFT_JOB_ENTRY, name, fn, 0, 0)
#define WEFT_JOB_WARM(fn)  WEFT_JOB_ROW_(WEFT_JOB_ENTRY_WARM, "", 0, fn, 0)
#define WEFT_JOB_START(fn) WEFT_JOB_ROW_(WEFT_JOB_ENTRY_START, "", 0, 0, fn)

/* Bounds of the linker section, of this program. */
extern const struct weft_job_entry __start_weft_jobs[]
	__attribute__((weak, visibility("hidden")));
extern const struct weft_job_entry __stop_weft_jobs[]
	__attribute__((weak, visibility("hidden")));

WEFT_API void weft_job_main_with(int argc, char **argv,
				 const struct weft_job_entry *begin,
				 const struct weft_job_entry *end);

/*
 * The first line of main. In a process that a pool has started it serves that pool and never
 * returns; otherwise it returns at once. Constructors of the program run before it.
 */
static inline void weft_job_main(int argc, char **argv)
{
	weft_job_main_with(argc, argv, __start_weft_jobs, __stop_weft_jobs);
}

/* ---- pools ----------------------------------------------------------------------------- */

/*
 * What a job may do. All but NONE set no_new_privs, forbid being traced and hide the environment
 * but for PATH, TZ, LANG, LC_*, LD_* and *SAN_OPTIONS.
 *
 *   NONE      all that this process may
 *   NO_NET    no sockets but local pairs, no new namespaces, mounts, tracing, kernel interfaces
 *             such as bpf, keyctl, io_uring; no signals to others (seccomp)
 *   READ      the same, and of files only those below `read_dirs`, only for reading (Landlock)
 *   PURE      memory, clocks, and nothing else: no files, no processes or threads (seccomp with a
 *             list of what is allowed, Landlock)
 *
 * Where the kernel or the build lacks a part, opening the pool fails with -ENOSYS, unless flags
 * has WEFT_JOB_LOOSE; weft_job_pool_error() names the part.
 */
enum weft_job_profile {
	WEFT_JOB_NONE = 0,
	WEFT_JOB_NO_NET,
	WEFT_JOB_READ,
	WEFT_JOB_PURE
};

/*
 * FRESH   a new worker for each job, forked ahead: for code that is not trusted. The result is
 *         read after the worker has ended
 * LOOSE   go on without what the kernel lacks
 * SPACES  workers have user, network, IPC, host name and mount namespaces of their own, and each
 *         is the first process of a PID namespace. Counts as a part above
 * BATCH   workers run as SCHED_BATCH, or as
 * IDLE    SCHED_IDLE: only where nobody else wants the CPU
 * APART   workers keep off the CPUs of the runtime's workers, as they are when the pool is opened, where that
 *         leaves any
 * NODES   each worker has a NUMA node, with its CPUs and memory, one after the other of those that have CPUs
 *         for it: for jobs that say where their data is (attr.node)
 * UNCHECKED  after a job nobody looks for descriptors and children that it left, which is two system calls:
 *         for jobs that leave none. Otherwise the worker keeps them until it ends (recycle_jobs). PURE jobs
 *         cannot leave any, and are not checked
 */
enum {
	WEFT_JOB_FRESH = 1 << 0,
	WEFT_JOB_LOOSE = 1 << 1,
	WEFT_JOB_SPACES = 1 << 2,
	WEFT_JOB_BATCH = 1 << 3,
	WEFT_JOB_IDLE = 1 << 4,
	WEFT_JOB_APART = 1 << 5,
	WEFT_JOB_NODES = 1 << 6,
	WEFT_JOB_UNCHECKED = 1 << 7
};

/* What may be done with `grants`. */
enum {
	WEFT_JOB_MAY_READ = 1 << 0,
	WEFT_JOB_MAY_WRITE = 1 << 1,
	WEFT_JOB_MAY_SYNC = 1 << 2
};

struct weft_job_pool_options {
	size_t size;
	const char *exe;      /* the program with the jobs; NULL: this one */
	unsigned min_workers; /* as many are there from the start; 0: 1 */
	unsigned max_workers; /* 0: one for each allowed CPU, at least min_workers */

	/* Jobs that may wait for a worker, by urgency and key; then -EAGAIN. 0: 1024 */
	unsigned queue;

	/* Jobs that a worker may be given before it needs them, its present one included.
	 * 0: 16; at most 64; with FRESH 1 */
	unsigned ahead;

	/* Bytes of one job, else -EMSGSIZE. 0: 64 KiB. Costs address space and, once touched,
	 * memory: `ahead` times for each worker */
	size_t max_in, max_out;

	uint32_t profile;             /* enum weft_job_profile */
	uint32_t flags;               /* WEFT_JOB_* */
	const char *const *read_dirs; /* NULL-terminated; READ */

	/* A worker may have so much more than it starts with. 0: no limit. By RLIMIT_AS: what it maps; or, with
	 * `cgroup` below, what it touches, its children too */
	uint64_t memory_bytes;
	uint64_t cpu_ms;  /* CPU time of one job; 0: no limit */
	weft_time job_ns; /* time from submit to end of one job; 0: no limit */

	uint32_t recycle_jobs;  /* a worker is replaced after so many jobs; 0: never */
	uint64_t recycle_bytes; /* or when its resident memory was larger; 0: never */
	weft_time idle_ns;      /* workers above min_workers end after so long; 0: 10 s */
	weft_time start_ns;     /* how long the zygote may take to start; 0: 10 s */

	int nice;         /* added to ours */
	const char *cpus; /* "0-3,8": the workers' CPUs; NULL: ours */
	int node;         /* 1 + NUMA node for CPUs and memory; 0: any */

	/*
	 * The path of a cgroup (version 2) that this process may make others in, with the memory controller and no
	 * process in it: as Delegate= of systemd and DelegateSubgroup= give one. Each worker has a group of its own
	 * there, limited by memory.max. NULL: none. Where it cannot be, opening fails, unless LOOSE
	 */
	const char *cgroup;

	/*
	 * Descriptors that jobs may use, at most 16, and how: WEFT_JOB_MAY_*. Nothing else changes for the profile: PURE jobs
	 * read and write these and open nothing. Each worker has an io_uring for it, which the kernel holds
	 * to that. Ours may be closed once the pool is open. Where there are no such rings (Linux 5.10;
	 * kernel.io_uring_disabled) opening fails with -ENOSYS, unless LOOSE
	 */
	const int *grants;
	unsigned n_grants;
	uint32_t grant_ops;
};

struct weft_job_pool;

/*
 * [waits] Start the zygote and min_workers workers, and wait until they are ready (some milliseconds;
 * for a coroutine a thread of the runtime's pool does). opt may be NULL.
 *   -ENOEXEC neither `exe` nor weft_job_main() in this program
 *   -ETIMEDOUT the program did not answer: it does not call weft_job_main() first
 *   -ENOSYS a part of the sandbox is missing    -EINVAL, -E2BIG bad options
 *   -ENOMEM, -EMFILE, -EAGAIN, -ENOENT ... as the kernel says
 * weft_job_pool_error() says in words what was wrong and what to change.
 */
WEFT_API int weft_job_pool_open(const struct weft_job_pool_options *opt,
				struct weft_job_pool **ret_pool);

/* Of the last weft_job_pool_open() of this thread; "" after success. In a coroutine: ask before the next
 * call that waits. */
WEFT_API const char *weft_job_pool_error(void);

/*
 * Take no more jobs (-ESHUTDOWN), wait until `deadline` for those there are, kill the rest, and
 * end zygote and workers. Handles of jobs stay valid until they are waited for; jobs that
 * were killed say -ECANCELED. [waits], never cut short. NULL is fine.
 */
WEFT_API void weft_job_pool_close(struct weft_job_pool *pool, weft_time deadline);

/* ---- jobs ------------------------------------------------------------------------------ */

enum weft_job_fault {
	WEFT_JOB_OK = 0,
	WEFT_JOB_RETURNED,    /* the job returned the error itself */
	WEFT_JOB_SIGNAL,      /* -ECHILD; `signal`, `address`, `trace` */
	WEFT_JOB_STACK,       /* -ECHILD; its stack overflowed */
	WEFT_JOB_EXIT,        /* -ECHILD; it called exit; `code` */
	WEFT_JOB_DEADLINE,    /* -ETIMEDOUT; killed, or not begun in time */
	WEFT_JOB_CANCELED,    /* -ECANCELED; killed, or not begun */
	WEFT_JOB_MEMORY,      /* -ENOMEM; died for want of memory_bytes */
	WEFT_JOB_CPU,         /* -ETIME; used more than cpu_ms */
	WEFT_JOB_SYSCALL,     /* -EACCES; made the forbidden system call `code` */
	WEFT_JOB_DESCRIPTORS, /* -EMFILE; left `code` or more descriptors open */
	WEFT_JOB_CHILDREN,    /* -EBUSY; left processes behind, which were killed */
	WEFT_JOB_CORRUPT,     /* -EPROTO; wrote what it must not into the shared memory */
	WEFT_JOB_LOST         /* -EIO; the zygote died, or could not fork */
};

/* Why a job failed. */
struct weft_job_error {
	size_t size;       /* in: sizeof(struct weft_job_error) */
	uint32_t fault;    /* enum weft_job_fault */
	int32_t signal;    /* or 0 */
	int32_t code;      /* exit status, system call, ... */
	int32_t pid;       /* of the worker, or 0 */
	uint64_t address;  /* that was accessed, by SIGSEGV and SIGBUS */
	char trace[1024];  /* a line each frame, the innermost first; "" if not known */
	char output[1024]; /* the end of what the worker had written to stderr */
};

struct weft_job_attr {
	size_t size;
	weft_time deadline; /* when the job is killed; 0: never */
	uint64_t
		key; /* whose job it is: one worker never serves two keys. Before a worker serves
			 another it is replaced, with its memory */
	uint32_t urgent; /* 1: before those in the queue that are not */
	struct weft_job_error
		*error; /* filled when the job failed; lent until it ended */
	uint32_t
		stream; /* 1: it sends messages (weft_job_send), and has no other result: out_cap
			    is 0. For weft_job_submit() */
	int32_t node; /* with NODES: 1 + the node where its data is, or -1: where its input is. A worker there has it,
			 if none elsewhere has less to do. 0: any */
};

struct weft_job;

/*
 * [waits] Run the job `name` and wait for its result: the bytes it wrote at out, or an error.
 * A caller that is cancelled or out of time takes the job with it (it is killed if need be).
 * attr may be NULL.
 *   -ENOENT no such job    -EMSGSIZE larger than max_in or max_out
 *   -EAGAIN the queue is full    -ESHUTDOWN the pool is closing    -ENOMEM
 *   and those of enum weft_job_fault
 */
WEFT_API ssize_t weft_job_call(struct weft_job_pool *pool, const char *name,
			       const void *in, size_t in_len, void *out, size_t out_cap,
			       const struct weft_job_attr *attr);

/*
 * The same in two steps; in and out are lent until the job has ended. The handle ends with
 * the weft_job_wait() that returns 0.
 */
WEFT_API int weft_job_submit(struct weft_job_pool *pool, const char *name, const void *in,
			     size_t in_len, void *out, size_t out_cap,
			     const struct weft_job_attr *attr, struct weft_job **ret_job);

/*
 * [waits] 0: the job has ended, *ret_result (may be NULL) is what weft_job_call() would have
 * returned, and the handle is gone. -ECANCELED, -ETIMEDOUT: the caller was stopped; the job is not.
 */
WEFT_API int weft_job_wait(struct weft_job *job, ssize_t *ret_result);

/*
 * [waits] The next message of a job that was submitted with `stream`, in the order they were sent: its
 * length. One caller at a time. Once the job has ended and all was taken, -EPIPE: weft_job_wait() then tells
 * how it ended. What it had sent before it crashed or was killed is there all the same. weft_job_wait() drops
 * what was not taken.
 *   -EMSGSIZE it is longer than cap, and stays      -EPROTO the worker wrote what it must not, and
 *   is killed      -ECANCELED, -ETIMEDOUT of the caller      -EINVAL it does not stream
 */
WEFT_API ssize_t weft_job_next(struct weft_job *job, void *buf, size_t cap);

/* Have the job end: not begun, it never will; running, its worker is killed. A result that
 * is there already stays. Still wait for it. Anywhere; returns at once. */
WEFT_API void weft_job_cancel(struct weft_job *job);

/* Counters of a pool, monotonic but for the first three. */
struct weft_job_stats {
	size_t size;
	uint64_t workers; /* that are there */
	uint64_t running; /* jobs given to workers */
	uint64_t queued;  /* jobs that wait for one */
	uint64_t submitted, ended, failed;
	uint64_t forked;   /* workers */
	uint64_t crashed;  /* that died of themselves */
	uint64_t killed;   /* that we killed */
	uint64_t recycled; /* that were replaced as the options say, or for another key */
	uint64_t zygotes;  /* started */
	uint64_t wakes;    /* of sleeping workers: system calls */
	uint64_t sent;     /* jobs that went to other machines (<weft/mpi.h>) */
	uint64_t away;     /* that are there now */
	uint64_t near, far; /* jobs with a node, given to workers there, and elsewhere */
};
WEFT_API int weft_job_stats(struct weft_job_pool *pool, struct weft_job_stats *stats);

/* Process id of the i-th worker; -ENOENT past the last or while there is none; i -1: the zygote's.
 * For tools and tests. */
WEFT_API int weft_job_worker_pid(struct weft_job_pool *pool, int i);

WEFT_END_DECLS

#endif
