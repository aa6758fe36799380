/* SPDX-License-Identifier: MIT */
/* Regions, and the objects that have no bytes: semaphore, event. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <numaif.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../shm.h"
#include "sched/base/sys.h"

/* ---- regions ---- */

Test(shm, a_region_is_the_same_at_another_address)
{
	struct weft_shm *a = shm_region(100000), *b = NULL;

	cr_assert_eq(weft_shm_attach(weft_shm_fd(a), &b), 0);
	cr_assert_eq(weft_shm_bytes(a), 102400);
	cr_assert_eq(weft_shm_bytes(b), 102400);
	char *pa = weft_shm_at(a, 99999, 1), *pb = weft_shm_at(b, 99999, 1);
	cr_assert(pa && pb && pa != pb);
	*pa = 7;
	cr_assert_eq(*pb, 7);
	cr_assert_null(weft_shm_at(a, 102400, 1));
	cr_assert_null(weft_shm_at(a, 1, SIZE_MAX));
	cr_assert_null(weft_shm_at(a, SIZE_MAX, 2));
	weft_shm_free(a);
	*pb = 8;
	weft_shm_free(b);
	weft_shm_free(NULL);
}

Test(shm, options_are_checked)
{
	struct weft_shm *shm = NULL;
	struct weft_shm_options o = {.size = sizeof(o)};

	cr_assert_eq(weft_shm_new(0, NULL, &shm), -EINVAL);
	cr_assert_eq(weft_shm_new(SIZE_MAX, NULL, &shm), -EINVAL);
	cr_assert_eq(weft_shm_new((size_t)1 << 45, NULL, &shm), -ENOMEM);
	o.size = 0;
	cr_assert_eq(weft_shm_new(1, &o, &shm), -EINVAL);
	o.size = sizeof(o);
	o.memory = (enum weft_shm_memory)99;
	cr_assert_eq(weft_shm_new(1, &o, &shm), -EINVAL);
	o.memory = WEFT_SHM_BIND; /* to no node */
	cr_assert_eq(weft_shm_new(1, &o, &shm), -EINVAL);
	o.nodes = 1ull << 63; /* to one that is not there */
	cr_assert_eq(weft_shm_new(1, &o, &shm), -EINVAL);
	cr_assert_null(shm);
}

Test(shm, pages_lie_by_policy)
{
	const int mode[] = {MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE};
	int outside = 0, got = -1;

	if (get_mempolicy(&outside, NULL, 0, NULL, 0) || outside != MPOL_DEFAULT)
		cr_skip_test("no NUMA, or a policy from outside");
	for (int memory = WEFT_SHM_DEFAULT; memory <= WEFT_SHM_INTERLEAVE; memory++) {
		struct weft_shm_options o = {
			.size = sizeof(o), .nodes = 1, .memory = memory};
		struct weft_shm *shm = NULL;

		cr_assert_eq(weft_shm_new(1 << 20, &o, &shm), 0);
		cr_assert_eq(get_mempolicy(&got, NULL, 0, weft_shm_at(shm, 4096, 1),
					   MPOL_F_ADDR),
			     0);
		cr_assert_eq(got, mode[memory], "%d is %d", memory, got);
		weft_shm_free(shm);
	}
}

static int bind_policy(int *mode, unsigned long *nodes, unsigned long max, void *addr,
		       unsigned flags)
{
	(void)addr;
	if (nodes)
		memset(nodes, 0xff, max / 8);
	if (!flags)
		*mode = MPOL_BIND;
	return 0;
}

static int no_mbind(void *addr, size_t len, int mode, const unsigned long *nodes,
		    unsigned long max)
{
	(void)addr, (void)len, (void)mode, (void)nodes, (void)max;
	cr_assert_fail("a policy from outside wins");
	return -EINVAL;
}

