/* SPDX-License-Identifier: MIT */
/* What pools are for: threads are reused, and only so many run at a time. The queue is bounded, too. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <weft.h>

static struct weft_mutex lock; /* between threads as well */
static int present, most, threads;
static pthread_t seen[60];

static void note_thread(void)
{
	for (int i = 0; i < threads; i++)
		if (pthread_equal(seen[i], pthread_self()))
			return;
	seen[threads++] = pthread_self();
}

static int task(void *arg)
{
	(void)arg;
	weft_mutex_lock(&lock);
	most = ++present > most ? present : most;
	note_thread();
	weft_mutex_unlock(&lock);
	usleep(5000);
	weft_mutex_lock(&lock);
	present--;
	weft_mutex_unlock(&lock);
	return 0;
}

static int run(void *arg)
{
	const struct weft_pool_options three = {
		.size = sizeof(three), .threads = 3, .queue = 8};
	struct weft_executor *pool;
	char nothing[60];

	(void)arg;
	if (weft_pool_open(&three, &pool) < 0)
		return 1;
	weft_map(pool, task, nothing, 1, 60, NULL); /* waits for room in the queue */
	weft_executor_close(pool, false);
	printf("60 tasks, %d at a time, %d threads\n", most, threads);
	return 0;
}

int main(void)
{
	return weft_run(run, NULL, NULL);
}
