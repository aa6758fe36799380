/* SPDX-License-Identifier: MIT */
/*
 * The Mandelbrot set as a picture: each row is a job, done by whatever cores there are, of this machine
 * and of others.
 *
 *	mandel 2000 >set.pgm
 *	mpirun --oversubscribe -n 4 mandel 2000 >set.pgm	more ranks than cores, too
 *	mpirun --hostfile machines mandel 2000 >set.pgm
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weft/mpi.h>

enum { DEPTH = 1000 };

struct row {
	uint32_t y, size;
};

/* How many steps a point takes to leave, as a shade. */
static uint8_t shade(double re, double im)
{
	double x = 0, y = 0;
	int n = 0;

	for (; n < DEPTH && x * x + y * y < 4; n++) {
		double next = x * x - y * y + re;
		y = 2 * x * y + im;
		x = next;
	}
	return n == DEPTH ? 0 : (uint8_t)(255 - n * 7 % 200);
}

static ssize_t draw_row(const struct weft_job_args *a)
{
	const struct row *r = a->in;
	uint8_t *pixel = a->out;

	for (uint32_t x = 0; x < r->size; x++)
		pixel[x] = shade(3.0 * x / r->size - 2.2, 3.0 * r->y / r->size - 1.5);
	return r->size;
}
WEFT_JOB("row", draw_row)

/* All rows at once; they come as they are done. */
static int draw(struct weft_job_pool *pool, uint32_t size, uint8_t *picture)
{
	struct weft_job **job = calloc(size, sizeof(*job));
	struct row *row = calloc(size, sizeof(*row));
	int rc = job && row ? 0 : -1;
	uint32_t begun = 0;

	for (; !rc && begun < size; begun += !rc) {
		row[begun] = (struct row){begun, size};
		rc = weft_job_submit(pool, "row", &row[begun], sizeof(*row),
				     picture + (size_t)begun * size, size, NULL,
				     &job[begun]);
	}
	for (uint32_t y = 0; y < begun; y++) {
		ssize_t n = 0;
		weft_job_wait(job[y], &n);
		rc = n < 0 ? (int)n : rc;
	}
	free(job);
	free(row);
	return rc;
}

static int fail(const char *what, int rc)
{
	fprintf(stderr, "mandel: %s: error %d %s\n", what, -rc, weft_job_pool_error());
	return 1;
}

int main(int argc, char **argv)
{
	weft_job_main(argc, argv);

	const uint32_t size = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000;
	struct weft_job_stats s = {.size = sizeof(s)};
	struct weft_job_pool *pool;
	if (size < 1 || size > 20000) {
		fprintf(stderr, "usage: [mpirun ...] mandel [SIZE] >PICTURE.pgm\n");
		return 2;
	}
	int rc = weft_mpi_pool_open(
		&(struct weft_job_pool_options){
			.size = sizeof(struct weft_job_pool_options),
			.profile = WEFT_JOB_PURE,
			.flags = WEFT_JOB_LOOSE,
			.queue = size},
		&pool);
	if (rc == WEFT_MPI_SERVED)
		return 0;
	if (rc)
		return fail("cannot open the pool", rc);
	uint8_t *picture = malloc((size_t)size * size);
	weft_time start = weft_now();
	rc = picture ? draw(pool, size, picture) : -1;
	double seconds = (double)(weft_now() - start) / WEFT_SEC;
	weft_job_stats(pool, &s);
	weft_job_pool_close(pool, WEFT_NEVER);
	if (rc)
		return fail("a row failed", rc);
	fprintf(stderr, "%u rows in %.2f s, %llu of them elsewhere\n", size, seconds,
		(unsigned long long)s.sent);
	printf("P5 %u %u 255\n", size, size);
	fwrite(picture, size, size, stdout);
	free(picture);
	return fflush(stdout) != 0;
}
