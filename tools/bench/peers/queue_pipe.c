/* SPDX-License-Identifier: MIT */
/* Messages through pipes between two processes: `queue_pipe N stream|trip BYTES`. Pipes are as large
 * as an unprivileged user may have them. */
#include <fcntl.h>
#include <stdbool.h>

#include "../pair.h"

enum { READ, WRITE };

static int to[2], from[2];
static long n, bytes;
static bool trip;

static int send_all(int fd, const char *msg)
{
	for (long done = 0; done < bytes;) {
		ssize_t got = write(fd, msg + done, (size_t)(bytes - done));
		if (got <= 0)
			return 1;
		done += got;
	}
	return 0;
}

static int recv_all(int fd, char *msg)
{
	for (long done = 0; done < bytes;) {
		ssize_t got = read(fd, msg + done, (size_t)(bytes - done));
		if (got <= 0)
			return 1;
		done += got;
	}
	return 0;
}

static int produce(void)
{
	char *msg = calloc(1, (size_t)bytes);

	for (long i = 0; i < n; i++)
		if ((trip && recv_all(to[READ], msg)) || send_all(from[WRITE], msg))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	n = bench_count(argc, argv, 100000);
	trip = argc > 2 && !strcmp(argv[2], "trip");
	bytes = argc > 3 ? atol(argv[3]) : 64;
	char *msg = calloc(1, (size_t)bytes);
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return 1;
	fcntl(to[WRITE], F_SETPIPE_SZ, 1 << 20);
	fcntl(from[WRITE], F_SETPIPE_SZ, 1 << 20);
	int cpu = pair_cpu(0);
	pid_t pid = pair_child(pair_cpu(1), produce);
	pair_pin(cpu);
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++)
		if ((trip && send_all(to[WRITE], msg)) || recv_all(from[READ], msg))
			return 1;
	return pair_end(start, n, bytes, pid);
}
