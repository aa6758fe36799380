/* SPDX-License-Identifier: MIT */
/* The table of descriptors: entries, counting, and numbers that come back. */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"
#include "sched/base/sys.h"
#include "sched/ring/bufs.h"
#include "sched/ring/fd.h"

TestSuite(fd, .timeout = 30);

Test(fd, a_number_has_one_entry)
{
	cr_assert_null(wf_fd_peek(5));
	struct wf_fd *f = wf_fd_get(5);
	cr_assert(f && f->fd == 5 && f->first == WF_BUF_NONE && f->conn_first == -1);
	cr_assert_eq(wf_fd_peek(5), f);
	cr_assert_eq(wf_fd_get(6), f + 1);
	cr_assert_eq(wf_fd_get(100000)->fd, 100000);
	cr_assert_null(wf_fd_get(-1));
	cr_assert_null(wf_fd_peek(-1));
	cr_assert_null(wf_fd_get(WF_FD_CHUNKS * WF_FD_CHUNK));
	cr_assert_null(wf_fd_peek(INT32_MAX));
}

static pthread_barrier_t barrier;

static void *get_all(void *arg)
{
	struct wf_fd **got = arg;

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 200; i++)
		got[i] = wf_fd_get(i * WF_FD_CHUNK);
	return NULL;
}

Test(fd, threads_that_make_an_entry_agree)
{
	static struct wf_fd *got[2][200];
	pthread_t t[2];

	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, get_all, got[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	cr_assert_arr_eq(got[0], got[1], sizeof(got[0]));
}

Test(fd, a_closer_waits_for_the_last_user)
{
	struct wf_fd *f = wf_fd_get(5);

	cr_assert_eq(wf_fd_use(NULL), 0);
	cr_assert(!wf_fd_unuse(NULL));
	cr_assert_eq(wf_fd_use(f), 0);
	cr_assert_eq(wf_fd_use(f), 0);
	cr_assert(!wf_fd_unuse(f));
	f->refs |= WF_FD_CLOSING;
	cr_assert_eq(wf_fd_use(f), -EBADF);
	cr_assert(!wf_fd_unuse(f));
	cr_assert(wf_fd_unuse(f));
}

/* A number whose earlier life still has a request with the kernel is not used. */
Test(fd, a_number_that_is_not_clean_is_set_aside)
{
	int fd = dup(0);
	struct wf_fd *f = wf_fd_get(fd);

	cr_assert(fd >= 0);
	f->err = -ECONNRESET;
	cr_assert_eq(wf_fd_born(fd, true), fd);
	cr_assert_eq(f->state, WF_FD_STREAM);
	cr_assert_eq(f->err, 0);
	f->state |= WF_FD_ARMED;
	int other = wf_fd_born(fd, true);
	cr_assert(other >= 0 && other != fd);
	cr_assert_eq(wf_fd_peek(other)->state, WF_FD_STREAM);
	cr_assert_eq(fcntl(fd, F_GETFD), -1);
	cr_assert(fcntl(other, F_GETFD) & FD_CLOEXEC);
	close(other);
}

static void *no_memory(size_t len, int prot, int flags)
{
	(void)len, (void)prot, (void)flags;
	return (void *)(intptr_t)-ENOMEM;
}

Test(fd, without_memory_the_descriptor_is_closed)
{
	int fd = dup(0);

	wf_sys.mmap = no_memory;
	cr_assert_lt(wf_fd_born(fd, true), 0);
	cr_assert_eq(fcntl(fd, F_GETFD), -1);
	cr_assert_null(wf_fd_get(5));
}

/* The next life of a number begins without the last one's error, whoever closed it. */

static void *close_in_thread(void *arg)
{
	return (void *)(intptr_t)weft_close(*(int *)arg);
}

static int die_by_reset(int *ret_fd)
{
	int l = weft_tcp_listen("127.0.0.1", 0, NULL);
	int a = weft_tcp_dial("127.0.0.1", (uint16_t)weft_tcp_port(l), NULL);
	int b = weft_accept(l, NULL);
	struct linger reset = {1, 0};
	char c;

	CHECK_EQ(weft_close(l), 0);
	CHECK_EQ(weft_setsockopt(b, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	CHECK_EQ(weft_close(b), 0);
	CHECK_EQ(weft_recv(a, &c, 1, 0), -ECONNRESET);
	CHECK_EQ(weft_recv(a, &c, 1, 0), -ECONNRESET); /* it is kept */
	*ret_fd = a;
	return 0;
}

static int next_life(void *arg)
{
	void *closed = (void *)1;
	pthread_t t;
	int fd, sv[2];
	char c;

	(void)arg;
	CHECK_EQ(die_by_reset(&fd), 0);
	CHECK_EQ(pthread_create(&t, NULL, close_in_thread, &fd), 0);
	pthread_join(t, &closed);
	CHECK(!closed);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CHECK(sv[0] == fd || sv[1] == fd);
	int other = sv[0] == fd ? sv[1] : sv[0];
	CHECK_EQ(weft_fd_adopt(fd), 0);
	CHECK_EQ(weft_send(other, "x", 1, 0), 1);
	CHECK_EQ(weft_recv(fd, &c, 1, 0), 1);
	CHECK_EQ(weft_close(fd), 0);
	return weft_close(other);
}

Test(fd, a_new_life_knows_nothing_of_the_last)
{
	RUN_ON(1, next_life);
}
