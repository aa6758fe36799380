/* SPDX-License-Identifier: MIT */
/*
 * Off the desk. What a worker wrote is read once, checked, and copied to the caller's memory:
 * what it does to the shared memory afterwards nobody sees. A fresh worker's result is looked
 * at when the worker is gone.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../sched/sched.h"
#include "far.h"

int wf_fault_errno(uint32_t fault)
{
	static const int table[] = {
		[WEFT_JOB_SIGNAL] = -ECHILD,      [WEFT_JOB_STACK] = -ECHILD,
		[WEFT_JOB_EXIT] = -ECHILD,        [WEFT_JOB_DEADLINE] = -ETIMEDOUT,
		[WEFT_JOB_CANCELED] = -ECANCELED, [WEFT_JOB_MEMORY] = -ENOMEM,
		[WEFT_JOB_CPU] = -ETIME,          [WEFT_JOB_SYSCALL] = -EACCES,
		[WEFT_JOB_DESCRIPTORS] = -EMFILE, [WEFT_JOB_CHILDREN] = -EBUSY,
		[WEFT_JOB_CORRUPT] = -EPROTO,     [WEFT_JOB_LOST] = -EIO};

	return table[fault];
}

/* Locked. The only place where a job ends: what is to know of it hears it here. */
void wf_job_end(struct weft_job *job, ssize_t result, uint32_t fault)
{
	struct weft_job_pool *p = job->pool;

	if (fault && job->error && !job->error->fault)
		job->error->fault = fault;
	job->state = WF_JOB_ENDED;
	job->result = result;
	*(job->live_prev ? &job->live_prev->live_next : &p->live) = job->live_next;
	if (job->live_next)
		job->live_next->live_prev = job->live_prev;
	p->n_live--;
	p->stats.ended++;
	p->stats.failed += result < 0;
	if (p->closing)
		pthread_cond_broadcast(&p->changed);
	if (job->detached) {
		wf_job_free(job);
		return;
	}
	if (job->stream)
		weft_event_set(&job->more);
	weft_event_set(&job->done); /* the last: it may be gone now */
}

/* ---- results ---------------------------------------------------------------------------- */

static void free_slot(struct wf_hand *h, uint32_t slot)
{
	h->job[slot] = NULL;
	h->free[h->n_free++] = slot;
	if (wf_hand_load(h))
		return;
	h->idle_since = weft_now();
	if (!h->leaving && wf_hand_worn(h)) {
		h->pool->stats.recycled++;
		wf_hand_let_go(h);
	}
}

/* Those who sleep on a slot. */
static void wake(struct wf_hand *h, uint32_t slot)
{
	syscall(SYS_futex, &h->desk->slot[slot].state, FUTEX_WAKE, 1 << 30, NULL, NULL,
		0);
}

static void tell_error(struct weft_job *job, const struct weft_job_error *why)
{
	if (job->error)
		weft__result_copy(job->error, why, sizeof(*why));
}

/* What it sent and nobody has taken yet. unlocks to copy. */
static int save_stream(struct wf_hand *h, struct weft_job *job)
{
	if (!job->stream || job->deaf)
		return 0;
	job->state = WF_JOB_TAKING;
	h->copying++;
	pthread_mutex_unlock(&h->pool->lock);
	int rc = wf_stream_save(job);
	pthread_mutex_lock(&h->pool->lock);
	h->copying--;
	return rc;
}

