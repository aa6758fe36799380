/* SPDX-License-Identifier: MIT */
/*
 * Small programs of random shape under simulation, thousands of them: each seed is one
 * program and one course of it. What each must have done in the end is known.
 *
 *   --first N --seeds N --level N   in this process, one after the other (1, 500, 1)
 *   --only NAME                     just that kind of program
 *   --broken                        with a mistake, that some seeds must find: exit status 0
 *                                   if they do, and if it comes again with its seed
 *   --plain                         one program, as the environment says (weft sim)
 */
#include "simulated.h"
#include "simulated_net.h"

/* ---- channels: every element arrives once, in its sender's order ---- */

enum { SENDERS = 3, ELEMS = 20 };

static struct weft_chan *pipes[2];
static unsigned got[SENDERS][ELEMS];

static int sends(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < ELEMS; i++) {
		unsigned elem = me * ELEMS + i;
		const struct weft_select s[2] = {
			{.op = WEFT_SELECT_SEND, .chan = pipes[0], .elem = &elem},
			{.op = WEFT_SELECT_SEND, .chan = pipes[1], .elem = &elem}};
		int rc = -1;
		dawdle();
		if (below(2))
			CHECK(weft_select(s, 2, true, &rc) >= 0 && rc == 0);
		else
			CHECK(weft_chan_send(pipes[me % 2], &elem) == 0);
	}
	return 0;
}

static int receives(void *arg)
{
	struct weft_chan *chan = arg;
	unsigned elem;

	for (;;) {
		int rc = weft_chan_recv(chan, &elem);
		if (rc == -EPIPE)
			return 0;
		CHECK(rc == 0 && elem < SENDERS * ELEMS);
		got[elem / ELEMS][elem % ELEMS]++;
		dawdle();
	}
}

static int channels(void *arg)
{
	struct weft_co *sender[SENDERS], *receiver[4];

	(void)arg;
	memset(got, 0, sizeof(got));
	for (int i = 0; i < 2; i++)
		CHECK(weft_chan_new(sizeof(unsigned), below(3), &pipes[i]) == 0);
	for (unsigned i = 0; i < 4; i++)
		receiver[i] = go(receives, pipes[i % 2]);
	for (unsigned i = 0; i < SENDERS; i++)
		sender[i] = go(sends, (void *)(uintptr_t)i);
	CHECK(join_all(sender, SENDERS) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(weft_chan_close(pipes[i]) == 0);
	CHECK(join_all(receiver, 4) == 0);
	for (unsigned i = 0; i < SENDERS * ELEMS; i++)
		CHECK(got[i / ELEMS][i % ELEMS] == 1);
	for (int i = 0; i < 2; i++)
		weft_chan_free(pipes[i]);
	return 0;
}

/* ---- a bounded store of a mutex and a condition; the broken one has `if` for `while` ---- */

enum { ROOM = 2, GOODS = 12, PARTIES = 3 };

static struct {
	struct weft_mutex m;
	struct weft_cond full, empty;
	int n, most, least;
} store;

static int brings(void *arg)
{
	(void)arg;
	for (int i = 0; i < GOODS; i++) {
		dawdle();
		CHECK(weft_mutex_lock(&store.m) == 0);
		while (store.n == ROOM)
			CHECK(weft_cond_wait(&store.full, &store.m) == 0);
		store.n++;
		store.most = store.n > store.most ? store.n : store.most;
		weft_cond_signal(&store.empty);
		CHECK(weft_mutex_unlock(&store.m) == 0);
	}
	return 0;
}

static int fetches(void *arg)
{
	(void)arg;
	for (int i = 0; i < GOODS; i++) {
		CHECK(weft_mutex_lock(&store.m) == 0);
		if (opt.broken && store.n == 0)
			CHECK(weft_cond_wait(&store.empty, &store.m) == 0);
		while (!opt.broken && store.n == 0)
			CHECK(weft_cond_wait(&store.empty, &store.m) == 0);
		store.n--;
		store.least = store.n < store.least ? store.n : store.least;
		weft_cond_signal(&store.full);
		CHECK(weft_mutex_unlock(&store.m) == 0);
		dawdle();
	}
	return 0;
}

static int conditions(void *arg)
{
	struct weft_co *co[2 * PARTIES];

	(void)arg;
	memset(&store, 0, sizeof(store));
	for (unsigned i = 0; i < PARTIES; i++) {
		co[i] = go(brings, NULL);
		co[PARTIES + i] = go(fetches, NULL);
	}
	CHECK(join_all(co, 2 * PARTIES) == 0);
	CHECK(store.n == 0 && store.most <= ROOM && store.least >= 0);
	return 0;
}

/* ---- cancels and deadlines: whatever one waits for, it ends ---- */

enum { WAITERS = 8 };

static struct {
	bool early; /* they are stopped when they have hardly begun */
	struct weft_event event;
	struct weft_sem sem;
	struct weft_chan *chan;
	int pair[2];
} w;

static int sleeps(void *arg)
{
	(void)arg;
	weft_sleep_ns(WEFT_NEVER - 1 - weft_now());
	return 0;
}

static bool is_stop(long rc)
{
	return rc == -ECANCELED || rc == -ETIMEDOUT;
}

static int wait_for_something(void)
{
	char byte;
	unsigned elem;
	struct weft_co *co;
	int rc;

	switch (below(6)) {
	case 0:
		return weft_event_wait(&w.event);
	case 1:
		return weft_sem_wait(&w.sem, 1 + below(2));
	case 2:
		return weft_chan_recv(w.chan, &elem);
	case 3:
		return (int)weft_recv(w.pair[0], &byte, 1, 0);
	case 4:
		return weft_poll(w.pair[0], POLLPRI);
	default:
		co = go(sleeps, NULL);
		rc = weft_join(co, NULL);
		weft_cancel(co);
		weft_detach(co);
		return rc;
	}
}

static int waits(void *arg)
{
	struct weft_deadline d;
	unsigned shape = below(3);

	(void)arg;
	if (!w.early)
		dawdle();
	CHECK(weft_deadline_open(&d, shape ? weft_now() + below(4000000) : WEFT_NEVER) ==
	      0);
	int rc = wait_for_something();
	/* the socket serves one at a time */
	CHECK(is_stop(rc) || rc == -EBUSY || rc == 0);
	weft_deadline_close(&d);
	return 0;
}

/* Whoever has left a queue must not be met there. */
static int pokes(void *arg)
{
	unsigned elem = 0;

	(void)arg;
	for (int i = 0; i < 6; i++) {
		weft_sleep_ns(below(1000000));
		if (below(2))
			weft_chan_trysend(w.chan, &elem);
		else if (below(2))
			weft_sem_post(&w.sem, 1);
		else
			weft_event_set(&w.event);
		weft_event_reset(&w.event);
	}
	return 0;
}

static int stops(void *arg)
{
	struct weft_co *co[WAITERS + 1];

	(void)arg;
	memset(&w, 0, sizeof(w));
	w.early = below(2);
	CHECK(weft_chan_new(sizeof(unsigned), 0, &w.chan) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.pair) == 0);
	CHECK(weft_fd_adopt(w.pair[0]) == 0);
	for (unsigned i = 0; i < WAITERS; i++)
		co[i] = go(waits, NULL);
	co[WAITERS] = go(pokes, NULL);
	weft_sleep_ns(below(w.early ? 5000 : 3000000));
	for (unsigned i = 0; i < WAITERS; i++) {
		if (!w.early)
			dawdle();
		CHECK(weft_cancel(co[i]) == 0);
	}
	CHECK(join_all(co, WAITERS + 1) == 0);
	CHECK(weft_close(w.pair[0]) == 0 && weft_close(w.pair[1]) == 0);
	weft_chan_free(w.chan);
	return 0;
}

