/* SPDX-License-Identifier: MIT */
/* Pools: opening, closing, what they count. */
#include "far.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sched/sched.h"

enum { MAX_WORKERS = 1024, GOODBYE_MS = 5000 };

static _Thread_local char open_error[sizeof(((struct weft_job_pool *)0)->why)];

const char *weft_job_pool_error(void)
{
	return open_error;
}

/* ---- options ---------------------------------------------------------------------------- */

static unsigned allowed_cpus(const struct wf_wire_setup *s)
{
	cpu_set_t set;

	if (CPU_COUNT(&s->cpus))
		return (unsigned)CPU_COUNT(&s->cpus);
	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static uint32_t lacking(void)
{
	static const char *const name[] = {"SECCOMP", "LANDLOCK", "NAMESPACES", "PIDFD",
					   "JOB_RING"};
	const char *text = getenv("WEFT_DISABLE");
	uint32_t bits = 0;

	for (size_t i = 0; text && i < sizeof(name) / sizeof(name[0]); i++)
		if (strstr(text, name[i]))
			bits |= 1u << i;
	return bits;
}

static int copy_dirs(const char *const *dirs, char *text)
{
	size_t used = 0;

	for (; dirs && *dirs; dirs++) {
		size_t len = strlen(*dirs) + 1;
		if (len == 1 || used + len >= WF_DIRS_BYTES)
			return -EINVAL;
		memcpy(text + used, *dirs, len);
		used += len;
	}
	return 0;
}

static void fill_in(struct weft_job_pool_options *o, const struct wf_wire_setup *s)
{
#define OR(field, value) (o->field = o->field ? o->field : (value))
	OR(min_workers, 1);
	OR(max_workers,
	   allowed_cpus(s) > o->min_workers ? allowed_cpus(s) : o->min_workers);
	OR(queue, 1024);
	OR(ahead, 16);
	OR(max_in, 65536);
	OR(max_out, 65536);
	OR(idle_ns, 10 * WEFT_SEC);
	OR(start_ns, 10 * WEFT_SEC);
#undef OR
	if (o->flags & WEFT_JOB_FRESH)
		o->ahead = 1;
}

static int check(const struct weft_job_pool_options *o)
{
	const uint32_t flags = WEFT_JOB_FRESH | WEFT_JOB_LOOSE | WEFT_JOB_SPACES |
			       WEFT_JOB_BATCH | WEFT_JOB_IDLE | WEFT_JOB_APART |
			       WEFT_JOB_NODES | WEFT_JOB_UNCHECKED;
	const uint32_t may = WEFT_JOB_MAY_READ | WEFT_JOB_MAY_WRITE | WEFT_JOB_MAY_SYNC;
	const size_t most = (size_t)1 << 32;

	if (o->profile > WEFT_JOB_PURE || o->flags & ~flags ||
	    o->max_workers > MAX_WORKERS || o->min_workers > o->max_workers ||
	    o->ahead > WF_DESK_SLOTS || o->max_in > most || o->max_out > most ||
	    (o->read_dirs && o->profile != WEFT_JOB_READ) || o->n_grants > WF_WIRE_FDS ||
	    !o->n_grants != !o->grant_ops || o->grant_ops & ~may ||
	    (o->cgroup && !o->memory_bytes))
		return -EINVAL;
	return 0;
}

/* A zygote that takes the place of another gets them again. */
static int keep_grants(struct weft_job_pool *p)
{
	const struct weft_job_pool_options *o = &p->opt;

	for (unsigned i = 0; i < o->n_grants; i++) {
		int fd = fcntl(o->grants[i], F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		p->grant[p->setup.n_grants++] = fd;
	}
	p->setup.grant_ops = o->grant_ops;
	return 0;
}

static int set_up(struct weft_job_pool *p)
{
	struct weft_job_pool_options *o = &p->opt;
	struct wf_wire_setup *s = &p->setup;
	int rc = wf_place_workers(o, s);

	if (rc)
		return rc;
	fill_in(o, s);
	rc = check(o);
	if (!rc)
		rc = copy_dirs(o->read_dirs, s->dirs);
	if (!rc)
		rc = keep_grants(p);
	s->op = WF_WIRE_SETUP;
	s->version = WF_WIRE_VERSION;
	s->profile = o->profile;
	s->flags = o->flags;
	s->lacking = lacking();
	s->nice = o->nice;
	s->tell_size = o->recycle_bytes != 0;
	s->shape = (struct wf_desk_shape){wf_desk_round(o->max_in),
					  wf_desk_round(o->max_out), o->ahead};
	s->memory_bytes = o->cgroup ? 0 : o->memory_bytes;
	s->cpu_ms = o->cpu_ms;
	p->patience.ns = WF_SPIN_MAX_NS;
	return rc;
}

/* ---- opening ---------------------------------------------------------------------------- */

static int find_program(struct weft_job_pool *p)
{
	if (!p->opt.exe && !wf_job_main_seen()) {
		snprintf(p->why, sizeof(p->why),
			 "main does not begin with weft_job_main(argc, argv), so this "
			 "program "
			 "cannot be started as its own zygote");
		return -ENOEXEC;
	}
	p->exe = strdup(p->opt.exe ? p->opt.exe : "/proc/self/exe");
	return p->exe ? 0 : -ENOMEM;
}

static int open_descriptors(struct weft_job_pool *p)
{
	struct epoll_event bell = {.events = EPOLLIN, .data.u64 = 0};
	struct epoll_event ctl = {.events = EPOLLIN, .data.u64 = 3ull << 32};

	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->bell_fd = p->epoll < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->bell_fd < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->bell_fd, &bell) ||
	    epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->ctl, &ctl))
		return -errno;
	return 0;
}

