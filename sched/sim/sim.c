/* SPDX-License-Identifier: MIT */
/* Beginning and ending a simulation, and what it says of itself. */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dice.h"
#include "kernel.h"
#include "threads.h"

enum { LEVEL = 1, LEVELS = 3, WORKERS = 3 };

struct wf_sim_totals wf_sim_count;

static struct {
	bool open, ever;
	char report[4096]; /* the file, or "" */
} g;

/* "SEED" or "SEED:LEVEL" */
static int parse(const char *text, uint64_t *ret_seed, unsigned *ret_level)
{
	char *end;

	errno = 0;
	*ret_seed = strtoull(text, &end, 0);
	*ret_level = LEVEL;
	if (end == text || errno || *text == '-')
		return -EINVAL;
	if (*end == ':' && end[1] >= '0' && end[1] < '0' + LEVELS) {
		*ret_level = (unsigned)(end[1] - '0');
		end += 2;
	}
	return *end ? -EINVAL : 0;
}

/* What depends on the machine and on real time. There is no monitor: it looks at what real
 * threads do. */
static void adjust(struct wf_conf *conf, unsigned level)
{
	static const long buffers[] = {0, 0, 16, 64};
	long n = level ? buffers[wf_dice(4)] : 0;

	if (conf->workers == 0)
		conf->workers = WORKERS;
	if (conf->max_workers == 0)
		conf->max_workers = conf->workers;
	conf->pin = conf->adapt_ms = conf->stall_ms = conf->rescue = conf->faults =
		conf->spin_us = -1;
	if (n && n < conf->recv_buffers)
		conf->recv_buffers = n;
}

int wf_sim_open(const char *text, struct wf_conf *conf, const struct wf_sim_hooks *hooks,
		char *err, size_t err_size)
{
	uint64_t seed;
	unsigned level;

	if (parse(text, &seed, &level)) {
		snprintf(err, err_size,
			 "sim (WEFT_SIM) is '%s', not SEED or SEED:LEVEL with a number "
			 "and 0, 1 or 2",
			 text);
		return -EINVAL;
	}
	wf_dice_open(seed, level);
	wf_sim_count = (struct wf_sim_totals){.seed = seed, .level = level};
	adjust(conf, level);
	wf_kernel_open();
	int rc = wf_threads_open(hooks);
	g.open = g.ever = !rc;
	snprintf(g.report, sizeof(g.report), "%s",
		 conf->sim_report ? conf->sim_report : "");
	return rc;
}

static void sum_up(void)
{
	wf_sim_count.hash = wf_dice_hash();
	wf_sim_count.events = wf_dice_events();
	wf_sim_count.ns = wf_sim_now - WF_SIM_EPOCH;
}

/* One line of JSON. What cannot be written is not. */
static void write_report(void)
{
	const struct wf_sim_totals *t = &wf_sim_count;
	int fd =
		!strcmp(g.report, "-")
			? STDERR_FILENO
			: open(g.report, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return;
	dprintf(fd,
		"{\"seed\": %" PRIu64 ", \"level\": %u, \"hash\": \"%016" PRIx64
		"\", \"events\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"turns\": %" PRIu64
		", \"freezes\": %" PRIu64 ", \"shorts\": %" PRIu64
		", \"starved\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"cancels\": %" PRIu64
		", \"cancels_lost\": %" PRIu64 ", \"errors\": %" PRIu64
		", \"deadlocks\": %" PRIu64 "}\n",
		t->seed, t->level, t->hash, t->events, t->ns, t->switches, t->freezes,
		t->shorts, t->starved, t->lost, t->cancels, t->cancels_lost, t->errors,
		t->deadlocks);
	if (fd != STDERR_FILENO)
		close(fd);
}

void wf_sim_close(void)
{
	if (!g.open)
		return;
	sum_up();
	if (g.report[0])
		write_report();
	g.open = false;
	wf_threads_close();
	wf_kernel_close();
}

int wf_sim_budget(int n)
{
	return 1 + (int)wf_dice((uint64_t)(n < 8 ? n : wf_dice(2) ? 8 : n));
}

int wf_sim_totals(struct wf_sim_totals *ret_totals)
{
	if (!g.ever)
		return -ESRCH;
	if (g.open)
		sum_up();
	*ret_totals = wf_sim_count;
	return 0;
}
