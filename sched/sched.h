/* SPDX-License-Identifier: MIT */
/*
 * The one door of the core: what lib/ may use. Meanings and errors are those of the
 * public calls of the same name; handles are opaque here too. Nothing here sets errno.
 */
#ifndef WF_SCHED_H
#define WF_SCHED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/sys.h"
#include "co/depth.h"
#include "place/place.h"
#include "ring/op.h"
#include "run/waitq.h"
#include "sim/totals.h"

/* rt.c */
int wf_start(const struct wf_conf *conf);
int wf_stop(void);
const char *wf_start_error(void);

/* spawn.c */
enum {
	WF_SPAWN_PINNED = 1,
	WF_SPAWN_BOUND = 2,
	WF_SPAWN_FORK = 4,
	WF_SPAWN_LATENCY = 8,
	WF_SPAWN_BATCH = 16
};

enum wf_spawn_where { WF_SPAWN_HERE, WF_SPAWN_LEAST, WF_SPAWN_NODE, WF_SPAWN_ALL };

struct wf_spawn {
	const char *name;
	size_t stack_size; /* 0: the default */
	uint32_t flags;    /* WF_SPAWN_* */
	int worker;        /* where to start, whatever the rest says; -1: by the rest */
	enum wf_spawn_where where;
	int node; /* only there; -1: anywhere */
};

/* g NULL: as for weft_spawn(); from: the code that asks, for reports */
int wf_spawn_into(struct wf_group *g, const void *from, int (*fn)(void *), void *arg,
		  const struct wf_spawn *s, void **ret_handle);

/* The same in no group, without the caller's context, detached. */
int wf_spawn_alone(const void *from, int (*fn)(void *), void *arg,
		   const struct wf_spawn *s);
int wf_join(void *handle, int *ret_status);
int wf_detach(void *handle);
int wf_cancel(void *handle);
void *wf_self(void);
const char *wf_name(void);
int wf_set_name(const char *name);
int wf_set_class(uint32_t flag); /* WF_SPAWN_LATENCY, WF_SPAWN_BATCH, or 0 */
int wf_get_class(void);          /* the same */
int wf_pin(void);
int wf_unpin(void);

/* group.c */
enum { WF_GROUP_COLLECT = 1, WF_GROUP_FIRST = 2, WF_GROUP_KEEP = 4 };
enum wf_group_state { WF_GROUP_NONE, WF_GROUP_OPEN, WF_GROUP_CLOSED };

struct wf_members {
	struct wf_co *first, *last;
};

struct wf_group {
	struct wf_waitq q; /* its lock is the group's; who waits for anything about it */
	struct wf_members live, ended;
	uint32_t n_live, n_ended; /* n_ended: with WF_GROUP_KEEP */
	uint32_t pins;            /* who cancels it now */
	uint32_t limit, flags;
	uint32_t spawned; /* members so far */
	unsigned decider; /* the number of the one that decided; UINT_MAX: none yet */
	int result;
	enum wf_group_state state;
	bool cancelled, has_spawn;
	struct wf_co *owner;    /* NULL: a plain thread */
	struct wf_group *outer; /* of the owner's */
	struct wf_scope scope;  /* the owner's */
	struct wf_spawn spawn;  /* by the library, before it is opened: see has_spawn */
};

int wf_group_open(struct wf_group *g, uint32_t flags, uint32_t limit, uint64_t at);
int wf_group_spawn(struct wf_group *g, const void *from, int (*fn)(void *), void *arg,
		   const struct wf_spawn *s, void **ret_handle);
int wf_group_next(struct wf_group *g, unsigned *ret_index, int *ret_status);
int wf_group_cancel(struct wf_group *g);
unsigned wf_group_running(const struct wf_group *g);
int wf_group_close(struct wf_group *g, unsigned *ret_index);

/* belongings.c */
struct wf_cleanup {
	void (*run)(struct wf_cleanup *c); /* which may end its memory */
	struct wf_cleanup *next;
};

int wf_cleanup_push(
	struct wf_cleanup *c); /* of the caller, at its end: the latest first */
void **wf_locals(void);        /* a word of the calling coroutine's, NULL at first */

struct wf_context {
	uint32_t refs; /* CX1 */
	uint64_t deadline;
	void (*free)(struct wf_context *c);
};

struct wf_context *wf_context(void);
struct wf_context *wf_context_swap(
	struct wf_context *c); /* in a coroutine; references stay */
void wf_context_get(struct wf_context *c);
void wf_context_put(struct wf_context *c);