Test(shm, a_policy_from_outside_wins)
{
	struct weft_shm_options o = {
		.size = sizeof(o), .nodes = 1, .memory = WEFT_SHM_INTERLEAVE};
	struct weft_shm *shm = NULL;

	wf_sys.get_mempolicy = bind_policy;
	wf_sys.mbind = no_mbind;
	cr_assert_eq(weft_shm_new(4096, &o, &shm), 0);
	weft_shm_free(shm);
}

static int attach(int fd)
{
	struct weft_shm *shm = NULL;
	int rc = weft_shm_attach(fd, &shm);

	weft_shm_free(shm);
	return rc;
}

/* A copy of a region's head in a file of another kind. */
static int forged(const struct weft_shm *like, unsigned flags, size_t bytes, int seals)
{
	int fd = memfd_create("forged", flags);

	cr_assert_eq(write(fd, weft_shm_at((struct weft_shm *)like, 0, 64), 64), 64);
	cr_assert_eq(ftruncate(fd, (off_t)bytes), 0);
	if (seals)
		cr_assert_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	int rc = attach(fd);
	close(fd);
	return rc;
}

Test(shm, what_is_no_region_is_refused)
{
	const int both = F_SEAL_SHRINK | F_SEAL_GROW;
	struct weft_shm *shm = shm_region(8192);
	int fd;

	cr_assert_eq(attach(-1), -EBADF);
	cr_assert_eq(attach(0x7ffffff), -EBADF);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	cr_assert_eq(attach(fd), -EBADMSG);
	close(fd);
	cr_assert_eq(forged(shm, MFD_CLOEXEC | MFD_ALLOW_SEALING, 8192, both), 0);
	cr_assert_eq(forged(shm, MFD_CLOEXEC | MFD_ALLOW_SEALING, 4096, both), -EBADMSG);
	cr_assert_eq(forged(shm, MFD_CLOEXEC | MFD_ALLOW_SEALING, 16384, both), -EBADMSG);
	cr_assert_eq(forged(shm, MFD_CLOEXEC | MFD_ALLOW_SEALING, 8192, F_SEAL_SHRINK),
		     -EBADMSG);
	cr_assert_eq(forged(shm, MFD_CLOEXEC | MFD_ALLOW_SEALING, 8192, F_SEAL_GROW),
		     -EBADMSG);
	cr_assert_eq(forged(shm, MFD_CLOEXEC, 8192, 0), -EBADMSG);
	/* its own cannot be cut */
	cr_assert_eq(ftruncate(weft_shm_fd(shm), 4096), -1);
	cr_assert_eq(ftruncate(weft_shm_fd(shm), 16384), -1);
	for (size_t i = 0; i < 24; i++) {
		if (i / 4 == 3)
			continue; /* padding */
		unsigned char *byte = weft_shm_at(shm, i, 1);
		*byte ^= 0x40;
		cr_assert_eq(attach(weft_shm_fd(shm)), -EBADMSG, "byte %zu", i);
		*byte ^= 0x40;
	}
	cr_assert_eq(attach(weft_shm_fd(shm)), 0);
	weft_shm_free(shm);
}

static int fail_with;

static int failing_fallocate(int fd, off_t len)
{
	(void)fd, (void)len;
	return fail_with;
}

static int failing_memfd(const char *name, unsigned flags)
{
	(void)name, (void)flags;
	return fail_with;
}

static int failing_seals(int fd, int seals)
{
	(void)fd, (void)seals;
	return fail_with;
}

static void *failing_mmap(void *addr, size_t len, int prot, int flags, int fd)
{
	(void)addr, (void)len, (void)prot, (void)flags, (void)fd;
	return (void *)(intptr_t)fail_with;
}

static void *half_failing_mmap(void *addr, size_t len, int prot, int flags, int fd)
{
	if (fd >= 0)
		return (void *)(intptr_t)fail_with;
	void *p = mmap(addr, len, prot, flags, fd, 0);
	return p == MAP_FAILED ? (void *)(intptr_t)-errno : p;
}

