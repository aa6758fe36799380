/* SPDX-License-Identifier: MIT */
/*
 * What mpi_test.c runs on several ranks: `mpi_ranks COURSE`. Rank 0 goes through the course and says on stderr
 * what was not as it should be; all exit with 0 if nothing was.
 */
#include <errno.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weft.h>
#include <weft/mpi.h>

/* Here a check that fails ends the course. */
#define EXPECT(a, b)                                                                     \
	do {                                                                             \
		long long a_ = (long long)(a), b_ = (long long)(b);                      \
		if (a_ != b_) {                                                          \
			fprintf(stderr, "%s:%d: %s is %lld, not %s\n", __FILE__,         \
				__LINE__, #a, a_, #b);                                   \
			return 1;                                                        \
		}                                                                        \
	} while (0)

static struct weft_job_pool *pool;

/* ---- jobs ------------------------------------------------------------------------------- */

static int my_rank(void)
{
	const char *text = getenv("OMPI_COMM_WORLD_RANK");

	if (!text)
		text = getenv("PMI_RANK"); /* MPICH's */
	return text ? atoi(text) : 0;
}

/* Its input with every bit changed. */
static ssize_t flip(const struct weft_job_args *a)
{
	for (size_t i = 0; i < a->in_len; i++)
		((char *)a->out)[i] = (char)~((const char *)a->in)[i];
	return (ssize_t)a->in_len;
}
WEFT_JOB("flip", flip)

/* As many bytes as its number. */
static ssize_t rank(const struct weft_job_args *a)
{
	usleep(10000);
	memset(a->out, 0, a->out_cap);
	return my_rank();
}
WEFT_JOB("rank", rank)

static ssize_t refuse(const struct weft_job_args *a)
{
	(void)a;
	usleep(2000);
	return -EDOM;
}
WEFT_JOB("refuse", refuse)

static ssize_t crash(const struct weft_job_args *a)
{
	(void)a;
	fprintf(stderr, "last words of rank %d", my_rank());
	raise(SIGSEGV);
	return 0;
}
WEFT_JOB("crash", crash)

static ssize_t forever(const struct weft_job_args *a)
{
	(void)a;
	for (;;)
		pause();
	return 0;
}
WEFT_JOB("forever", forever)

static ssize_t tells(const struct weft_job_args *a)
{
	(void)a;
	return weft_job_send("abc", 3);
}
WEFT_JOB("tells", tells)

/* ---- courses ---------------------------------------------------------------------------- */

enum { SIZES = 9, MANY = 300, MOST = 1 << 20 };

static uint64_t sent(void)
{
	struct weft_job_stats s = {.size = sizeof(s)};

	weft_job_stats(pool, &s);
	return s.sent;
}

static uint64_t away(void)
{
	struct weft_job_stats s = {.size = sizeof(s)};

	weft_job_stats(pool, &s);
	return s.away;
}

/* One job of each size, all at once. */
static int flip_sizes(void *arg)
{
	static const size_t sizes[SIZES] = {0,     1,      100,      4096, 65535,
					    65536, 300000, MOST - 1, MOST};
	struct weft_job *job[SIZES];
	char *in = malloc(MOST), *out[SIZES];

	(void)arg;
	for (int i = 0; i < MOST; i++)
		in[i] = (char)(i * 7 + i / 251);
	for (int i = 0; i < SIZES; i++) {
		out[i] = calloc(1, MOST);
		EXPECT(weft_job_submit(pool, "flip", in, sizes[i], out[i], sizes[i], NULL,
				       &job[i]),
		       0);
	}
	for (int i = 0; i < SIZES; i++) {
		ssize_t n;
		EXPECT(weft_job_wait(job[i], &n), 0);
		EXPECT(n, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++)
			EXPECT((char)~out[i][j], in[j]);
		free(out[i]);
	}
	free(in);
	return 0;
}

static void *flip_in_thread(void *arg)
{
	return (void *)(intptr_t)flip_sizes(arg);
}

/* Everybody gets some, and nothing is lost. */
static int shares(void)
{
	struct weft_job *job[MANY];
	int of[3] = {0};
	char out[4];

	for (int i = 0; i < MANY; i++)
		EXPECT(weft_job_submit(pool, "rank", NULL, 0, out, 4, NULL, &job[i]), 0);
	for (int i = 0; i < MANY; i++) {
		ssize_t n;
		EXPECT(weft_job_wait(job[i], &n), 0);
		EXPECT(n >= 0 && n < 3, 1);
		of[n]++;
	}
	EXPECT(of[0] && of[1] && of[2], 1);
	EXPECT(of[1] + of[2], sent());
	return 0;
}

/* Jobs that keep the two workers here busy, so that others go away. */
static struct weft_job *hog[2];

static int begin_hogs(void)
{
	for (int i = 0; i < 2; i++)
		EXPECT(weft_job_submit(pool, "forever", NULL, 0, NULL, 0, NULL, &hog[i]),
		       0);
	EXPECT(sent(), 0);
	return 0;
}

static int end_hogs(void)
{
	for (int i = 0; i < 2; i++) {
		ssize_t n;
		weft_job_cancel(hog[i]);
		EXPECT(weft_job_wait(hog[i], &n), 0);
		EXPECT(n, -ECANCELED);
	}
	return 0;
}

static int flip_everywhere(void)
{
	struct weft_options o = {.size = sizeof(o), .workers = 2};
	pthread_t thread[3];
	void *rc;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, flip_in_thread, NULL);
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], &rc);
		EXPECT((intptr_t)rc, 0);
	}
	EXPECT(weft_run(flip_sizes, NULL, &o), 0);
	EXPECT(away(), 0);
	return 0;
}

