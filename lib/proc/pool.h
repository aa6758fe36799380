/* SPDX-License-Identifier: MIT */
/*
 * The side of the pool. One mutex guards it all and is never held while somebody waits or bytes are
 * copied; whoever comes along moves things on (a submitter puts jobs on desks, a waiter takes
 * results off), so in the busy case nobody has to be woken. A thread, the keeper, does what
 * nobody comes along for: it hires, buries, watches deadlines, and takes results off desks for
 * those who wait in a way that a worker cannot end.
 *
 * The life of a job: QUEUED -> FILLING (its input is copied to a desk, unlocked) -> PLACED ->
 * TAKING (its result is copied, unlocked) -> ENDED. From PLACED it may return to QUEUED, if it had
 * not begun: taken back for an idle worker, or its worker died in another job. AWAY: far.h.
 */
#ifndef WEFT_LIB_PROC_POOL_H
#define WEFT_LIB_PROC_POOL_H

#include <pthread.h>
#include <stdbool.h>

#include "../options.h"
#include "weft/exec.h"
#include "weft/job.h"
#include "weft/scope.h"
#include "weft/sync.h"
#include "spin.h"
#include "wire.h"

enum wf_job_state {
	WF_JOB_QUEUED,
	WF_JOB_FILLING,
	WF_JOB_PLACED,
	WF_JOB_AWAY,
	WF_JOB_TAKING,
	WF_JOB_ENDED
};

struct weft_job {
	struct weft_job_pool *pool;
	struct weft_job *next, *prev;           /* in the queue */
	struct weft_job *live_next, *live_prev; /* all that have not ended */
	enum wf_job_state state;
	uint32_t number; /* in the table of jobs */
	const void *in;
	void *out;
	size_t in_len, out_cap;
	uint64_t key;
	weft_time deadline; /* WEFT_NEVER: none */
	bool urgent;
	bool keeper;  /* the keeper is to take the result */
	bool watched; /* somebody sleeps on the slot's state */
	uint32_t
		unwanted; /* enum weft_job_fault: stopped while FILLING; who fills sees to it; or AWAY */
	bool detached;              /* nobody waits: gone when it ends */
	bool stream;                /* stream.c: it sends messages, */
	bool eager;                 /* for which somebody waits, */
	bool reading;               /* or which somebody copies now, */
	bool deaf;                  /* or nobody wants */
	uint32_t taken;             /* bytes of them */
	uint32_t rest_len, rest_at; /* ENDED: and taken of those that it left, */
	char *rest;                 /* which are here */
	struct weft_event more;     /* it has sent one, or has ended */
	struct weft_job_error *error;
	struct wf_hand *hand; /* PLACED, FILLING */
	int node;             /* of its data; -1: any */
	uint32_t slot;
	int far_rank;   /* AWAY: where it is; slot is a number there */
	ssize_t result; /* ENDED */
	struct weft_event done;
};

struct wf_far;

enum wf_hand_state { WF_HAND_NONE, WF_HAND_HIRED, WF_HAND_UP };

/* What the pool knows of a worker. */
struct wf_hand {
	struct weft_job_pool *pool;
	uint32_t index;
	int node; /* it belongs to; -1: none */
	enum wf_hand_state state;
	struct wf_desk *desk; /* mapped at the same place for good */
	int tell_fd, stderr_fd, pidfd;
	pid_t pid;
	bool dead;
	bool leaving; /* told to end, or dying: gets nothing more */
	bool keyed;
	uint64_t key;
	uint32_t tail, first;          /* jobs put there; taken off */
	uint32_t skipped;              /* of those in between: taken back */
	uint32_t claimed;              /* slots in FILLING */
	uint32_t copying;              /* results in TAKING */
	uint32_t n_free;               /* slots */
	uint32_t free[WF_DESK_SLOTS];  /* a stack of them: the last one used is warm */
	uint32_t order[WF_DESK_SLOTS]; /* slot of the n-th job */
	uint32_t turn[WF_DESK_SLOTS];  /* by slot: its present one */
	struct weft_job *job[WF_DESK_SLOTS]; /* by slot; NULL: not wanted any more */
	uint32_t served;
	uint32_t hungry; /* as on the desk */
	weft_time idle_since;
	uint32_t killed;    /* enum weft_job_fault: why we killed it */
	uint64_t oom_kills; /* in its cgroup, before it came */
	char output[sizeof(((struct weft_job_error *)0)->output)];
	uint32_t n_output;
};

struct weft_job_pool {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* what open and close wait for */
	pthread_t keeper;
	struct weft_job_pool_options opt; /* no zeros that mean a default; own copies */
	struct wf_wire_setup setup;
	char *exe;
	char **names; /* of jobs */
	uint32_t n_names;

