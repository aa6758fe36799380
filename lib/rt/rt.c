/* SPDX-License-Identifier: MIT */
#include "weft/rt.h"

#include <errno.h>
#include <string.h>

#include "../exec/future.h"
#include "../options.h"
#include "../../sched/sched.h"
#include "weft/co.h"

const char *weft_version(void)
{
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
	return TEXT(WEFT_VERSION_MAJOR) "." TEXT(WEFT_VERSION_MINOR) "." TEXT(
		WEFT_VERSION_PATCH);
}

static void tell_stall(const struct wf_stall *s, const struct wf_stall_sink *sink)
{
	const struct weft_stall stall = {.size = sizeof(stall),
					 .kind = (enum weft_stall_kind)s->kind,
					 .worker = s->worker,
					 .name = s->name,
					 .ns = s->ns,
					 .trace = s->trace,
					 .state = s->state,
					 .syscall = s->syscall,
					 .wchan = s->wchan,
					 .minor_faults = s->minor_faults,
					 .major_faults = s->major_faults};

	((void (*)(const struct weft_stall *, void *))sink->user_fn)(&stall, sink->arg);
}

static void tell_report(const struct wf_co_report *r, const struct wf_report_sink *sink)
{
	const struct weft_report report = {.size = sizeof(report),
					   .kind = (enum weft_report_kind)r->kind,
					   .coroutines = r->n,
					   .text = r->text};

	((void (*)(const struct weft_report *, void *))sink->user_fn)(&report, sink->arg);
}

int weft_start(const struct weft_options *opt)
{
	struct weft_options o;
	int rc = weft__options_copy(&o, sizeof(o), opt);

	if (rc)
		return rc;
	struct wf_conf conf = {.workers = o.workers,
			       .max_workers = o.max_workers,
			       .adapt_ms = o.adapt_ms,
			       .adapt_pressure = o.adapt_pressure,
			       .stack_kib = o.stack_kib,
			       .max_coroutines = o.max_coroutines,
			       .stack_memory_mib = o.stack_memory_mib,
			       .stack_trim_ms = o.stack_trim_ms,
			       .stack_stats = o.stack_stats,
			       .sq_entries = o.sq_entries,
			       .recv_buffers = o.recv_buffers,
			       .recv_buffer_bytes = o.recv_buffer_bytes,
			       .readahead_bytes = o.readahead_bytes,
			       .timer_slack_us = o.timer_slack_us,
			       .spin_us = o.spin_us,
			       .linger_us = o.linger_us,
			       .latency_weight = o.latency_weight,
			       .normal_weight = o.normal_weight,
			       .faults = o.faults,
			       .pin = o.pin,
			       .disable = o.disable,
			       .place = o.place,
			       .rescue = o.rescue,
			       .blocking_threads = o.blocking_threads,
			       .blocking_queue = o.blocking_queue,
			       .reports = o.reports,
			       .on_report = {.fn = o.on_report ? tell_report : NULL,
					     .user_fn = (void (*)(void))o.on_report,
					     .arg = o.report_arg},
			       .sim = o.sim,
			       .sim_report = o.sim_report,
			       .stall_ms = o.stall_ms,
			       .on_stall = {.fn = o.on_stall ? tell_stall : NULL,
					    .user_fn = (void (*)(void))o.on_stall,
					    .arg = o.stall_arg}};
	return wf_start(&conf);
}

/* Its threads are waited for when no coroutine is left that could want them. */
int weft_stop(void)
{
	int rc = wf_stop();

	if (!rc)
		weft__default_pool_close();
	return rc;
}

const char *weft_start_error(void)
{
	return wf_start_error();
}

int weft_run(int (*fn)(void *arg), void *arg, const struct weft_options *opt)
{
	const struct weft_co_attr attr = {.size = sizeof(attr), .name = "main"};
	struct weft_co *co;
	int status = 0, rc = fn ? weft_start(opt) : -EINVAL;

	if (rc)
		return rc;
	rc = weft_spawn(fn, arg, &attr, &co);
	if (!rc)
		rc = weft_join(co, &status);
	int stopped = weft_stop();
	return rc ? rc : stopped ? stopped : status;
}

int weft_set_workers(unsigned n)
{
	return wf_set_workers(n);
}

int weft_workers(void)
{
	return wf_n_workers();
}

int weft_worker_id(void)
{
	return wf_worker_id();
}

int weft_feature(unsigned i, const char **ret_name, bool *ret_on, const char **ret_lost)
{
	return wf_feature(i, ret_name, ret_on, ret_lost);
}

int weft_stats(struct weft_stats *stats)
{
	struct wf_totals t;
	int rc = wf_totals(&t);

	if (!stats || stats->size < sizeof(stats->size))
		return -EINVAL;
	if (rc)
		return rc;
	const struct weft_stats all = {.spawned = t.spawned,
				       .ended = t.ended,
				       .switches = t.switches,
				       .steals = t.steals_near + t.steals_node +
						 t.steals_remote,
				       .enters = t.enters,
				       .sqes = t.sqes,
				       .cqes = t.cqes,
				       .wakes = t.wakes,
				       .remote_msgs = t.remote_msgs,
				       .starved = t.starved,
				       .timers_fired = t.timers_fired,
				       .overflows = t.overflows,
				       .hogs = t.hogs,
				       .blocked = t.blocked,
				       .disk_sleeps = t.disk_sleeps,
				       .stall_faults = t.stall_faults,
				       .handed_over = t.handed_over,
				       .spares = t.spares,
				       .retired = t.retired,
				       .moved = t.moved,
				       .latency_runs = t.latency_runs,
				       .batch_runs = t.batch_runs,
				       .spins = t.spins,
				       .spins_won = t.spins_won,
				       .trimmed = t.trimmed,
				       .steals_near = t.steals_near,
				       .steals_node = t.steals_node,
				       .steals_remote = t.steals_remote,
				       .runs_remote = t.runs_remote,
				       .rescued = t.rescued};
	return weft__result_copy(stats, &all, sizeof(all));
}
