/* SPDX-License-Identifier: MIT */
/* A program that is its own zygote. Exit status 0: the job ran, in another process. */
#include <string.h>
#include <unistd.h>

#include "weft/job.h"

static ssize_t whoami(const struct weft_job_args *a)
{
	int pid = getpid();

	memcpy(a->out, &pid, sizeof(pid));
	return sizeof(pid);
}
WEFT_JOB("whoami", whoami)

int main(int argc, char **argv)
{
	struct weft_job_pool *pool;
	int pid = 0;

	weft_job_main(argc, argv);
	if (weft_job_pool_open(NULL, &pool))
		return 1;
	ssize_t n = weft_job_call(pool, "whoami", NULL, 0, &pid, sizeof(pid), NULL);
	weft_job_pool_close(pool, 0);
	return n == sizeof(pid) && pid > 0 && pid != getpid() ? 0 : 2;
}