/* The job returned and the worker says how. unlocks to copy. */
static void take(struct wf_hand *h, struct weft_job *job)
{
	struct weft_job_pool *p = h->pool;
	const volatile struct wf_slot *s = &h->desk->slot[job->slot];
	int64_t result = s->result;
	uint32_t fault = s->fault;
	struct weft_job_error why = {.pid = h->pid, .code = s->code};

	if (fault != WEFT_JOB_OK) {
		why.fault = fault == WEFT_JOB_DESCRIPTORS || fault == WEFT_JOB_CHILDREN
				    ? fault
				    : WEFT_JOB_CORRUPT;
		result = wf_fault_errno(why.fault);
	} else if (result > (int64_t)job->out_cap || result < -4095) {
		why.fault = WEFT_JOB_CORRUPT;
		result = wf_fault_errno(why.fault);
	} else if (result < 0) {
		why.fault = WEFT_JOB_RETURNED;
	}
	int saved = save_stream(h, job);
	if (saved) {
		why.fault = saved == -EPROTO ? WEFT_JOB_CORRUPT : WEFT_JOB_LOST;
		result = wf_fault_errno(why.fault);
	}
	if (result > 0 && job->out) {
		job->state = WF_JOB_TAKING;
		h->copying++;
		pthread_mutex_unlock(&p->lock);
		memcpy(job->out, wf_desk_out(h->desk, &p->setup.shape, job->slot),
		       (size_t)result);
		pthread_mutex_lock(&p->lock);
		h->copying--;
	} else if (result < 0) {
		wf_hand_read_output(h);
		memcpy(why.output, h->output, sizeof(why.output));
		tell_error(job, &why);
	}
	p->barren = 0;
	h->served++;
	if (job->watched)
		wake(h, job->slot);
	free_slot(h, job->slot);
	wf_job_end(job, result, why.fault);
}

void wf_hand_reap(struct wf_hand *h)
{
	bool fresh = h->pool->opt.flags & WEFT_JOB_FRESH;

	while (h->state == WF_HAND_UP && h->tail != h->first) {
		uint32_t slot = h->order[h->first % WF_DESK_SLOTS];
		struct weft_job *job = h->job[slot];
		uint32_t state = wf_atomic_load_seq(&h->desk->slot[slot].state); /* DK3 */

		state -= h->turn[slot];
		if (state < WF_SLOT_READY || state > WF_SLOT_DONE)
			wf_hand_kill(h, WEFT_JOB_CORRUPT);
		if (job && state == WF_SLOT_RUNNING)
			wf_stream_tell(job);
		if (state != WF_SLOT_DONE || (fresh && job && !h->dead) ||
		    (job && job->reading))
			return;
		h->first++;
		if (job) {
			take(h, job);
		} else {
			h->skipped--;
			free_slot(h, slot);
		}
	}
}

/* ---- deaths ----------------------------------------------------------------------------- */

/* Without a cgroup nobody can tell whether the kernel killed it for that. */
static bool was_memory(const struct wf_hand *h)
{
	return h->pool->cgroup < 0 || wf_cgroup_killed(h);
}

/* What its last words and the kernel say about a worker's death. */
static void explain(struct wf_hand *h, const struct wf_wire_msg *msg,
		    struct weft_job_error *why)
{
	const struct wf_report *r = &h->desk->report;
	bool told = wf_atomic_load_acquire(&r->valid) == 1; /* DK7 */
	uint32_t fault = told ? r->fault : 0;

	why->fault = WEFT_JOB_LOST;
	if (msg)
		why->fault = msg->code == CLD_EXITED ? WEFT_JOB_EXIT : WEFT_JOB_SIGNAL;
	if (msg && msg->code == CLD_EXITED)
		why->code = msg->status;
	else if (msg)
		why->signal = msg->status;
	if (why->signal == SIGKILL && h->pool->opt.memory_bytes && was_memory(h))
		why->fault = WEFT_JOB_MEMORY;
	if (told && !h->killed) {
		why->signal = r->signal;
		why->code = r->code;
		why->address = r->address;
		memcpy(why->trace, r->trace, sizeof(why->trace));
		why->trace[sizeof(why->trace) - 1] = '\0';
		why->fault = fault == WEFT_JOB_STACK || fault == WEFT_JOB_MEMORY ||
					     fault == WEFT_JOB_CPU ||
					     fault == WEFT_JOB_SYSCALL
				     ? fault
				     : WEFT_JOB_SIGNAL;
	}
	if (h->killed)
		why->fault = h->killed;
	why->pid = h->pid;
	wf_hand_read_output(h);
	memcpy(why->output, h->output, sizeof(why->output));
}