	int ctl;       /* to the zygote; -1: none */
	int zygote_fd; /* its pidfd, or -1 */
	pid_t zygote;
	int epoll, bell_fd; /* the keeper's */
	bool rung;          /* bell_fd was written to and not read yet */
	weft_time wakes_at; /* when the keeper looks again */
	bool closing, ended;
	int broken;      /* negative errno: no zygote can be had */
	weft_time retry; /* then: not before */
	unsigned barren; /* workers in a row that died before they did anything */
	char why[256];   /* in words */

	int grant[WF_WIRE_FDS];   /* copies of what is granted: setup.n_grants */
	int cgroup_above, cgroup; /* cgroup.c; -1: none */
	char cgroup_name[40];

	struct weft_job *queue, *queue_last; /* urgent ones first */
	struct weft_job *live;
	uint32_t n_queued, n_live, n_away;
	uint32_t turn;     /* the last one given out */
	uint32_t watchers; /* that look at a desk */
	uint32_t refs;     /* of this structure: open, and handles of jobs */
	uint32_t n_hands;  /* that are not NONE */
	struct wf_hand *hand;
	struct wf_far *far;          /* far.h, or NULL */
	struct wf_patience patience; /* of threads that wait */
	struct weft_job_stats stats;
};

/* main.c */
bool wf_job_main_seen(void);

/* spawn.c: a zygote; 0 and ctl, zygote and names are set, or a negative errno and pool->why. */
int wf_zygote_start(struct weft_job_pool *p);

/* place.c: where workers are, as options say: into setup. Of memory: its node, or -1. */
int wf_place_workers(const struct weft_job_pool_options *o, struct wf_wire_setup *s);
int wf_place_of_hand(const struct wf_wire_setup *s, uint32_t index);
int wf_place_of_data(const void *at);

/* hire.c; pool locked */
int wf_hand_hire(struct wf_hand *h);
void wf_hand_let_go(struct wf_hand *h); /* when it has done what is at its desk */
void wf_hand_kill(struct wf_hand *h, uint32_t why); /* enum weft_job_fault */
bool wf_hand_read_output(
	struct wf_hand *h);            /* what it wrote to stderr; false: that was all */
void wf_hand_bury(struct wf_hand *h);  /* it is dead and its jobs were seen to */
void wf_hand_close(struct wf_hand *h); /* its mapping */
/* Whether it is to be replaced before it does more than what is at its desk. */
bool wf_hand_worn(const struct wf_hand *h);
void wf_hand_ring(struct wf_hand *h); /* wake it if it sleeps */
static inline uint32_t wf_hand_load(const struct wf_hand *h)
{
	return h->tail - h->first + h->claimed - h->skipped;
}

/* dispatch.c; pool locked, and unlocked for copying */
void wf_queue_push(struct weft_job *job, bool front);
void wf_queue_remove(struct weft_job *job);
void wf_dispatch(struct weft_job_pool *p);
bool wf_job_take_back(struct weft_job *job); /* PLACED and not begun: off its desk */

/* reap.c; pool locked, and unlocked for copying */
void wf_hand_reap(struct wf_hand *h);
void wf_hand_died(struct wf_hand *h,
		  const struct wf_wire_msg *msg); /* NULL: with the zygote */
void wf_job_end(struct weft_job *job, ssize_t result, uint32_t fault);
void wf_job_stop(struct weft_job *job, uint32_t fault); /* DEADLINE or CANCELED */
int wf_fault_errno(uint32_t fault);

/* job.c: the keeper takes its result; locked */
void wf_job_watch(struct weft_job *job);
void wf_job_free(struct weft_job *job);

/* stream.c; pool locked. Its slot is about to be given to the worker; it may have sent something;
 * nobody wants more. save: it has ended, what it left is kept: 0, or -errno. Locked or not, as
 * long as it is this thread that ends it. */
void wf_stream_begin(struct weft_job *job);
void wf_stream_tell(struct weft_job *job);
void wf_stream_deafen(struct weft_job *job);
int wf_stream_save(struct weft_job *job);

/* pool.c: locked; lets go of the lock too */
void wf_pool_put(struct weft_job_pool *p);

/*
 * cgroup.c. open: a group for the pool where the options say: 0, or negative errno and pool->why. of: the
 * descriptor of cgroup.procs by which a new worker enters its own, or negative errno. killed: whether the kernel has
 * killed in it since.
 */
int wf_cgroup_open(struct weft_job_pool *p);
void wf_cgroup_close(struct weft_job_pool *p);
int wf_cgroup_of(struct wf_hand *h);
bool wf_cgroup_killed(const struct wf_hand *h);

/* keeper.c */
void *wf_keeper(void *pool);
void wf_keeper_ring(struct weft_job_pool *p); /* locked: have it look */

#endif