static void *no_calloc(size_t n, size_t size)
{
	(void)n, (void)size;
	return NULL;
}

/* The next free descriptor: the same again when none was left open. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

Test(shm, where_memory_is_missing_it_says_so_and_leaves_nothing)
{
	const struct wf_sys real = wf_sys;
	struct weft_shm *shm = shm_region(4096), *none = NULL;
	int fd = next_fd();

#define FAILS(entry, with, rc)                                                           \
	do {                                                                             \
		fail_with = (rc);                                                        \
		wf_sys.entry = with;                                                     \
		cr_assert_eq(weft_shm_new(4096, NULL, &none), (rc), #entry);             \
		wf_sys = real;                                                           \
		cr_assert_eq(next_fd(), fd, #entry);                                     \
	} while (0)
	FAILS(fallocate, failing_fallocate, -ENOSPC);
	FAILS(memfd_create, failing_memfd, -EMFILE);
	FAILS(add_seals, failing_seals, -EPERM);
	FAILS(mmap_fd, failing_mmap, -ENOMEM);
	FAILS(mmap_fd, half_failing_mmap, -ENOMEM);
	FAILS(calloc, no_calloc, -ENOMEM);
	wf_sys.mmap_fd = failing_mmap;
	cr_assert_eq(attach(weft_shm_fd(shm)), -ENOMEM);
	wf_sys = real;
	cr_assert_eq(next_fd(), fd);
	cr_assert_null(none);
	weft_shm_free(shm);
}

/* ---- through another program ---- */

/*
 * The test executes itself with a descriptor in the environment. Before Criterion begins it is then
 * a program that knows nothing but that.
 */
static int other_program(int fd)
{
	struct weft_shm *shm = NULL;
	struct weft_shm_sem *ping, *pong;

	CHECK_EQ(weft_shm_attach(fd, &shm), 0);
	CHECK_EQ(weft_shm_sem_at(shm, 64, &ping), 0);
	CHECK_EQ(weft_shm_sem_at(shm, 128, &pong), 0);
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(weft_shm_sem_wait(ping, 1, SOON), 0);
		CHECK_EQ(weft_shm_sem_post(pong, 1), 0);
	}
	weft_shm_free(shm);
	return 0;
}

__attribute__((constructor)) static void be_other_program(void)
{
	const char *fd = getenv("SHM_TEST_FD");

	if (fd)
		_exit(other_program(atoi(fd)));
}

static int execute(void *shm)
{
	int fd = dup(weft_shm_fd(shm)); /* without FD_CLOEXEC */
	char text[32];

	snprintf(text, sizeof(text), "%d", fd);
	setenv("SHM_TEST_FD", text, 1);
	execl("/proc/self/exe", "other", (char *)NULL);
	return 99;
}

static int ping(void *shm)
{
	struct weft_shm_sem *ping, *pong;

	CHECK_EQ(weft_shm_sem_at(shm, 64, &ping), 0);
	CHECK_EQ(weft_shm_sem_at(shm, 128, &pong), 0);
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(weft_shm_sem_post(ping, 1), 0);
		CHECK_EQ(weft_shm_sem_wait(pong, 1, SOON), 0);
	}
	return 0;
}

Test(shm, a_program_without_runtime_and_a_coroutine, .timeout = 60)
{
	struct weft_shm *shm = shm_region(4096);
	pid_t pid = shm_child(execute, shm);

	cr_assert_eq(shm_run(ping, shm), 0);
	cr_assert_eq(shm_reap(pid), 0);
	setenv("WEFT_DISABLE", "FUTEX", 1); /* as before 6.7 */
	pid = shm_child(execute, shm);
	cr_assert_eq(shm_run(ping, shm), 0);
	cr_assert_eq(shm_reap(pid), 0);
	weft_shm_free(shm);
}

static void send_fd(int sock, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof(fd))] = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	cr_assert_eq(sendmsg(sock, &m, 0), 1);
}

