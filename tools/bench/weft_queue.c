/* SPDX-License-Identifier: MIT */
/*
 * Messages through weft_shm_queue between two processes: `weft_queue N stream|trip BYTES
 * [coroutine]`. The other process pushes N messages which this one pops; or returns each. With
 * `coroutine` this side is one.
 */
#include <weft.h>

#include "pair.h"

static struct weft_shm_queue *to, *from;
static long n, bytes;
static bool trip;

static struct weft_shm_queue *queue(struct weft_shm *shm, size_t *at, size_t size)
{
	struct weft_shm_queue *q = NULL;
	size_t offset = weft_shm_take(at, size);

	if (weft_shm_queue_format(shm, offset, size, (size_t)bytes) ||
	    weft_shm_queue_at(shm, offset, &q))
		exit(1);
	return q;
}

/* As much memory as a pipe has at most, or four messages. */
static void open_queues(void)
{
	size_t size = weft_shm_queue_bytes((size_t)bytes, 4), at = WEFT_SHM_FIRST;
	struct weft_shm *shm = NULL;

	size = size > 1 << 20 ? size : 1 << 20;
	if (weft_shm_new(2 * size + 64, NULL, &shm))
		exit(1);
	to = queue(shm, &at, size);
	from = queue(shm, &at, size);
}

static int produce(void)
{
	char *msg = calloc(1, (size_t)bytes);

	for (long i = 0; i < n; i++)
		if ((trip &&
		     weft_shm_queue_pop(to, msg, (size_t)bytes, WEFT_NEVER) < 0) ||
		    weft_shm_queue_push(from, msg, (size_t)bytes, WEFT_NEVER))
			return 1;
	return 0;
}

static int consume(void *arg)
{
	char *msg = calloc(1, (size_t)bytes);

	(void)arg;
	for (long i = 0; i < n; i++)
		if ((trip && weft_shm_queue_push(to, msg, (size_t)bytes, WEFT_NEVER)) ||
		    weft_shm_queue_pop(from, msg, (size_t)bytes, WEFT_NEVER) != bytes)
			return 1;
	free(msg);
	return 0;
}

int main(int argc, char **argv)
{
	char place[32];
	struct weft_options opt = {.size = sizeof(opt), .workers = 1, .place = place};
	int rc;

	n = bench_count(argc, argv, 100000);
	trip = argc > 2 && !strcmp(argv[2], "trip");
	bytes = argc > 3 ? atol(argv[3]) : 64;
	open_queues();
	snprintf(place, sizeof(place), "cpus:%d", pair_cpu(0));
	pid_t pid = pair_child(pair_cpu(1), produce);
	uint64_t start = bench_now();
	if (argc > 4) {
		rc = weft_run(consume, NULL, &opt);
	} else {
		pair_pin(pair_cpu(0));
		rc = consume(NULL);
	}
	return pair_end(start, n, bytes, pid) || rc;
}
