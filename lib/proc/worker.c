/* SPDX-License-Identifier: MIT */
/*
 * A worker: does the jobs at its desk in order. It looks for the next one before it sleeps, and
 * looks a while longer when that has paid off lately. Nothing here trusts a job to have left the
 * process as it found it; what can be told is told, and a worker that is no longer clean ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "child.h"
#include "spin.h"
#include "stream.h"

enum { TELL_FD = 3 };

struct worker {
	const struct wf_zygote *z;
	struct wf_desk *desk;
	void *state;
	uint32_t head; /* jobs done or passed over */
	int lowest_fd; /* the lowest free descriptor while no job runs; -1: not looked at */
	struct wf_patience patience;
	uint32_t slot; /* of the job that runs */
	bool runs;     /* one does */
};

static struct worker self;

/* ---- the next job ----------------------------------------------------------------------- */

static bool has_work(struct worker *w)
{
	return wf_atomic_load_seq(&w->desk->tail) != w->head || /* DK1 */
	       wf_atomic_load_seq(&w->desk->stop);              /* DK6 */
}

static bool spin(struct worker *w, uint32_t ns)
{
	uint64_t end = ns ? weft_now() + ns : 0;

	do {
		for (int i = 0; i < 32; i++) {
			if (has_work(w))
				return true;
			wf_spin_relax();
		}
	} while (ns && weft_now() < end);
	return false;
}

static void sleep_on_bell(struct worker *w)
{
	uint32_t *bell = &w->desk->bell;

	wf_atomic_store_seq(bell, 1u);                   /* DK2 */
	while (!has_work(w) && wf_atomic_load_seq(bell)) /* DK2 */
		syscall(SYS_futex, bell, FUTEX_WAIT, 1, NULL, NULL, 0);
	wf_atomic_store_seq(bell, 0u); /* DK2 */
}

static void wait_for_work(struct worker *w)
{
	if (has_work(w))
		return;
	bool paid = spin(w, wf_patience_ns(&w->patience));
	wf_patience_learn(&w->patience, paid);
	if (!paid)
		sleep_on_bell(w);
}

/* ---- one job ---------------------------------------------------------------------------- */

static int lowest_free_fd(void)
{
	int fd = fcntl(TELL_FD, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

static bool has_children(void)
{
	siginfo_t si;

	return !waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT | __WALL);
}

/* What the job left behind, where its sandbox lets it leave anything and somebody wants to know. */
static uint32_t left_behind(const struct worker *w, int32_t *ret_code)
{
	if (w->lowest_fd < 0)
		return WEFT_JOB_OK;
	if (fcntl(w->lowest_fd, F_GETFD) >= 0) { /* a new one takes the lowest number */
		*ret_code = lowest_free_fd() - w->lowest_fd;
		return WEFT_JOB_DESCRIPTORS;
	}
	return has_children() ? WEFT_JOB_CHILDREN : WEFT_JOB_OK;
}

static void set_cpu_timer(const struct worker *w, uint64_t ms)
{
	const struct itimerval t = {
		.it_value = {.tv_sec = (time_t)(ms / 1000),
			     .tv_usec = (suseconds_t)(ms % 1000 * 1000)}};

	if (w->z->setup.cpu_ms)
		setitimer(ITIMER_PROF, &t, NULL);
}

static int64_t call(struct worker *w, const struct wf_slot *s, uint32_t slot)
{
	const struct wf_desk_shape *shape = &w->z->setup.shape;
	const struct weft_job_args args = {.in = wf_desk_in(w->desk, shape, slot),
					   .in_len = s->in_len,
					   .out = wf_desk_out(w->desk, shape, slot),
					   .out_cap = s->out_cap,
					   .state = w->state};

	w->slot = slot;
	w->runs = true;
	set_cpu_timer(w, w->z->setup.cpu_ms);
	int64_t result = w->z->table.job[s->job]->job(&args);
	set_cpu_timer(w, 0);
	w->runs = false;
	return result;
}

static void wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
}

static void tell_keeper(void)
{
	const uint64_t one = 1;
	ssize_t n = write(TELL_FD, &one, sizeof(one));

	(void)n; /* a full counter has told it already */
}

