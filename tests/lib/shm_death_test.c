/* SPDX-License-Identifier: MIT */
/*
 * kill -9 at every instruction. A child is stepped through a call, to learn which instructions it
 * has; then one after another is killed in front of each, and the others must go on,
 * with all that was whole.
 */
#include <errno.h>
#include <pthread.h>
#include <elf.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "../../sched/co/fiber.h"
#include "../shm.h"

enum { KILLS = 1000, PLACES = 20000 };

/* Where a stepped child is, in memory that it shares. */
static volatile struct {
	int began, ended;
} * at;

/* What is done to whom. */
struct deed {
	int (*fn)(void *);
	int (*before)(void *); /* by the child, not stepped; or NULL */
	void (*after)(void *); /* by us, after each death */
	void *arg;
};

static pid_t begin(const struct deed *d)
{
	at->began = at->ended = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (d->before && d->before(d->arg))
			_exit(1);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(77);
		raise(SIGSTOP);
		at->began = 1;
		int rc = d->fn(d->arg);
		at->ended = rc ? 2 : 1;
		raise(SIGSTOP);
	}
	return pid;
}

static void await_stop(pid_t pid)
{
	int status = 0;

	cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		cr_skip_test("stepping is forbidden here");
	cr_assert(WIFSTOPPED(status) && at->ended < 2, "%x, %d", (unsigned)status,
		  at->ended);
}

/* Where it is. */
static uintptr_t place(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};

	cr_assert_eq(ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov), 0);
#if defined(__x86_64__)
	return regs.rip;
#else
	return regs.pc;
#endif
}

/* The instructions of fn, each once, in the order of their first time. */
static unsigned trace(const struct deed *d, uintptr_t *places)
{
	unsigned n = 0, i;
	pid_t pid = begin(d);

	for (await_stop(pid); !at->ended; await_stop(pid)) {
		uintptr_t here = at->began ? place(pid) : 0;

		for (i = 0; i < n && places[i] != here; i++) {
		}
		if (here && i == n && n < PLACES)
			places[n++] = here;
		cr_assert_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	}
	shm_kill(pid);
	return n;
}

/* Run a child until it is about to execute that instruction, and kill it there. */
static void kill_at(const struct deed *d, uintptr_t where)
{
	pid_t pid = begin(d);

	await_stop(pid);
	void *word = (void *)(where & ~(uintptr_t)7);
	union {
		long word;
		unsigned char byte[8];
	} code = {.word = ptrace(PTRACE_PEEKTEXT, pid, word, NULL)};
#if defined(__x86_64__)
	code.byte[where % 8] = 0xcc;
#else
	memcpy(&code.byte[where % 8], &(uint32_t){0xd4200000}, 4);
#endif
	cr_assert_eq(ptrace(PTRACE_POKETEXT, pid, word, (void *)code.word), 0);
	cr_assert_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	await_stop(pid);
	cr_assert(at->began);
	shm_kill(pid);
}

/* Kill one at every instruction, or at every so-manieth. Returns how often. */
static unsigned kill_everywhere(const struct deed *d)
{
	static uintptr_t places[PLACES];
	unsigned kills = 0;

#ifdef WF_TSAN
	cr_skip_test("instructions of the sanitizer come everywhere");
#endif
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq((void *)at, MAP_FAILED);
	cr_assert_eq(d->fn(d->arg),
		     0); /* what it calls is linked once, and not in each child */
	d->after(d->arg);
	unsigned n = trace(d, places);
	d->after(d->arg);
	for (unsigned i = 0; i < n; i += n / KILLS + 1, kills++) {
		kill_at(d, places[i]);
		d->after(d->arg);
	}
	return kills;
}

/* ---- the queue ---- */

enum { LEN = 40 };

struct queued {
	struct weft_shm *shm;
	struct weft_shm_queue *q;
	unsigned came, of_the_dead;
	struct weft_shm_sem *popped; /* by the sleeper, messages of the living */
};

static struct queued queued(void)
{
	struct queued s = {.shm = shm_region(8192)};

	cr_assert_eq(weft_shm_queue_format(s.shm, 128, 1024, LEN), 0);
	cr_assert_eq(weft_shm_queue_at(s.shm, 128, &s.q), 0);
	cr_assert_eq(weft_shm_sem_at(s.shm, 64, &s.popped), 0);
	return s;
}

