/* SPDX-License-Identifier: MIT */
/* Files, pipes, and closing. */
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"

static int files(void *arg)
{
	char path[] = "/tmp/weft-file-XXXXXX", buf[32] = "";
	struct statx st;
	int fd = mkstemp(path);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQ(weft_write(fd, "hello ", 6), 6);
	CHECK_EQ(weft_write(fd, "world", 5), 5);
	CHECK_EQ(weft_pwrite(fd, "W", 1, 6), 1);
	CHECK_EQ(weft_fsync(fd), 0);
	CHECK_EQ(weft_pread(fd, buf, sizeof(buf), 6), 5);
	CHECK(!strcmp(buf, "World"));
	CHECK_EQ(weft_close(fd), 0);
	CHECK_EQ(weft_read(fd, buf, 1), -EBADF);

	fd = weft_open(path, O_RDONLY, 0);
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(weft_read(fd, buf, 6), 6);
	CHECK_EQ(weft_read(fd, buf, sizeof(buf)), 5); /* at the file's own position */
	CHECK_EQ(weft_read(fd, buf, sizeof(buf)), 0);
	CHECK_EQ(weft_statx(AT_FDCWD, path, 0, STATX_SIZE, &st), 0);
	CHECK_EQ(st.stx_size, 11);
	CHECK_EQ(weft_close(fd), 0);
	CHECK_EQ(weft_close(-1), -EBADF);
	CHECK_EQ(weft_pread(0, buf, 1, -1), -EINVAL);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(weft_open(path, O_RDONLY, 0), -ENOENT);
	return 0;
}

Test(file, the_calls_do_what_posix_says)
{
	RUN_ON(1, files);
	RUN_ON(2, files);
}

static int beneath(void *arg)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
	int dir = weft_open("/proc/self", O_RDONLY | O_DIRECTORY, 0), fd;

	(void)arg;
	CHECK(dir >= 0);
	fd = weft_openat2(dir, "status", &how);
	CHECK(fd >= 0);
	CHECK_EQ(weft_close(fd), 0);
	CHECK_EQ(weft_openat2(dir, "../../etc/passwd", &how), -EXDEV);
	CHECK_EQ(weft_openat2(dir, "status", NULL), -EINVAL);
	return weft_close(dir);
}

Test(file, openat2_resolves_beneath)
{
	RUN_ON(1, beneath);
}

/* -EAGAIN is an answer here, and nothing to wait for. */
static int cached_only(void *arg)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_CACHED};
	int dir = weft_open("/tmp", O_RDONLY | O_DIRECTORY, 0);

	(void)arg;
	CHECK(dir >= 0);
	CHECK_EQ(weft_openat2(dir, "weft-was-never-looked-up", &how), -EAGAIN);
	return weft_close(dir);
}

Test(file, an_uncached_name_is_no_reason_to_wait, .timeout = 30)
{
	RUN_ON(1, cached_only);
}

static int read_pipe(void *arg)
{
	char c;

	return (int)weft_read(*(int *)arg, &c, 1);
}

static int pipes(void *arg)
{
	int p[2];
	struct weft_co *co;
	struct weft_deadline d;
	char c;

	(void)arg;
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(weft_spawn(read_pipe, p, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, -ECANCELED);

	CHECK_EQ(weft_deadline_open(&d, weft_now() + 5 * WEFT_MS), 0);
	CHECK_EQ(weft_read(p[0], &c, 1), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);

	CHECK_EQ(weft_spawn(read_pipe, p, NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_close(p[0]), 0); /* with a reader parked on it */
	JOIN(co, -EBADF);
	return weft_close(p[1]);
}

Test(file, a_parked_read_ends_by_cancel_deadline_and_close)
{
	RUN_ON(1, pipes);
	RUN_ON(2, pipes);
}

/* Closing a duplicate ends nothing of the other. */
static int duplicate(void *arg)
{
	struct weft_co *co;
	int p[2], twin;

	(void)arg;
	CHECK_EQ(pipe(p), 0);
	twin = dup(p[0]);
	CHECK_EQ(weft_spawn(read_pipe, &p[0], NULL, &co), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_spawn(read_pipe, &twin, NULL, NULL), 0);
	CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	CHECK_EQ(weft_close(twin), 0); /* with a read of its own under way */
	CHECK_EQ(weft_write(p[1], "!", 1), 1);
	JOIN(co, 1);
	CHECK_EQ(weft_close(p[1]), 0);
	return weft_close(p[0]);
}

Test(file, closing_a_duplicate_ends_nothing_of_the_other, .timeout = 30)
{
	RUN_ON(1, duplicate);
	RUN_ON(2, duplicate);
}

static int close_twice(void *arg)
{
	int fd = dup(0);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQ(weft_close(fd), 0);
	CHECK_EQ(weft_close(fd), -EBADF);
	return 0;
}

Test(file, a_second_close_is_an_error)
{
	RUN_ON(1, close_twice);
}
