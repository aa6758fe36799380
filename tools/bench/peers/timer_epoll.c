/* SPDX-License-Identifier: MIT */
/*
 * Timers of a bare event loop: epoll, one timerfd, a binary heap of callbacks. The cases are
 * those of weft_timer.c, without coroutines: a timer is 24 bytes and an index.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../lateness.h"

struct timer {
	uint64_t at;
	uint32_t slot;
	void (*fire)(struct timer *t);
};

static struct timer **heap, *timers;
static uint32_t in_heap;
static long n, fired, entered;
static int ep, tfd;
static struct hist late;

static void put(uint32_t i, struct timer *t)
{
	heap[i] = t;
	t->slot = i;
}

static void rise(uint32_t i, struct timer *t)
{
	for (; i && heap[(i - 1) / 2]->at > t->at; i = (i - 1) / 2)
		put(i, heap[(i - 1) / 2]);
	put(i, t);
}

static void sink(uint32_t i, struct timer *t)
{
	for (uint32_t c; (c = 2 * i + 1) < in_heap; i = c) {
		if (c + 1 < in_heap && heap[c + 1]->at < heap[c]->at)
			c++;
		if (heap[c]->at >= t->at)
			break;
		put(i, heap[c]);
	}
	put(i, t);
}

static void add(struct timer *t, uint64_t at)
{
	t->at = at;
	rise(in_heap++, t);
}

static void take(struct timer *t)
{
	struct timer *last = heap[--in_heap];
	uint32_t i = t->slot;

	if (last == t)
		return;
	if (i && heap[(i - 1) / 2]->at > last->at)
		rise(i, last);
	else
		sink(i, last);
}

static void fire_due(void)
{
	uint64_t now = bench_now();

	while (in_heap && heap[0]->at <= now) {
		struct timer *t = heap[0];
		take(t);
		t->fire(t);
	}
}

/* One round of the loop: the timerfd is set to the nearest timer each time. */
static void round_(void)
{
	struct itimerspec spec = {{0}};
	struct epoll_event ev[64];

	if (in_heap) {
		spec.it_value.tv_sec = (time_t)(heap[0]->at / 1000000000);
		spec.it_value.tv_nsec = (long)(heap[0]->at % 1000000000);
	}
	timerfd_settime(tfd, TFD_TIMER_ABSTIME, &spec, NULL);
	int k = epoll_wait(ep, ev, 64, -1);
	entered++;
	for (int i = 0; i < k; i++) {
		if (ev[i].data.fd == tfd) {
			uint64_t times;
			if (read(tfd, &times, sizeof(times)) < 0 && errno != EAGAIN)
				exit(1);
			fire_due();
		} else {
			bench_compute(LOAD_NS);
		}
	}
}

static void again(struct timer *t)
{
	fired++;
	add(t, t->at + 60000000000u + bench_random() % 60000000000u);
}

static void rearm(void)
{
	uint64_t at = bench_now() + 10000000;

	for (long i = 0; i < n; i++) {
		timers[i].fire = again;
		add(&timers[i], at);
	}
	while (bench_now() < at)
		;
	uint64_t start = bench_now();
	while (fired < n)
		round_();
	printf("rearm_ns_per_timer %.1f\n", (double)(bench_now() - start) / (double)n);
	start = bench_now();
	for (long i = 0; i < n; i++)
		take(&timers[i]);
	printf("cancel_ns_per_timer %.1f\n", (double)(bench_now() - start) / (double)n);
}

static void note(struct timer *t)
{
	uint64_t now = bench_now();

	hist_add(&late, now - t->at);
	fired++;
	add(t, now + LATE_SPAN);
}

static void lateness(int loaded)
{
	for (int i = 0; loaded && i < LOAD_TASKS; i++) {
		int fd = eventfd(1, EFD_NONBLOCK);
		epoll_ctl(ep, EPOLL_CTL_ADD, fd,
			  &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
	}
	timers[0].fire = note;
	add(&timers[0], bench_now() + LATE_SPAN);
	while (fired < n)
		round_();
	bench_lateness(&late);
}

static void count(struct timer *t)
{
	(void)t;
	fired++;
}

static void spread(void)
{
	uint64_t at = bench_now() + 5000000;

	for (long i = 0; i < SPREAD_TIMERS; i++) {
		timers[i].fire = count;
		add(&timers[i], at + (uint64_t)i * (SPREAD_NS / SPREAD_TIMERS));
	}
	while (fired < SPREAD_TIMERS)
		round_();
	printf("wake_ups %.1f\n", (double)entered);
}

int main(int argc, char **argv)
{
	const char *which = argc > 2 ? argv[2] : "late";

	n = bench_count(argc, argv, 1000);
	size_t most = (size_t)(n > SPREAD_TIMERS ? n : SPREAD_TIMERS);
	heap = malloc(most * sizeof(struct timer *));
	timers = calloc(most, sizeof(struct timer));
	ep = epoll_create1(0);
	tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (!heap || !timers || ep < 0 || tfd < 0)
		return 1;
	epoll_ctl(ep, EPOLL_CTL_ADD, tfd,
		  &(struct epoll_event){.events = EPOLLIN, .data.fd = tfd});
	if (!strcmp(which, "rearm"))
		rearm();
	else if (!strcmp(which, "spread"))
		spread();
	else
		lateness(!strcmp(which, "loaded"));
	return 0;
}