/* ---- messages of a job that runs -------------------------------------------------------- */

static bool has_room(const struct wf_slot *s, uint32_t size, uint32_t n)
{
	return size - (s->put - wf_atomic_load_seq(&s->taken)) >= n || /* ST2 */
	       wf_atomic_load_seq(&s->mode) == WF_STREAM_DEAF;         /* ST2 */
}

static void await_room(struct wf_slot *s, uint32_t size, uint32_t n)
{
	while (!has_room(s, size, n)) {
		wf_atomic_store_seq(&s->full, 1u);                            /* ST2 */
		while (!has_room(s, size, n) && wf_atomic_load_seq(&s->full)) /* ST2 */
			syscall(SYS_futex, &s->full, FUTEX_WAIT, 1, NULL, NULL, 0);
		wf_atomic_store_seq(&s->full, 0u); /* ST2 */
	}
}

int weft_job_send(const void *data, size_t len)
{
	struct worker *w = &self;

	if (!w->runs)
		return -EINVAL;
	struct wf_slot *s = &w->desk->slot[w->slot];
	const struct wf_desk_shape *shape = &w->z->setup.shape;
	char *ring = wf_desk_out(w->desk, shape, w->slot);
	const uint32_t size = wf_stream_size(shape->max_out), head = (uint32_t)len;

	if (wf_atomic_load_seq(&s->mode) == WF_STREAM_NONE) /* ST2 */
		return -EINVAL;
	if (len > size - WF_STREAM_HEAD)
		return -EMSGSIZE;
	await_room(s, size, head + WF_STREAM_HEAD);
	if (wf_atomic_load_seq(&s->mode) == WF_STREAM_DEAF) /* ST2 */
		return 0;
	wf_stream_write(ring, size, s->put, &head, sizeof(head));
	wf_stream_write(ring, size, s->put + WF_STREAM_HEAD, data, head);
	wf_atomic_store_seq(&s->put, s->put + WF_STREAM_HEAD + head);           /* ST1 */
	if (wf_atomic_load_seq(&s->eager) && wf_atomic_xchg_seq(&s->eager, 0u)) /* ST1 */
		tell_keeper();
	return 0;
}

/* ---- between jobs ----------------------------------------------------------------------- */

/* The job is done, or was not wanted any more. */
static void publish(struct worker *w, struct wf_slot *s, uint32_t turn)
{
	w->head++;
	wf_atomic_store_seq(&s->state, turn + WF_SLOT_DONE); /* DK3 */
	uint32_t want = wf_atomic_load_seq(&s->want);        /* DK4 */
	if (want == WF_WANT_WAITER)
		wake(&s->state);
	uint32_t left = wf_atomic_load_seq(&w->desk->tail) - w->head;    /* DK1 */
	bool hungry = left <= 1 && wf_atomic_load_seq(&w->desk->hungry); /* DK6 */
	if (want == WF_WANT_KEEPER || hungry)
		tell_keeper();
}

/* How large this process has been. */
static void tell_size(struct worker *w)
{
	struct rusage r;

	if (!w->z->setup.tell_size || getrusage(RUSAGE_SELF, &r))
		return;
	/* DK5 relaxed: nothing else depends on it */
	wf_atomic_store_relaxed(&w->desk->rss_kib, (uint32_t)r.ru_maxrss);
}

/* Returns whether this process may do another one. */
static bool do_job(struct worker *w)
{
	uint32_t slot = w->desk->ring[w->head % WF_DESK_SLOTS];
	struct wf_slot *s = &w->desk->slot[slot];
	uint32_t word = wf_atomic_load_seq(&s->state); /* DK3 */
	uint32_t turn = wf_slot_turn(word);

	if (wf_slot_state(word) != WF_SLOT_READY ||
	    !wf_atomic_cas_seq(&s->state, &word, turn + WF_SLOT_RUNNING)) { /* DK3 */
		publish(w, s, turn);
		return true;
	}
	int32_t code = 0;
	s->result = call(w, s, slot);
	s->fault = left_behind(w, &code);
	s->code = code;
	bool clean = s->fault == WEFT_JOB_OK;
	tell_size(w);
	publish(w, s, turn);
	return clean && !(w->z->setup.flags & WEFT_JOB_FRESH);
}