static int start_keeper(struct weft_job_pool *p)
{
	sigset_t all, ours;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &ours);
	int rc = -pthread_create(&p->keeper, NULL, wf_keeper, p);
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
	return rc;
}

static uint32_t n_up(const struct weft_job_pool *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->opt.max_workers; i++)
		n += p->hand[i].state == WF_HAND_UP;
	return n;
}

static int wait_until_ready(struct weft_job_pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (n_up(p) < p->opt.min_workers && !p->broken)
		pthread_cond_wait(&p->changed, &p->lock);
	int rc = p->broken;
	if (rc)
		snprintf(p->why, sizeof(p->why), "cannot have workers: %s",
			 strerror(-rc));
	pthread_mutex_unlock(&p->lock);
	return rc;
}

static struct weft_job_pool *new_pool(void)
{
	struct weft_job_pool *p = calloc(1, sizeof(*p));
	pthread_condattr_t a;

	if (!p)
		return NULL;
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &a);
	pthread_condattr_destroy(&a);
	pthread_mutex_init(&p->lock, NULL);
	p->ctl = p->zygote_fd = p->epoll = p->bell_fd = p->cgroup_above = p->cgroup = -1;
	p->refs = 1;
	return p;
}

static int new_hands(struct weft_job_pool *p)
{
	p->hand = calloc(p->opt.max_workers, sizeof(*p->hand));
	for (uint32_t i = 0; p->hand && i < p->opt.max_workers; i++) {
		struct wf_hand *h = &p->hand[i];
		h->pool = p;
		h->index = i;
		h->node = wf_place_of_hand(&p->setup, i);
		h->tell_fd = h->stderr_fd = h->pidfd = -1;
	}
	return p->hand ? 0 : -ENOMEM;
}

/* LOOSE: by the address space, where it cannot be. */
static int limit_by_cgroup(struct weft_job_pool *p)
{
	int rc = wf_cgroup_open(p);

	if (!rc || !(p->opt.flags & WEFT_JOB_LOOSE))
		return rc;
	wf_cgroup_close(p);
	p->why[0] = '\0';
	p->setup.memory_bytes = p->opt.memory_bytes;
	return 0;
}

static int start(struct weft_job_pool *p)
{
	int rc = set_up(p);

	if (rc)
		snprintf(p->why, sizeof(p->why), "options: %s", strerror(-rc));
	if (!rc)
		rc = find_program(p);
	if (!rc)
		rc = new_hands(p);
	if (!rc && p->opt.cgroup)
		rc = limit_by_cgroup(p);
	if (!rc)
		rc = wf_zygote_start(p);
	if (!rc)
		rc = open_descriptors(p);
	if (!rc)
		rc = start_keeper(p);
	return rc;
}