static int recv_fd(int sock)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	int fd = -1;

	if (recvmsg(sock, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static int set_in_region_of(void *sock)
{
	struct weft_shm *shm;
	struct weft_shm_event *e;

	CHECK_EQ(weft_shm_attach(recv_fd(*(int *)sock), &shm), 0);
	CHECK_EQ(weft_shm_event_at(shm, 64, &e), 0);
	weft_shm_event_set(e);
	return 0;
}

Test(shm, a_region_goes_over_a_socket)
{
	struct weft_shm_event *e;
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	pid_t pid = shm_child(set_in_region_of, &sv[1]); /* before there is one */
	struct weft_shm *shm = shm_region(4096);

	cr_assert_eq(weft_shm_event_at(shm, 64, &e), 0);
	send_fd(sv[0], weft_shm_fd(shm));
	cr_assert_eq(weft_shm_event_wait(e, SOON), 0);
	cr_assert_eq(shm_reap(pid), 0);
	weft_shm_free(shm);
}

/* ---- semaphore, event ---- */

Test(shm, objects_lie_where_they_may)
{
	struct weft_shm *shm = shm_region(WEFT_SHM_MUTEXES + 4096);
	struct weft_shm_sem *sem = NULL;
	struct weft_shm_event *event = NULL;
	struct weft_shm_mutex *mutex = NULL;

	cr_assert_eq(weft_shm_sem_at(shm, 0, &sem), -EINVAL);
	cr_assert_eq(weft_shm_sem_at(shm, 65, &sem), -EINVAL);
	cr_assert_eq(weft_shm_event_at(shm, WEFT_SHM_MUTEXES + 4096, &event), -EINVAL);
	cr_assert_eq(weft_shm_mutex_at(shm, SIZE_MAX - 63, &mutex), -EINVAL);
	cr_assert_eq(weft_shm_mutex_at(shm, WEFT_SHM_MUTEXES, &mutex), -EINVAL);
	cr_assert_eq(weft_shm_event_at(shm, WEFT_SHM_MUTEXES, &event), 0);
	cr_assert_eq(weft_shm_mutex_at(shm, WEFT_SHM_MUTEXES - 64, &mutex), 0);
	size_t at = WEFT_SHM_FIRST;
	cr_assert_eq(weft_shm_take(&at, WEFT_SHM_OBJECT), 64);
	cr_assert_eq(weft_shm_take(&at, 65), 128);
	cr_assert_eq(at, 256);
	weft_shm_free(shm);
}

Test(shm, a_semaphore_counts)
{
	struct weft_shm *shm = shm_region(4096);
	struct weft_shm_sem *sem;

	cr_assert_eq(weft_shm_sem_at(shm, 64, &sem), 0);
	cr_assert_eq(weft_shm_sem_trywait(sem, 1), -EAGAIN);
	cr_assert_eq(weft_shm_sem_wait(sem, 1, weft_now() + WEFT_MS), -ETIMEDOUT);
	cr_assert_eq(weft_shm_sem_post(sem, 3), 0);
	cr_assert_eq(weft_shm_sem_wait(sem, 2, 0), 0); /* it need not wait */
	cr_assert_eq(weft_shm_sem_trywait(sem, 2), -EAGAIN);
	cr_assert_eq(weft_shm_sem_post(sem, UINT32_MAX), -EOVERFLOW);
	cr_assert_eq(weft_shm_sem_post(sem, UINT32_MAX - 1), 0);
	cr_assert_eq(weft_shm_sem_trywait(sem, UINT32_MAX), 0);
	weft_shm_free(shm);
}

static bool waits_for_ever; /* or is about to */

static int stopped_waits(void *shm)
{
	struct weft_shm_sem *sem;
	struct weft_shm_event *event;
	struct weft_shm_mutex *mutex;
	struct weft_deadline d;

	CHECK_EQ(weft_shm_sem_at(shm, 64, &sem), 0);
	CHECK_EQ(weft_shm_event_at(shm, 128, &event), 0);
	CHECK_EQ(weft_shm_mutex_at(shm, 192, &mutex), 0);
	CHECK_EQ(weft_deadline_open(&d, weft_now() + 5 * WEFT_MS), 0);
	CHECK_EQ(weft_shm_sem_wait(sem, 1, WEFT_NEVER), -ETIMEDOUT);
	CHECK_EQ(weft_shm_event_wait(event, WEFT_NEVER), -ETIMEDOUT);
	CHECK_EQ(weft_shm_mutex_lock(mutex, WEFT_NEVER), -ETIMEDOUT);
	CHECK_EQ(weft_deadline_close(&d), 1);
	CHECK_EQ(weft_shm_sem_wait(sem, 1, weft_now() + 5 * WEFT_MS), -ETIMEDOUT);
	CHECK_EQ(weft_shm_event_wait(event, weft_now() + 5 * WEFT_MS), -ETIMEDOUT);
	CHECK_EQ(weft_shm_mutex_lock(mutex, weft_now() + 5 * WEFT_MS), -ETIMEDOUT);
	__atomic_store_n(&waits_for_ever, true, __ATOMIC_RELEASE);
	CHECK_EQ(weft_shm_event_wait(event, WEFT_NEVER), -ECANCELED);
	CHECK_EQ(weft_shm_sem_wait(sem, 1, WEFT_NEVER), -ECANCELED);
	return 0;
}

static int stop_waits(void *shm)
{
	struct weft_co *co;

	waits_for_ever = false;
	CHECK_EQ(weft_spawn(stopped_waits, shm, NULL, &co), 0);
	do
		CHECK_EQ(weft_sleep_ns(5 * WEFT_MS), 0);
	while (!__atomic_load_n(&waits_for_ever, __ATOMIC_ACQUIRE));
	CHECK_EQ(weft_cancel(co), 0);
	JOIN(co, 0);
	return 0;
}

Test(shm, waits_of_coroutines_end_by_deadline_and_cancel, .timeout = 60)
{
	struct weft_shm *shm = shm_region(4096);
	struct weft_shm_mutex *mutex;

	cr_assert_eq(weft_shm_mutex_at(shm, 192, &mutex), 0);
	cr_assert_eq(weft_shm_mutex_lock(mutex, SOON), 0);
	cr_assert_eq(shm_run(stop_waits, shm), 0);
	setenv("WEFT_DISABLE", "FUTEX", 1);
	cr_assert_eq(shm_run(stop_waits, shm), 0);
	weft_shm_free(shm);
}

enum { SLEEPERS = 20, CROWD = 300 };

static int sleepers; /* in coroutines */

static int wait_and_post(void *shm)
{
	struct weft_shm_event *event;
	struct weft_shm_sem *sem;

	CHECK_EQ(weft_shm_event_at(shm, 64, &event), 0);
	CHECK_EQ(weft_shm_sem_at(shm, 128, &sem), 0);
	CHECK_EQ(weft_shm_event_wait(event, SOON), 0);
	CHECK_EQ(weft_shm_sem_post(sem, 1), 0);
	return 0;
}

static int set_and_await(void *shm)
{
	struct weft_shm_event *event;
	struct weft_shm_sem *sem;
	struct weft_co *co[CROWD];

	CHECK_EQ(weft_shm_event_at(shm, 64, &event), 0);
	CHECK_EQ(weft_shm_sem_at(shm, 128, &sem), 0);
	for (int i = 0; i < sleepers; i++)
		CHECK_EQ(weft_spawn(wait_and_post, shm, NULL, &co[i]), 0);
	CHECK_EQ(weft_sleep_ns(20 * WEFT_MS), 0);
	CHECK(!weft_shm_event_is_set(event));
	weft_shm_event_set(event);
	CHECK(weft_shm_event_is_set(event));
	CHECK_EQ(weft_shm_sem_wait(sem, (uint32_t)sleepers + SLEEPERS, SOON), 0);
	for (int i = 0; i < sleepers; i++)
		JOIN(co[i], 0);
	weft_shm_event_reset(event);
	CHECK_EQ(weft_shm_event_wait(event, weft_now() + WEFT_MS), -ETIMEDOUT);
	return 0;
}

/* That many coroutines, and processes. */
static void let_go(int n)
{
	struct weft_shm *shm = shm_region(4096);
	pid_t pid[SLEEPERS];

	sleepers = n;
	for (int i = 0; i < SLEEPERS; i++)
		pid[i] = shm_child(wait_and_post, shm);
	cr_assert_eq(shm_run(set_and_await, shm), 0);
	for (int i = 0; i < SLEEPERS; i++)
		cr_assert_eq(shm_reap(pid[i]), 0);
	weft_shm_free(shm);
}

Test(shm, an_event_lets_all_go_on, .timeout = 60)
{
	let_go(SLEEPERS);
	setenv("WEFT_DISABLE", "FUTEX", 1);
	let_go(SLEEPERS);
	let_go(CROWD); /* more than one system call can wait for */
}

static int no_waitv(struct futex_waitv *on, unsigned n, uint64_t until_ns)
{
	(void)on, (void)n, (void)until_ns;
	return -ENOSYS;
}

Test(shm, coroutines_look_where_nothing_can_wait_for_them, .timeout = 60)
{
	wf_sys.futex_waitv = no_waitv;
	setenv("WEFT_DISABLE", "FUTEX", 1);
	let_go(SLEEPERS);
	struct weft_shm *shm = shm_region(4096);
	struct weft_shm_mutex *mutex;

	cr_assert_eq(weft_shm_mutex_at(shm, 192, &mutex), 0);
	cr_assert_eq(weft_shm_mutex_lock(mutex, SOON), 0);
	cr_assert_eq(shm_run(stop_waits, shm), 0);
	weft_shm_free(shm);
}

static int calls;

static int counting_wake(uint32_t *word, int n)
{
	(void)word, (void)n;
	calls++;
	return 0;
}

Test(shm, nobody_is_woken_where_nobody_sleeps)
{
	struct weft_shm *shm = shm_region(8192);
	struct weft_shm_sem *sem;
	struct weft_shm_mutex *mutex;
	struct weft_shm_queue *q;
	char msg[8] = "";

	cr_assert_eq(weft_shm_sem_at(shm, 64, &sem), 0);
	cr_assert_eq(weft_shm_mutex_at(shm, 128, &mutex), 0);
	cr_assert_eq(weft_shm_queue_format(shm, 192, 4096, 64), 0);
	cr_assert_eq(weft_shm_queue_at(shm, 192, &q), 0);
	wf_sys.futex_wake_shared = counting_wake;
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(weft_shm_sem_post(sem, 1), 0);
		cr_assert_eq(weft_shm_sem_wait(sem, 1, WEFT_NEVER), 0);
		cr_assert_eq(weft_shm_mutex_lock(mutex, WEFT_NEVER), 0);
		cr_assert_eq(weft_shm_mutex_unlock(mutex), 0);
		cr_assert_eq(weft_shm_queue_push(q, msg, 8, WEFT_NEVER), 0);
		cr_assert_eq(weft_shm_queue_pop(q, msg, 8, WEFT_NEVER), 8);
	}
	cr_assert_eq(calls, 0);
	/* who gave up is not known to have: one call, once */
	cr_assert_eq(weft_shm_sem_wait(sem, 1, 1), -ETIMEDOUT);
	cr_assert_eq(weft_shm_sem_post(sem, 1), 0);
	cr_assert_eq(weft_shm_sem_post(sem, 1), 0);
	cr_assert_eq(calls, 1);
	weft_shm_queue_free(q);
	weft_shm_free(shm);
}