/* ---- start ------------------------------------------------------------------------------ */

/*
 * Nobody may outlive the zygote: it must be alive after the wish to die with it was made. In a PID
 * namespace of its own a process does not see who its parent is, but the descriptor tells.
 */
static void die_with_zygote(const struct wf_zygote *z)
{
	struct pollfd p = {.fd = z->self, .events = POLLIN};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (z->self >= 0 ? poll(&p, 1, 0) != 0 : getppid() != z->pid)
		_exit(1);
}

/* stdin and stdout as the zygote's, stderr captured, 3 tells the keeper, then the others that there are:
 * they lie higher, for there was all of this before they were opened. */
static int keep_descriptors(const int fds[WF_FORK_FDS], const int *others, unsigned n)
{
	if (dup2(fds[WF_FORK_TELL], TELL_FD) < 0 || dup2(fds[WF_FORK_STDERR], 2) < 0)
		return -errno;
	fcntl(TELL_FD, F_SETFD, FD_CLOEXEC);
	for (unsigned i = 0; i < n; i++)
		if (others[i] > (int)(TELL_FD + 1 + i) &&
		    dup3(others[i], (int)(TELL_FD + 1 + i), O_CLOEXEC) < 0)
			return -errno;
	return close_range(TELL_FD + 1 + n, ~0u, 0) ? -errno : 0;
}

/* What it maps and touches from now on is counted there. */
static int enter_cgroup(int procs)
{
	return procs >= 0 && write(procs, "0", 1) < 0 ? -errno : 0;
}

static void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void *warm_start(const struct wf_table *t)
{
	void *state = NULL;

	for (const struct weft_job_entry *e = t->begin; e < t->end; e++)
		if (e->kind == WEFT_JOB_ENTRY_START)
			state = e->start();
	return state;
}

static void prepare(struct worker *w, uint32_t number, const int fds[WF_FORK_FDS])
{
	const struct wf_wire_setup *setup = &w->z->setup;
	struct wf_sandbox sandbox = w->z->sandbox;
	unsigned n = 0;
	int others[2];

	die_with_zygote(w->z);
	prctl(PR_SET_NAME, "weft-job");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	unblock_signals();
	if (enter_cgroup(fds[WF_FORK_CGROUP]))
		_exit(1);
	w->desk = mmap(NULL, wf_desk_bytes(&setup->shape), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fds[WF_FORK_DESK], 0);
	if (w->desk == MAP_FAILED)
		_exit(1);
	wf_report_install(&w->desk->report, setup);
	if (sandbox.landlock >= 0)
		others[n++] = sandbox.landlock;
	if (sandbox.rings && (others[n++] = wf_grant_open(setup, w->z->grant)) < 0)
		_exit(1);
	if (keep_descriptors(fds, others, n))
		_exit(1);
	if (sandbox.landlock >= 0)
		sandbox.landlock = TELL_FD + 1;
	if (sandbox.rings)
		wf_grant_move((int)(TELL_FD + n));
	w->state = warm_start(&w->z->table);
	if (wf_limits_apply(setup, number) || wf_sandbox_apply(&sandbox, setup))
		_exit(1);
	w->lowest_fd =
		setup->profile == WEFT_JOB_PURE || setup->flags & WEFT_JOB_UNCHECKED
			? -1
			: lowest_free_fd();
}

_Noreturn void wf_worker_run(const struct wf_zygote *z, uint32_t number,
			     const int fds[WF_FORK_FDS])
{
	struct worker *w = &self;

	w->z = z;
	w->patience.ns = WF_SPIN_MAX_NS;
	prepare(w, number, fds);
	for (;;) {
		wait_for_work(w);
		if (wf_atomic_load_seq(&w->desk->tail) == w->head) /* DK1 */
			_exit(0);
		if (!do_job(w))
			_exit(0);
	}
}