/* idle.c: to some worker. Async-signal-safe. -ESHUTDOWN */
struct wf_msg;
int wf_send_from_signal(struct wf_msg *msg);

/* park.c, worker.c */
int wf_yield(void);
int wf_checkpoint(void);

/* deadline.c */
int wf_sleep_until(uint64_t at);

/* scope.c. Closing tells why it is over, if it is; handle: whose scope it is. */
enum { WF_SCOPE_TIMED_OUT = 1, WF_SCOPE_CANCELED = 2 };

int wf_scope_open(struct wf_scope *s, uint64_t at, bool shield);
int wf_scope_close(struct wf_scope *s);
int wf_scope_cancel(struct wf_scope *s, void *handle);
/* The same in two steps: the first while it is open for sure, the second at any time after. */
void wf_scope_mark_of(struct wf_scope *s, void *handle);
int wf_scope_tell(void *handle);
int wf_stopped(void); /* the verdict on the caller */

/* io.c: call ops. op needs code, fd and arguments; returns the result. */
ssize_t wf_call(struct wf_op *op);
ssize_t wf_call_all(struct wf_op *op, size_t len); /* from op->addr on */
int wf_descriptor(int fd, bool stream);

/* direct.c: system calls that io_uring would only punt to a kernel thread */
int wf_shutdown(int fd, int how);
ssize_t wf_sendfile(int fd, int in, off_t *offset, size_t count);

/* futex.c: words in memory that other processes share */
int wf_futex_wait(uint32_t *word, uint32_t val, uint64_t until);
void wf_futex_wake(uint32_t *word, int n);
int wf_relax(unsigned *io_n, uint64_t until);

/* streams.c */
ssize_t wf_recv(int fd, void *buf, size_t len, int flags);
ssize_t wf_recv_all(int fd, void *buf, size_t len);
int wf_accept(int fd);
int wf_poll(int fd, short events);
int wf_poll_now(int fd, short events);
int wf_listening(int fd);       /* listen(2) was called */
bool wf_receives_ahead(int fd); /* reading must go through wf_recv */
int wf_adopt(int fd);
ssize_t wf_release(int fd, void *buf, size_t len);

/* close.c */
int wf_close(int fd);

/* move.c */
enum { WF_MOVE_STACK = 1, WF_MOVE_BIND = 2 };

struct wf_whereabouts {
	int node; /* of the stack */
	uint64_t runs_local, runs_remote;
};

int wf_move(int worker, int node, uint32_t flags); /* worker -1: any of node */
int wf_whereabouts(struct wf_whereabouts *ret_whereabouts);

/* width.c */
int wf_set_workers(unsigned n);

/* monitor.c */
enum wf_stall_kind { WF_STALL_HOG = 1, WF_STALL_BLOCKED = 2 };

struct wf_stall {
	enum wf_stall_kind kind;
	int worker;
	const char *name;
	uint64_t ns;
	const char *trace;
	char state;
	int syscall;
	const char *wchan;
	uint64_t minor_faults, major_faults;
};

/* report.c */
enum wf_report_kind { WF_REPORT_STANDSTILL = 1, WF_REPORT_CYCLE = 2, WF_REPORT_LEFT = 3 };

struct wf_co_report {
	enum wf_report_kind kind;
	unsigned n;
	const char *text;
};

/* depths.c: free(*ret_rows); returns their number */
int wf_stack_depths(struct wf_depth **ret_rows);
const char *wf_stack_refused(void);

/* stats.c */
struct wf_totals {
	uint64_t spawned, ended, switches, wakes, remote_msgs, timers_fired;
	uint64_t steals_near, steals_node, steals_remote, runs_remote;
	uint64_t enters, sqes, cqes, starved, overflows, trimmed;
	uint64_t hogs, blocked, disk_sleeps, stall_faults, handed_over, spares, rescued;
	uint64_t latency_runs, batch_runs, spins, spins_won;
	uint64_t retired, moved;
};
int wf_totals(struct wf_totals *ret_totals);

/* places.c */
int wf_place_get(unsigned worker, struct wf_place *ret_place);
int wf_place_text(char *buf, size_t size);
unsigned wf_home(void); /* the caller's node, as a worker's home; 0 in plain threads */
int wf_thread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
		     void *arg);
void wf_pin_near(unsigned home); /* the calling thread: to the CPUs of its workers */
const struct wf_conf *wf_settings(void); /* of the runtime that is up */
int wf_n_workers(void);
int wf_worker_id(void);
int wf_feature(unsigned i, const char **ret_name, bool *ret_on, const char **ret_lost);

#endif