/* ---- the plan ---- */

static const struct {
	const char *name;
	int (*fn)(void *);
} kinds[] = {{"channels", channels},   {"conditions", conditions}, {"stops", stops},
	     {"echoes", echoes},       {"server", server},         {"closes", closes},
	     {"deadlines", deadlines}, {"widths", widths}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static unsigned kind_of(unsigned long seed)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (opt.only ? !strcmp(opt.only, kinds[i].name) : i == seed % KINDS)
			return i;
	exit(2);
}

static int simulate(unsigned long seed)
{
	char text[40];
	struct weft_options o = {.size = sizeof(o),
				 .workers = 1 + (unsigned)(seed / KINDS % 4),
				 .sim = text};

	snprintf(text, sizeof(text), "%lu:%lu", seed, opt.level);
	state = seed * 2654435761u + 1;
	return weft_run(kinds[kind_of(seed)].fn, NULL, &o);
}

static bool is_replayed(unsigned long seed, int rc, uint64_t hash)
{
	struct weft_sim_report r = {.size = sizeof(r)};

	return simulate(seed) == rc && weft_sim_report(&r) == 0 && r.hash == hash;
}

/* Returns the number of seeds that failed. */
static unsigned run_all(void)
{
	unsigned failed = 0;

	for (unsigned long seed = opt.first; seed < opt.first + opt.seeds; seed++) {
		struct weft_sim_report r = {.size = sizeof(r)};
		int rc = simulate(seed);

		weft_sim_report(&r);
		if (rc == 0)
			continue;
		failed++;
		printf("FAIL simulated/%s: %d; replay with --first %lu --seeds 1 --level "
		       "%lu%s%s\n",
		       kinds[kind_of(seed)].name, rc, seed, opt.level,
		       opt.only ? " --only " : "", opt.only ? opt.only : "");
		if (opt.broken)
			return is_replayed(seed, rc, r.hash) ? 1 : 0;
	}
	return failed;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"first", 1, NULL, 'f'},  {"seeds", 1, NULL, 'n'},
		{"level", 1, NULL, 'l'},  {"only", 1, NULL, 'o'},
		{"broken", 0, NULL, 'b'}, {"plain", 0, NULL, 'p'},
		{NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			exit(2);
		else if (c == 'f')
			opt.first = strtoul(optarg, NULL, 0);
		else if (c == 'n')
			opt.seeds = strtoul(optarg, NULL, 0);
		else if (c == 'l')
			opt.level = strtoul(optarg, NULL, 0);
		else if (c == 'o')
			opt.only = optarg;
		else if (c == 'b')
			opt.broken = true, opt.only = "conditions";
		else
			opt.plain = true;
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	if (opt.plain) {
		state = 1;
		return weft_run(kinds[kind_of(opt.first)].fn, NULL, NULL) != 0;
	}
	unsigned failed = run_all();
	if (opt.broken)
		failed = !failed;
	printf("%lu passed, %u failed, 0 skipped\n", opt.seeds - failed, failed);
	return failed > 0;
}