/* With nobody here to do them, and with some: what was put behind a hog goes away too. */
static int results(void)
{
	EXPECT(begin_hogs(), 0);
	EXPECT(flip_everywhere(), 0);
	EXPECT(sent() >= 4 * SIZES, 1);
	EXPECT(end_hogs(), 0);
	return flip_everywhere();
}

static ssize_t fails(const char *name, weft_time deadline, struct weft_job_error *e)
{
	const struct weft_job_attr a = {
		.size = sizeof(a), .error = e, .deadline = deadline};

	memset(e, 0, sizeof(*e));
	e->size = sizeof(*e);
	return weft_job_call(pool, name, NULL, 0, NULL, 0, &a);
}

static int faults(void)
{
	struct weft_job_error e;
	char byte = 1;

	EXPECT(begin_hogs(), 0);
	EXPECT(fails("refuse", 0, &e), -EDOM);
	EXPECT(e.fault, WEFT_JOB_RETURNED);
	EXPECT(fails("crash", 0, &e), -ECHILD);
	EXPECT(e.fault, WEFT_JOB_SIGNAL);
	EXPECT(e.signal, SIGSEGV);
	EXPECT(!strncmp(e.output, "last words of rank ", 19) && e.output[19] != '0', 1);
	EXPECT(fails("forever", weft_now() + 50 * WEFT_MS, &e), -ETIMEDOUT);
	EXPECT(e.fault, WEFT_JOB_DEADLINE);
	EXPECT(fails("forever", 1, &e), -ETIMEDOUT); /* over before it was sent */
	EXPECT(fails("nobody", 0, &e), -ENOENT);
	EXPECT(sent(), 4);
	/* the ranks are as they were */
	EXPECT(weft_job_call(pool, "flip", "x", 1, &byte, 1, NULL), 1);
	EXPECT(byte, (char)~'x');
	EXPECT(away(), 0);
	return end_hogs();
}

static int is_stopped(void *arg)
{
	(void)arg;
	weft_scope_scoped(d, weft_now() + 20 * WEFT_MS);
	EXPECT(weft_job_call(pool, "forever", NULL, 0, NULL, 0, NULL), -ETIMEDOUT);
	return 0;
}

/* Cancelled at all stages; and its caller is gone when the answer comes. */
static int stopping(void)
{
	EXPECT(begin_hogs(), 0);
	for (int i = 0; i < 200; i++) {
		struct weft_job *job;
		ssize_t n;
		EXPECT(weft_job_submit(pool, "forever", NULL, 0, NULL, 0, NULL, &job), 0);
		usleep(i % 4 ? (unsigned)(i * 20) : 0);
		weft_job_cancel(job);
		weft_job_cancel(job);
		EXPECT(weft_job_wait(job, &n), 0);
		EXPECT(n, -ECANCELED);
	}
	for (int i = 0; i < 20; i++)
		EXPECT(weft_run(is_stopped, NULL, NULL), 0);
	return end_hogs();
}