/* It died in this job. */
static void blame(struct weft_job *job, const struct weft_job_error *why)
{
	tell_error(job, why);
	if (job->stream && !job->deaf)
		wf_stream_save(job); /* as far as it can be: the error is another one */
	wf_job_end(job, wf_fault_errno(why->fault), why->fault);
}

/* What had begun ends with it, what had not goes back to the queue. Returns how many it took. */
static unsigned clear_desk(struct wf_hand *h, const struct weft_job_error *why)
{
	unsigned taken = 0;

	/* From the last on, so that the first is the first of the queue. */
	while (h->tail != h->first) {
		uint32_t slot = h->order[--h->tail % WF_DESK_SLOTS];
		struct weft_job *job = h->job[slot];
		struct wf_slot *s = &h->desk->slot[slot];
		uint32_t state = wf_atomic_load_seq(&s->state); /* DK3 */

		if (!job)
			continue;
		if (job->watched) {
			wf_atomic_store_seq(&s->state, 0u); /* DK3 */
			wake(h, slot);
		}
		h->job[slot] = NULL;
		if (state == h->turn[slot] + WF_SLOT_READY && !job->detached) {
			wf_queue_push(job, true);
		} else {
			blame(job, why);
			taken++;
		}
	}
	return taken;
}

void wf_hand_died(struct wf_hand *h, const struct wf_wire_msg *msg)
{
	struct weft_job_pool *p = h->pool;
	struct weft_job_error why = {0};

	h->leaving = h->dead = true;
	wf_hand_reap(h);
	while (h->claimed || h->copying) { /* some thread is between two steps */
		pthread_mutex_unlock(&p->lock);
		sched_yield();
		pthread_mutex_lock(&p->lock);
	}
	wf_hand_reap(h);
	explain(h, msg, &why);
	unsigned taken = clear_desk(h, &why);
	if (!h->killed && (taken || !msg || msg->code != CLD_EXITED || msg->status))
		p->stats.crashed++;
	p->barren = taken || h->served ? 0 : p->barren + 1;
	wf_hand_bury(h);
}

/* ---- stopping one ----------------------------------------------------------------------- */

/* Nothing may begin behind it, or the signal might hit that. */
static void clear_behind(struct wf_hand *h, const struct weft_job *running)
{
	for (uint32_t i = h->tail; i != h->first; i--) {
		struct weft_job *job = h->job[h->order[(i - 1) % WF_DESK_SLOTS]];
		if (job && job != running && wf_job_take_back(job))
			wf_queue_push(job, true);
	}
}

static void stop_placed(struct weft_job *job, uint32_t fault)
{
	struct wf_hand *h = job->hand;
	struct wf_slot *s = &h->desk->slot[job->slot];

	if (wf_job_take_back(job)) {
		wf_job_end(job, wf_fault_errno(fault), fault);
		return;
	}
	h->leaving = true;
	clear_behind(h, job);
	if (wf_atomic_load_seq(&s->state) != h->turn[job->slot] + WF_SLOT_DONE) /* DK3 */
		wf_hand_kill(h, fault);
	else
		h->leaving = h->killed || h->dead;
}

void wf_job_stop(struct weft_job *job, uint32_t fault)
{
	if (job->state == WF_JOB_QUEUED) {
		wf_queue_remove(job);
		wf_job_end(job, wf_fault_errno(fault), fault);
	} else if (job->state == WF_JOB_FILLING) {
		job->unwanted = fault;
	} else if (job->state == WF_JOB_PLACED) {
		stop_placed(job, fault);
	} else if (job->state == WF_JOB_AWAY && !job->unwanted) {
		job->unwanted = fault;
		job->pool->far->stop(job->pool->far, job);
	}
}
