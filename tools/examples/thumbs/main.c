/* SPDX-License-Identifier: MIT */
/*
 * thumbs: an HTTP service that makes thumbnails, and keeps answering while it does.
 *
 *	POST /thumb  a JPEG          200 a small JPEG; 422 it is none, or made the job fail
 *	GET /light                   200 "ok"
 *
 * Uploads are worked on in sandboxed processes: a picture that is made to crash the decoder, to
 * loop or to eat memory costs its sender a 422 and the server a process. With --in-process they are
 * worked on by the workers themselves, which is what one compares with.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>
#include <weft/job.h>

#include "thumbs.h"

static struct weft_job_pool *pool; /* NULL: in process */

static ssize_t thumb_job(const struct weft_job_args *a)
{
	return thumbnail(a->in, a->in_len, a->out, a->out_cap);
}
WEFT_JOB("thumb", thumb_job)

static ssize_t make(const struct request *req, char *out, struct weft_job_error *error)
{
	struct weft_job_attr attr = {.size = sizeof(attr),
				     .deadline = weft_now() + 10 * WEFT_SEC,
				     .error = error};

	if (!pool)
		return thumbnail(req->body, req->body_len, out, THUMB_MAX);
	return weft_job_call(pool, "thumb", req->body, req->body_len, out, THUMB_MAX,
			     &attr);
}

static int answer_failure(int fd, const struct request *req, ssize_t rc,
			  const struct weft_job_error *error)
{
	char text[256];
	int n;

	if (rc == -EAGAIN || rc == -ESHUTDOWN)
		return reply(fd, 503, "text/plain", "busy\n", 5, req->keep_alive);
	if (error->fault > WEFT_JOB_RETURNED)
		n = snprintf(text, sizeof(text),
			     "the picture broke its decoder: fault %u, signal %d\n",
			     error->fault, error->signal);
	else
		n = snprintf(text, sizeof(text), "no picture: %s\n", strerror((int)-rc));
	return reply(fd, 422, "text/plain", text, (size_t)n, req->keep_alive);
}

static int answer_thumb(int fd, const struct request *req)
{
	struct weft_job_error error = {.size = sizeof(error)};
	char *out = malloc(THUMB_MAX);
	ssize_t n = out ? make(req, out, &error) : -EAGAIN;
	int rc = n < 0 ? answer_failure(fd, req, n, &error)
		       : reply(fd, 200, "image/jpeg", out, (size_t)n, req->keep_alive);

	free(out);
	return rc;
}

static int answer(int fd, const struct request *req)
{
	if (req->status)
		return reply(fd, req->status, "text/plain", "", 0, false);
	if (!strcmp(req->path, "/thumb") && !strcmp(req->method, "POST"))
		return answer_thumb(fd, req);
	if (!strcmp(req->path, "/light") && !strcmp(req->method, "GET"))
		return reply(fd, 200, "text/plain", "ok\n", 3, req->keep_alive);
	return reply(fd, 404, "text/plain", "not found\n", 10, req->keep_alive);
}

static int serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[16 << 10];
	size_t ahead = 0;
	struct request req;

	do {
		if (request_read(fd, buf, sizeof(buf), &ahead, &req) < 0) {
			free(req.body);
			break;
		}
		if (answer(fd, &req) < 0)
			req.keep_alive = false;
		free(req.body);
	} while (req.keep_alive);
	return weft_close(fd);
}

static int listen_and_serve(void *arg)
{
	const struct weft_co_attr attr = {.size = sizeof(attr),
					  .flags = WEFT_CO_SPREAD,
					  .service = WEFT_CO_LATENCY};
	int fd, listener = weft_tcp_listen(NULL, *(uint16_t *)arg, NULL);

	if (listener < 0)
		return listener;
	printf("thumbs on port %d, pictures %s\n", weft_tcp_port(listener),
	       pool ? "in a sandboxed pool" : "in process");
	fflush(stdout);
	while ((fd = weft_accept(listener, NULL)) >= 0)
		if (weft_spawn(serve, (void *)(intptr_t)fd, &attr, NULL) < 0)
			weft_close(fd);
	return fd;
}

static int open_pool(unsigned workers)
{
	const struct weft_job_pool_options opt = {.size = sizeof(opt),
						  .min_workers = workers,
						  .max_workers = workers,
						  .queue = 64,
						  .ahead = 1,
						  .max_in = UPLOAD_MAX,
						  .max_out = THUMB_MAX,
						  .profile = WEFT_JOB_PURE,
						  .flags = WEFT_JOB_BATCH,
						  .memory_bytes = 512 << 20,
						  .cpu_ms = 5000,
						  .nice = 10};
	int rc = weft_job_pool_open(&opt, &pool);

	if (rc < 0)
		fprintf(stderr, "thumbs: %s\n", weft_job_pool_error());
	return rc;
}

static void usage(void)
{
	fputs("usage: thumbs [-p PORT] [-j PROCESSES] [--in-process]\n", stderr);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"port", required_argument, NULL, 'p'},
						{"jobs", required_argument, NULL, 'j'},
						{"in-process", no_argument, NULL, 'i'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	unsigned workers = 2;
	uint16_t port = 8081;
	bool in_process = false;
	int c;

	weft_job_main(argc, argv);
	while ((c = getopt_long(argc, argv, "p:j:ih", options, NULL)) != -1)
		switch (c) {
		case 'p':
			port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			workers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'i':
			in_process = true;
			break;
		default:
			usage();
			return c != 'h';
		}
	if (!in_process && open_pool(workers) < 0)
		return 1;
	int rc = weft_run(listen_and_serve, &port, NULL);
	if (rc < 0)
		fprintf(stderr, "thumbs: %s %s\n", strerror(-rc), weft_start_error());
	weft_job_pool_close(pool, 0);
	return rc < 0;
}