static void done_with(struct queued *s)
{
	weft_shm_queue_free(s->q);
	weft_shm_free(s->shm);
}

/* Push one message, all of one letter. */
static int push(struct weft_shm_queue *q, char letter)
{
	char msg[LEN];

	memset(msg, letter, sizeof(msg));
	return weft_shm_queue_push(q, msg, sizeof(msg), SOON);
}

/* Pop one, which must be whole: its letter, or 0 if there is none. */
static char pop(struct weft_shm_queue *q, bool wait)
{
	char msg[LEN];
	ssize_t len = wait ? weft_shm_queue_pop(q, msg, sizeof(msg), SOON)
			   : weft_shm_queue_trypop(q, msg, sizeof(msg));

	if (len == -EAGAIN)
		return 0;
	cr_assert_eq(len, LEN, "%zd", len);
	for (int i = 1; i < LEN; i++)
		cr_assert_eq(msg[i], msg[0]);
	return msg[0];
}

static int push_one(void *s)
{
	return push(((struct queued *)s)->q, 'd');
}

/* Its message is there or not; ours go round. */
static void after_push(void *arg)
{
	struct queued *s = arg;
	char first;

	cr_assert_eq(push(s->q, 'a'), 0);
	first = pop(s->q, true);
	if (first == 'd') {
		s->of_the_dead++;
		first = pop(s->q, true);
	}
	cr_assert_eq(first, 'a');
	cr_assert_eq(pop(s->q, false), 0);
	s->came++;
}

Test(shm_death, who_dies_pushing_has_pushed_all_or_nothing, .timeout = 120)
{
	struct queued s = queued();
	unsigned kills = kill_everywhere(&(struct deed){push_one, NULL, after_push, &s});

	cr_assert(kills > 50, "%u", kills);
	/* from some instruction on it has */
	cr_assert(s.of_the_dead > 2 && s.of_the_dead < s.came, "%u", s.of_the_dead);
	done_with(&s);
}

static int pop_one(void *s)
{
	char msg[LEN];

	return weft_shm_queue_pop(((struct queued *)s)->q, msg, LEN, SOON) != LEN;
}

/* It has taken one or not; the others are all there. */
static void after_pop(void *arg)
{
	struct queued *s = arg;
	char c;

	cr_assert_eq(push(s->q, 'a'), 0);
	c = pop(s->q, true);
	if (c == 'x') {
		s->of_the_dead++;
		c = pop(s->q, true);
	}
	cr_assert_eq(c, 'a');
	cr_assert_eq(push(s->q, 'x'), 0); /* for the next one */
	s->came++;
}

Test(shm_death, who_dies_popping_has_popped_or_not, .timeout = 120)
{
	struct queued s = queued();

	cr_assert_eq(push(s.q, 'x'), 0);
	unsigned kills = kill_everywhere(&(struct deed){pop_one, NULL, after_pop, &s});
	cr_assert(kills > 50, "%u", kills);
	cr_assert(s.of_the_dead > 2 && s.of_the_dead < s.came, "%u", s.of_the_dead);
	done_with(&s);
}

/* ---- the bell: somebody sleeps, and who was to wake him dies ---- */

static void *sleeper(void *arg)
{
	struct queued *s = arg;
	char c;

	while ((c = pop(s->q, true)) != 'z')
		if (c == 'a')
			cr_assert_eq(weft_shm_sem_post(s->popped, 1), 0);
	return NULL;
}

/* Whether or not the dead one has woken the sleeper, the next one does. */
static void after_ring(void *arg)
{
	struct queued *s = arg;

	cr_assert_eq(push(s->q, 'a'), 0);
	cr_assert_eq(weft_shm_sem_wait(s->popped, 1, SOON), 0);
	usleep(100); /* it falls asleep again */
}

Test(shm_death, who_dies_waking_others_leaves_it_to_the_next, .timeout = 120)
{
	struct queued s = queued();
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, sleeper, &s), 0);
	cr_assert(kill_everywhere(&(struct deed){push_one, NULL, after_ring, &s}) > 50);
	cr_assert_eq(push(s.q, 'z'), 0);
	pthread_join(t, NULL);
	done_with(&s);
}