static int streaming(void)
{
	const struct weft_job_attr a = {.size = sizeof(a), .stream = 1};
	struct weft_job *job[20];
	char text[4];

	for (int i = 0; i < 20; i++)
		EXPECT(weft_job_submit(pool, "tells", NULL, 0, NULL, 0, &a, &job[i]), 0);
	for (int i = 0; i < 20; i++) {
		EXPECT(weft_job_next(job[i], text, 4), 3);
		EXPECT(weft_job_wait(job[i], NULL), 0);
	}
	EXPECT(sent(), 0);
	return 0;
}

/* What is away when the pool is closed is stopped, and can be waited for after that. */
static int closing(void)
{
	struct weft_job *job[12];

	for (int i = 0; i < 12; i++)
		EXPECT(weft_job_submit(pool, "forever", NULL, 0, NULL, 0, NULL, &job[i]),
		       0);
	EXPECT(sent(), 8);
	weft_job_pool_close(pool, weft_now() + 20 * WEFT_MS);
	pool = NULL;
	for (int i = 0; i < 12; i++) {
		ssize_t n;
		EXPECT(weft_job_wait(job[i], &n), 0);
		EXPECT(n, -ECANCELED);
	}
	return 0;
}

/* A rank is gone: MPI ends all the others, this one too. */
static int dying(void)
{
	struct weft_job *job[12];
	ssize_t n;

	for (int i = 0; i < 12; i++)
		EXPECT(weft_job_submit(pool, "forever", NULL, 0, NULL, 0, NULL, &job[i]),
		       0);
	while (away() < 8)
		usleep(1000);
	printf("up\n");
	fflush(stdout);
	return weft_job_wait(job[11], &n);
}

static int alone(void)
{
	EXPECT(weft_job_call(pool, "rank", NULL, 0, NULL, 0, NULL), 0);
	EXPECT(sent(), 0);
	return 0;
}

/* ---- all ranks -------------------------------------------------------------------------- */

static int open_it(const char *course)
{
	struct weft_job_pool_options o = {.size = sizeof(o),
					  .min_workers = 2,
					  .max_workers = 2,
					  .max_in = MOST,
					  .max_out = MOST,
					  .start_ns = 60 * WEFT_SEC};

	if (!strcmp(course, "one_fails") && my_rank() == 1)
		o.profile = 77;
	if (!strcmp(course, "too_large"))
		o.max_in = (size_t)2 << 30;
	return weft_mpi_pool_open(&o, &pool);
}

static int run(const char *course)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} courses[] = {
		{"results", results},   {"shares", shares},       {"faults", faults},
		{"stopping", stopping}, {"streaming", streaming}, {"closing", closing},
		{"dying", dying},       {"alone", alone},         {"by_itself", results}};
	int rc = open_it(course);

	if (!strcmp(course, "one_fails") || !strcmp(course, "too_large")) {
		EXPECT(rc, -EINVAL);
		return 0;
	}
	if (my_rank()) {
		EXPECT(rc, WEFT_MPI_SERVED);
		return 0;
	}
	EXPECT(rc, 0);
	for (size_t i = 0; i < sizeof(courses) / sizeof(courses[0]); i++)
		if (!strcmp(courses[i].name, course)) {
			rc = courses[i].fn();
			weft_job_pool_close(pool, 0);
			return rc;
		}
	return 2;
}

/* The program starts and ends MPI; two pools after each other. */
static int by_itself(void)
{
	int level, rc;

	MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level);
	rc = run("by_itself") | run("by_itself");
	MPI_Finalize();
	EXPECT(open_it("after the end"), -EALREADY);
	return rc;
}

/* One that uses MPI in a way that leaves no room for other threads. */
static int single(void)
{
	int level;

	MPI_Init_thread(NULL, NULL, MPI_THREAD_SINGLE, &level);
	EXPECT(open_it("single"), level < MPI_THREAD_MULTIPLE ? -EPERM : 0);
	MPI_Finalize();
	return 0;
}

int main(int argc, char **argv)
{
	weft_job_main(argc, argv);
	const char *course = argc > 1 ? argv[1] : "";

	if (!strcmp(course, "by_itself"))
		return by_itself();
	if (!strcmp(course, "single"))
		return single();
	return run(course);
}