void wf_pool_put(struct weft_job_pool *p)
{
	bool last = !--p->refs;

	pthread_mutex_unlock(&p->lock);
	if (!last)
		return;
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The zygote ends, with all there are, when our end of the socket does. */
static void end_zygote(struct weft_job_pool *p)
{
	struct pollfd fd = {.fd = p->zygote_fd, .events = POLLIN};

	close_fd(&p->ctl);
	if (p->zygote_fd >= 0 && poll(&fd, 1, GOODBYE_MS) == 0)
		syscall(SYS_pidfd_send_signal, p->zygote_fd, SIGKILL, NULL, 0);
	close_fd(&p->zygote_fd);
}

/* All but the structure itself, which those who hold jobs still need. */
static void dismantle(struct weft_job_pool *p)
{
	end_zygote(p);
	for (uint32_t i = 0; p->hand && i < p->opt.max_workers; i++)
		wf_hand_close(&p->hand[i]);
	for (unsigned i = 0; i < p->setup.n_grants; i++)
		close_fd(&p->grant[i]);
	wf_cgroup_close(p);
	close_fd(&p->cgroup_above);
	close_fd(&p->bell_fd);
	close_fd(&p->epoll);
	free(p->hand);
	free(p->names);
	free(p->exe);
	pthread_mutex_lock(&p->lock);
	wf_pool_put(p);
}

/* What opening and closing are given, and say. */
struct errand {
	const struct weft_job_pool_options *opt;
	struct weft_job_pool *pool;
	weft_time deadline;
	char why[sizeof(open_error)];
};

static int open_pool(void *arg)
{
	struct errand *e = arg;
	struct weft_job_pool *p = new_pool();

	if (!p)
		return -ENOMEM;
	int rc = weft__options_copy(&p->opt, sizeof(p->opt), e->opt);
	if (!rc)
		rc = start(p);
	bool started = !rc;
	if (!rc)
		rc = wait_until_ready(p);
	if (!rc) {
		e->pool = p;
		return 0;
	}
	memcpy(e->why, p->why, sizeof(e->why));
	if (started)
		weft_job_pool_close(p, 0);
	else
		dismantle(p);
	return rc;
}

int weft_job_pool_open(const struct weft_job_pool_options *opt,
		       struct weft_job_pool **ret_pool)
{
	struct errand e = {.opt = opt};
	int rc = weft_blocking(open_pool, &e); /* in a plain thread: just called */

	memcpy(open_error, e.why, sizeof(open_error));
	if (!rc)
		*ret_pool = e.pool;
	return rc;
}

/* ---- closing ---------------------------------------------------------------------------- */

static void wait_for_jobs(struct weft_job_pool *p, weft_time deadline)
{
	const struct timespec at = {.tv_sec = (time_t)(deadline / WEFT_SEC),
				    .tv_nsec = (long)(deadline % WEFT_SEC)};

	while (p->n_live)
		if (deadline == WEFT_NEVER)
			pthread_cond_wait(&p->changed, &p->lock);
		else if (pthread_cond_timedwait(&p->changed, &p->lock, &at))
			return;
}

static void stop_all(struct weft_job_pool *p)
{
	struct weft_job *next;

	for (struct weft_job *job = p->live; job; job = next) {
		next = job->live_next;
		wf_job_stop(job, WEFT_JOB_CANCELED);
	}
	wait_for_jobs(p, WEFT_NEVER);
}

static int close_pool(void *arg)
{
	const struct errand *e = arg;
	struct weft_job_pool *p = e->pool;
	const weft_time deadline = e->deadline;

	pthread_mutex_lock(&p->lock);
	p->closing = true;
	for (struct weft_job *job = p->live; job; job = job->live_next)
		wf_job_watch(job);
	wf_keeper_ring(p);
	wait_for_jobs(p, deadline);
	stop_all(p);
	while (p->watchers)
		pthread_cond_wait(&p->changed, &p->lock);
	p->ended = true;
	wf_keeper_ring(p);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->keeper, NULL);
	if (p->far)
		p->far->close(p->far);
	dismantle(p);
	return 0;
}

/* Never cut short, and never refused: without a thread for it the caller's must do. */
void weft_job_pool_close(struct weft_job_pool *p, weft_time deadline)
{
	struct errand e = {.pool = p, .deadline = deadline};

	if (!p)
		return;
	weft_shield_scoped(shield, WEFT_NEVER);
	if (weft_blocking(close_pool, &e))
		close_pool(&e);
}

/* ---- what can be seen ------------------------------------------------------------------- */

int weft_job_stats(struct weft_job_pool *p, struct weft_job_stats *stats)
{
	pthread_mutex_lock(&p->lock);
	struct weft_job_stats s = p->stats;
	s.workers = n_up(p);
	s.queued = p->n_queued;
	s.running = p->n_live - p->n_queued;
	s.away = p->n_away;
	pthread_mutex_unlock(&p->lock);
	return weft__result_copy(stats, &s, sizeof(s));
}

int weft_job_worker_pid(struct weft_job_pool *p, int i)
{
	int pid = 0;

	pthread_mutex_lock(&p->lock);
	if (i == -1)
		pid = p->zygote;
	else if (i >= 0 && (unsigned)i < p->opt.max_workers &&
		 p->hand[i].state == WF_HAND_UP)
		pid = p->hand[i].pid;
	pthread_mutex_unlock(&p->lock);
	return pid ? pid : -ENOENT;
}