/* One that falls asleep itself, and is killed at some step of that. */
static int sleep_a_little(void *arg)
{
	struct queued *s = arg;
	char msg[LEN];

	return weft_shm_queue_pop(s->q, msg, LEN, weft_now() + WEFT_MS) != -ETIMEDOUT;
}

Test(shm_death, who_dies_falling_asleep_is_forgotten, .timeout = 120)
{
	struct queued s = queued();

	cr_assert(kill_everywhere(&(struct deed){sleep_a_little, NULL, after_push, &s}) >
		  50);
	done_with(&s);
}

/* ---- the mutex ---- */

struct locked {
	struct weft_shm *shm;
	struct weft_shm_mutex *mutex;
	int *data; /* two equal numbers when it is free and well */
	unsigned of_the_dead;
};

static int change(void *arg)
{
	struct locked *l = arg;
	int rc = weft_shm_mutex_lock(l->mutex, SOON);

	if (rc)
		return 1;
	((volatile int *)l->data)[0]++;
	((volatile int *)l->data)[1]++;
	return weft_shm_mutex_unlock(l->mutex);
}

static void after_change(void *arg)
{
	struct locked *l = arg;
	int rc = weft_shm_mutex_lock(l->mutex, SOON);

	if (rc == -EOWNERDEAD) {
		l->of_the_dead++;
		l->data[1] = l->data[0];
		cr_assert_eq(weft_shm_mutex_consistent(l->mutex), 0);
		rc = 0;
	}
	cr_assert_eq(rc, 0);
	cr_assert_eq(l->data[0], l->data[1]);
	cr_assert_eq(weft_shm_mutex_unlock(l->mutex), 0);
}

Test(shm_death, who_dies_holding_a_mutex_is_reported, .timeout = 120)
{
	struct locked l = {.shm = shm_region(8192)};

	cr_assert_eq(weft_shm_mutex_at(l.shm, 64, &l.mutex), 0);
	l.data = weft_shm_at(l.shm, 4096, 2 * sizeof(int));
	cr_assert(kill_everywhere(&(struct deed){change, change, after_change, &l}) > 50);
	cr_assert(l.of_the_dead > 2, "%u", l.of_the_dead);
	weft_shm_free(l.shm);
}

/* ---- at any moment, with everybody at work ---- */

enum { PAIRS = 3 };

static struct queued *everybody;

static int push_for_ever(void *s)
{
	while (push(((struct queued *)s)->q, 'd') == 0) {
	}
	return 0;
}

static int pop_for_ever(void *s)
{
	while (pop(((struct queued *)s)->q, true)) {
	}
	return 0;
}

static int in_coroutines(void *fn)
{
	struct weft_co *co[3];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_spawn(*(int (**)(void *))fn, everybody, NULL, &co[i]), 0);
	return weft_join(co[0], NULL);
}

/* One of each side is a runtime with three coroutines. */
static pid_t worker(unsigned i)
{
	int (*fn)(void *) = i % 2 ? push_for_ever : pop_for_ever;

	if (i >= 2)
		return shm_child(fn, everybody);
	pid_t pid = fork();
	if (pid == 0)
		_exit(shm_run(in_coroutines, &fn) != 0);
	return pid;
}

Test(shm_death, the_living_go_on, .timeout = 120)
{
	struct queued s = queued();
	pid_t pid[2 * PAIRS];

	everybody = &s;
	for (unsigned i = 0; i < 2 * PAIRS; i++)
		pid[i] = worker(i);
	for (unsigned round = 0; round < 300; round++) {
		unsigned i = round * 5 % (2 * PAIRS);

		usleep(round * 7919 % 3000);
		shm_kill(pid[i]);
		/* there is always one of each, and us */
		cr_assert_eq(push(s.q, 'a'), 0);
		cr_assert_neq(pop(s.q, true), 0);
		pid[i] = worker(i);
	}
	for (int i = 0; i < 2 * PAIRS; i++)
		shm_kill(pid[i]);
	while (pop(s.q, false)) {
	}
	after_push(&s);
	done_with(&s);
}
