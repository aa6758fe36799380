/* SPDX-License-Identifier: MIT */
/* The real system calls behind the table. */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <numaif.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RESULT(call)                                                                     \
	({                                                                               \
		__typeof__(call) r_ = (call);                                            \
		r_ < 0 ? -errno : r_;                                                    \
	})

static void *real_mmap(size_t len, int prot, int flags)
{
	void *p = mmap(NULL, len, prot, flags, -1, 0);
	return p == MAP_FAILED ? (void *)(intptr_t)-errno : p;
}

static int real_munmap(void *addr, size_t len)
{
	return RESULT(munmap(addr, len));
}

static int real_madvise(void *addr, size_t len, int advice)
{
	return RESULT(madvise(addr, len, advice));
}

static int real_mincore(void *addr, size_t len, unsigned char *resident)
{
	return RESULT(mincore(addr, len, resident));
}

static int real_mprotect(void *addr, size_t len, int prot)
{
	return RESULT(mprotect(addr, len, prot));
}

static int real_get_mempolicy(int *mode, unsigned long *nodes, unsigned long max,
			      void *addr, unsigned flags)
{
	return (int)RESULT(get_mempolicy(mode, nodes, max, addr, flags));
}

static int real_mbind(void *addr, size_t len, int mode, const unsigned long *nodes,
		      unsigned long max)
{
	return (int)RESULT(mbind(addr, len, mode, nodes, max, 0));
}

static int real_mbind_move(void *addr, size_t len, int mode, const unsigned long *nodes,
			   unsigned long max)
{
	return (int)RESULT(mbind(addr, len, mode, nodes, max, MPOL_MF_MOVE));
}

static int real_memfd_create(const char *name, unsigned flags)
{
	return (int)RESULT(memfd_create(name, flags));
}

static int real_name_mapping(void *addr, size_t len, const char *name)
{
	return RESULT(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, len, name));
}

static int real_ring_init(unsigned entries, struct io_uring *ring,
			  struct io_uring_params *p)
{
	return io_uring_queue_init_params(entries, ring, p);
}

static int real_ring_enter(int fd, unsigned submit, unsigned wait, unsigned flags,
			   const void *arg, size_t size)
{
	return (int)RESULT(
		syscall(__NR_io_uring_enter, fd, submit, wait, flags, arg, size));
}

static int real_ring_register(int fd, unsigned op, const void *arg, unsigned n)
{
	return (int)RESULT(syscall(__NR_io_uring_register, fd, op, arg, n));
}

static int real_eventfd(unsigned init, int flags)
{
	return RESULT(eventfd(init, flags));
}

static int real_thread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *),
			      void *arg)
{
	return -pthread_create(t, a, fn, arg);
}

static int real_thread_join(pthread_t t)
{
	return -pthread_join(t, NULL);
}

static int real_nap(unsigned us)
{
	return RESULT(usleep(us));
}

static int real_futex_wait(uint32_t *word, uint32_t val, const struct timespec *rel)
{
	return (int)RESULT(
		syscall(__NR_futex, word, FUTEX_WAIT_PRIVATE, val, rel, NULL, 0));
}

static int real_futex_wake(uint32_t *word, int n)
{
	return (int)RESULT(
		syscall(__NR_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0));
}

static int real_futex_wait_shared(uint32_t *word, uint32_t val,
				  const struct timespec *until)
{
	return (int)RESULT(syscall(__NR_futex, word, FUTEX_WAIT_BITSET, val, until, NULL,
				   FUTEX_BITSET_MATCH_ANY));
}

static int real_futex_wake_shared(uint32_t *word, int n)
{
	return (int)RESULT(syscall(__NR_futex, word, FUTEX_WAKE, n, NULL, NULL, 0));
}

static int real_futex_waitv(struct futex_waitv *on, unsigned n, uint64_t until_ns)
{
	const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
				       .tv_nsec = (long)(until_ns % 1000000000u)};

	return (int)RESULT(syscall(__NR_futex_waitv, on, n, 0,
				   until_ns == UINT64_MAX ? NULL : &until,
				   CLOCK_MONOTONIC));
}

static int real_get_robust_list(struct robust_list_head **head, size_t *len)
{
	return (int)RESULT(syscall(__NR_get_robust_list, 0, head, len));
}

static int real_set_robust_list(struct robust_list_head *head)
{
	return (int)RESULT(syscall(__NR_set_robust_list, head, sizeof(*head)));
}

static int real_membarrier(int cmd)
{
	return (int)RESULT(syscall(__NR_membarrier, cmd, 0, 0));
}

static void *real_mmap_fd(void *addr, size_t len, int prot, int flags, int fd)
{
	void *p = mmap(addr, len, prot, flags, fd, 0);
	return p == MAP_FAILED ? (void *)(intptr_t)-errno : p;
}

static int real_fallocate(int fd, off_t len)
{
	return RESULT(fallocate(fd, 0, 0, len));
}

static int real_add_seals(int fd, int seals)
{
	return RESULT(fcntl(fd, F_ADD_SEALS, seals));
}

static int real_get_seals(int fd)
{
	return RESULT(fcntl(fd, F_GET_SEALS));
}

static off_t real_file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : st.st_size;
}

static int real_dup(int fd)
{
	return RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

static int real_close(int fd)
{
	int rc = RESULT(close(fd));

	return rc == -EINTR ? 0 : rc; /* Linux has closed it */
}

static int real_socket(int domain, int type, int protocol)
{
	return RESULT(socket(domain, type, protocol));
}

static int real_shutdown(int fd, int how)
{
	return RESULT(shutdown(fd, how));
}

static int real_poll(struct pollfd *fd, unsigned n, int ms)
{
	return RESULT(poll(fd, n, ms));
}

static ssize_t real_sendfile(int out, int in, off_t *off, size_t n)
{
	return RESULT(sendfile(out, in, off, n));
}

static ssize_t real_recv(int fd, void *buf, size_t len, int flags)
{
	return RESULT(recv(fd, buf, len, flags));
}

static ssize_t real_send(int fd, const void *buf, size_t len, int flags)
{
	return RESULT(send(fd, buf, len, flags));
}

static void *real_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

bool wf_sys_try_again(int rc, unsigned tries)
{
	if (rc != -ENOMEM || tries >= 200)
		return false;
	usleep(tries < 10 ? 1000 : 5000);
	return true;
}

struct wf_sys wf_sys = {
#define WF_SYS(type, name, params, args) .name = real_##name,
#include "sys.def"
};
