/* SPDX-License-Identifier: MIT */
/*
 * A producer process puts, a consumer process gets:
 *
 *	from multiprocessing import Process, Queue
 *
 *	def producer(q):
 *	    for i in range(5):
 *	        q.put(i)
 *
 *	def consumer(q):
 *	    while (item := q.get()) is not None: ...
 *
 * Here the producer is another program, this one started again with nothing but a descriptor, and
 * without a runtime; the consumer is a coroutine, which parks while it waits.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>

enum { QUEUE = WEFT_SHM_FIRST, BYTES = 1 << 16, LINE = 80 };

static int produce(int fd)
{
	struct weft_shm *shm;
	struct weft_shm_queue *q;
	char line[LINE];
	int rc = weft_shm_attach(fd, &shm);

	if (rc || (rc = weft_shm_queue_at(shm, QUEUE, &q)))
		return rc;
	for (int i = 0; i < 5 && !rc; i++) {
		int len = snprintf(line, sizeof(line), "item %d from process %d", i,
				   getpid());
		rc = weft_shm_queue_push(q, line, (size_t)len, WEFT_NEVER);
	}
	weft_shm_queue_close(q);
	weft_shm_queue_free(q);
	weft_shm_free(shm);
	return rc;
}

static int consume(void *arg)
{
	struct weft_shm_queue *q = arg;
	char line[LINE];
	ssize_t len;

	while ((len = weft_shm_queue_pop(q, line, sizeof(line), WEFT_NEVER)) >= 0)
		printf("got %.*s\n", (int)len, line);
	return len == -EPIPE ? 0 : (int)len;
}

static pid_t start_producer(char *self, const struct weft_shm *shm)
{
	char fd[16];
	pid_t pid;

	snprintf(fd, sizeof(fd), "%d", dup(weft_shm_fd(shm))); /* which survives exec */
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", self, "produce", fd, (char *)NULL);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	struct weft_shm *shm;
	struct weft_shm_queue *q;
	int rc, status = 1;

	if (argc == 3 && !strcmp(argv[1], "produce"))
		return produce(atoi(argv[2])) != 0;
	if ((rc = weft_shm_new(QUEUE + BYTES, NULL, &shm)) ||
	    (rc = weft_shm_queue_format(shm, QUEUE, BYTES, LINE)) ||
	    (rc = weft_shm_queue_at(shm, QUEUE, &q))) {
		fprintf(stderr, "%s\n", strerror(-rc));
		return 1;
	}
	pid_t pid = start_producer(argv[0], shm);
	rc = weft_run(consume, q, NULL);
	waitpid(pid, &status, 0);
	weft_shm_queue_free(q);
	weft_shm_free(shm);
	return rc || status;
}
