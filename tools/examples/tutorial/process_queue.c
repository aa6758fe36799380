/* SPDX-License-Identifier: MIT */
/* A producer process puts, a coroutine gets, and blocks no thread: weft_shm_queue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>

enum { QUEUE = WEFT_SHM_FIRST, BYTES = 1 << 16, ITEM = 32 };

/* The producer is this program again, with nothing but a descriptor. It needs no runtime. */
static int produce(int fd)
{
	struct weft_shm_queue *queue;
	struct weft_shm *shm;
	char item[ITEM];

	if (weft_shm_attach(fd, &shm) || weft_shm_queue_at(shm, QUEUE, &queue))
		return 1;
	for (int i = 0; i < 5; i++)
		weft_shm_queue_push(queue, item,
				    (size_t)snprintf(item, ITEM, "item %d", i),
				    WEFT_NEVER);
	int rc = weft_shm_queue_close(queue);
	weft_shm_queue_free(queue);
	weft_shm_free(shm);
	return rc != 0;
}

static int consume(void *queue)
{
	char item[ITEM];
	ssize_t n;

	while ((n = weft_shm_queue_pop(queue, item, ITEM, WEFT_NEVER)) >= 0)
		printf("got %.*s\n", (int)n, item);
	return 0;
}

static pid_t start_producer(char *self, const struct weft_shm *shm)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", dup(weft_shm_fd(shm))); /* which survives exec */
	pid_t pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", self, fd, (char *)NULL);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	struct weft_shm_queue *queue;
	struct weft_shm *shm;
	int status;

	if (argc > 1)
		return produce(atoi(argv[1]));
	if (weft_shm_new(QUEUE + BYTES, NULL, &shm) ||
	    weft_shm_queue_format(shm, QUEUE, BYTES, ITEM) ||
	    weft_shm_queue_at(shm, QUEUE, &queue))
		return 1;
	pid_t producer = start_producer(argv[0], shm);
	int rc = weft_run(consume, queue, NULL);
	waitpid(producer, &status, 0);
	weft_shm_queue_free(queue);
	weft_shm_free(shm);
	return rc || status;
}
