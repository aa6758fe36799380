/* SPDX-License-Identifier: MIT */
/* The jobs of the tests of job pools, good and bad, as a program of their own. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proc/child.h"
#include "weft/job.h"

enum { DESK = 12288 }; /* what lies before the first slot's input */

static int warmed;
static int served;

static int warm(void)
{
	warmed = 42;
	return 0;
}
WEFT_JOB_WARM(warm)

static void *begin(void)
{
	static int state;

	state = warmed + 1;
	return &state;
}
WEFT_JOB_START(begin)

static ssize_t nothing(const struct weft_job_args *a)
{
	(void)a;
	return 0;
}
WEFT_JOB("nothing", nothing)

static ssize_t echo(const struct weft_job_args *a)
{
	if (a->in_len > a->out_cap)
		return -ENOSPC;
	memcpy(a->out, a->in, a->in_len);
	return (ssize_t)a->in_len;
}
WEFT_JOB("echo", echo)

static ssize_t put_int(const struct weft_job_args *a, int n)
{
	memcpy(a->out, &n, sizeof(n));
	return sizeof(n);
}

static ssize_t state(const struct weft_job_args *a)
{
	return put_int(a, *(const int *)a->state);
}
WEFT_JOB("state", state)

static ssize_t count(const struct weft_job_args *a)
{
	return put_int(a, ++served);
}
WEFT_JOB("count", count)

static ssize_t pid(const struct weft_job_args *a)
{
	return put_int(a, getpid());
}
WEFT_JOB("pid", pid)

static ssize_t fails(const struct weft_job_args *a)
{
	(void)a;
	return -EDOM;
}
WEFT_JOB("fails", fails)

/* For as many milliseconds as in says. */
static ssize_t nap(const struct weft_job_args *a)
{
	int ms;

	memcpy(&ms, a->in, sizeof(ms));
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	nanosleep(&t, NULL);
	return put_int(a, ms);
}
WEFT_JOB("nap", nap)

/* ---- those that go wrong ---------------------------------------------------------------- */

/* Seen by the dynamic linker, so the trace has its name. */
__attribute__((noinline, visibility("default"))) void job_worker_pokes_at(
	volatile int *p);

void job_worker_pokes_at(volatile int *p)
{
	*p = 1;
}

static ssize_t segv(const struct weft_job_args *a)
{
	(void)a;
	fprintf(stderr, "about to crash\n");
	job_worker_pokes_at((volatile int *)0x1234);
	return 0;
}
WEFT_JOB("segv", segv)

static ssize_t aborts(const struct weft_job_args *a)
{
	(void)a;
	abort();
}
WEFT_JOB("abort", aborts)

__attribute__((noinline)) static int deeper(volatile char *above)
{
	volatile char here[4096];

	here[0] = above ? above[0] : 0;
	return here[0] > 1 ? 0 : deeper(here) + here[0];
}

static ssize_t overflow(const struct weft_job_args *a)
{
	(void)a;
	return deeper(NULL);
}
WEFT_JOB("overflow", overflow)

static ssize_t exits(const struct weft_job_args *a)
{
	(void)a;
	_exit(7);
}
WEFT_JOB("exit", exits)

static ssize_t kills_itself(const struct weft_job_args *a)
{
	(void)a;
	kill(getpid(), SIGKILL);
	pause();
	return 0;
}
WEFT_JOB("sigkill", kills_itself)

static ssize_t spin(const struct weft_job_args *a)
{
	(void)a;
	for (volatile unsigned i = 0;; i++) /* may come round */
		continue;
	return 0;
}
WEFT_JOB("spin", spin)

static ssize_t eat(const struct weft_job_args *a)
{
	for (;;) {
		char *p = malloc(1 << 20);
		memset(p, 1, 1 << 20); /* does not look whether it got any */
		__asm__ volatile("" : : "r"(p) : "memory");
	}
	return (ssize_t)a->in_len;
}
WEFT_JOB("eat", eat)

static ssize_t eat_in_child(const struct weft_job_args *a)
{
	pid_t child = fork();

	if (!child)
		return eat(a);
	waitpid(child, NULL, 0);
	return 0;
}
WEFT_JOB("eat_in_child", eat_in_child)

/* A gigabyte of address space, of which a page is used. */
static ssize_t map_much(const struct weft_job_args *a)
{
	char *p = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)a;
	if (p == MAP_FAILED)
		return -errno;
	p[12345] = 1;
	munmap(p, 1 << 30);
	return 0;
}
WEFT_JOB("map_much", map_much)

static ssize_t kill_me(const struct weft_job_args *a)
{
	(void)a;
	return kill(getpid(), SIGKILL);
}
WEFT_JOB("kill_me", kill_me)

static ssize_t leak_fd(const struct weft_job_args *a)
{
	(void)a;
	return open("/dev/null", O_RDONLY) < 0 ? -errno : 0;
}
WEFT_JOB("leak_fd", leak_fd)

/* Leaves a grandchild in a session of its own; tells its number. */
static ssize_t leave_child(const struct weft_job_args *a)
{
	int p[2], n = 0;

	if (pipe(p))
		return -errno;
	if (!fork()) {
		setsid();
		n = fork();
		if (!n) {
			close(p[0]);
			close(p[1]);
			sleep(1000);
		}
		ssize_t put = write(p[1], &n, sizeof(n));
		_exit(put < 0);
	}
	ssize_t got = read(p[0], &n, sizeof(n));
	close(p[0]);
	close(p[1]);
	fprintf(stderr, "left %d\n", n);
	return got < 0 ? -errno : put_int(a, n);
}
WEFT_JOB("leave_child", leave_child)

/* Writes all over the memory that it shares with the pool: the first slot's input lies behind what
 * the pool goes by. */
static ssize_t scribble(const struct weft_job_args *a)
{
	memset((char *)(uintptr_t)a->in - DESK, 0x5a, DESK);
	return 0;
}
WEFT_JOB("scribble", scribble)

static ssize_t lies(const struct weft_job_args *a)
{
	return (ssize_t)a->out_cap + 1;
}
WEFT_JOB("lies", lies)

/* Answers, and a second process goes on to change the answer. */
static ssize_t rewrite(const struct weft_job_args *a)
{
	volatile char *out = a->out;

	if (!fork())
		for (;;)
			out[0] = 'B';
	out[0] = 'A';
	return 1;
}
WEFT_JOB("rewrite", rewrite)

/* The next job of this process finds its counter changed. */
static ssize_t corrupt_state(const struct weft_job_args *a)
{
	(void)a;
	served = 1000000;
	return 0;
}
WEFT_JOB("corrupt_state", corrupt_state)

/* ---- streams ---------------------------------------------------------------------------- */

/* Sends as many messages as it is told, the n-th of n % 1000 bytes, all of them n % 251. */
static ssize_t sends(const struct weft_job_args *a)
{
	unsigned char text[1000];
	int n;

	memcpy(&n, a->in, sizeof(n));
	for (int i = 0; i < n; i++) {
		memset(text, i % 251, sizeof(text));
		int rc = weft_job_send(text, (size_t)(i % 1000));
		if (rc)
			return rc;
	}
	return 0;
}
WEFT_JOB("sends", sends)

static ssize_t sends_and_crashes(const struct weft_job_args *a)
{
	ssize_t rc = sends(a);

	if (!rc)
		raise(SIGSEGV);
	return rc;
}
WEFT_JOB("sends_and_crashes", sends_and_crashes)

/* Sends until it is killed. */
static ssize_t sends_on(const struct weft_job_args *a)
{
	(void)a;
	while (!weft_job_send("again", 5))
		;
	return -EIO;
}
WEFT_JOB("sends_on", sends_on)

/* One of just the room there is; one byte more is refused. */
static ssize_t sends_large(const struct weft_job_args *a)
{
	static char large[65536];

	(void)a;
	if (weft_job_send(large, sizeof(large) - 3) != -EMSGSIZE)
		return -EIO;
	return weft_job_send(large, sizeof(large) - 4);
}
WEFT_JOB("sends_large", sends_large)

/* Its message says that it is longer than what there is. */
static ssize_t sends_lies(const struct weft_job_args *a)
{
	int rc = weft_job_send("abc", 3);

	memset(a->out, 0xff, 4);
	return rc;
}
WEFT_JOB("sends_lies", sends_lies)

/* Says that it sent more than there is room. */
static ssize_t sends_nothing_much(const struct weft_job_args *a)
{
	int rc = weft_job_send("abc", 3);

	memset((char *)(uintptr_t)a->in - DESK, 0x5a, DESK);
	for (;;)
		pause();
	return rc;
}
WEFT_JOB("sends_nothing_much", sends_nothing_much)

static ssize_t cannot_send(const struct weft_job_args *a)
{
	(void)a;
	return weft_job_send("abc", 3);
}
WEFT_JOB("cannot_send", cannot_send)

/* ---- what a sandbox forbids ------------------------------------------------------------- */

static ssize_t opens(const struct weft_job_args *a)
{
	char path[256] = {0};

	memcpy(path, a->in, a->in_len < 255 ? a->in_len : 255);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, a->out, a->out_cap);
	close(fd);
	return n;
}
WEFT_JOB("open", opens)

static ssize_t writes(const struct weft_job_args *a)
{
	char path[256] = {0};

	memcpy(path, a->in, a->in_len < 255 ? a->in_len : 255);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	unlink(path);
	return 0;
}
WEFT_JOB("write", writes)

static ssize_t connects(const struct weft_job_args *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)a;
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
WEFT_JOB("socket", connects)

static ssize_t shoots(const struct weft_job_args *a)
{
	int target;

	memcpy(&target, a->in, sizeof(target));
	return kill(target, 0) ? -errno : 0;
}
WEFT_JOB("kill", shoots)

static ssize_t variable(const struct weft_job_args *a)
{
	char name[64] = {0};

	memcpy(name, a->in, a->in_len < 63 ? a->in_len : 63);
	return getenv(name) ? 1 : 0;
}
WEFT_JOB("getenv", variable)

/* How many CPUs it may use if CPU 0 is among them; its nice value; its policy. */
static ssize_t place(const struct weft_job_args *a)
{
	cpu_set_t set;
	int got[3];

	sched_getaffinity(0, sizeof(set), &set);
	got[0] = CPU_ISSET(0, &set) ? CPU_COUNT(&set) : 0;
	got[1] = getpriority(PRIO_PROCESS, 0);
	got[2] = sched_getscheduler(0);
	memcpy(a->out, got, sizeof(got));
	return sizeof(got);
}
WEFT_JOB("place", place)

/* The node it is on, the node of its memory policy (-1: none), that of its input; and its CPUs. */
static ssize_t where(const struct weft_job_args *a)
{
	unsigned long mask[16] = {0};
	int mode = 0, *got = a->out;
	cpu_set_t set;

	memset(got, 0xff, 3 * sizeof(int));
	syscall(SYS_getcpu, NULL, &got[0], NULL);
	syscall(SYS_get_mempolicy, &mode, mask, sizeof(mask) * 8, NULL, 0);
	if (mode == MPOL_PREFERRED && mask[0])
		got[1] = __builtin_ctzl(mask[0]);
	syscall(SYS_get_mempolicy, &got[2], NULL, 0, a->in, MPOL_F_NODE | MPOL_F_ADDR);
	sched_getaffinity(0, sizeof(set), &set);
	memcpy(got + 4, &set, sizeof(set));
	return (ssize_t)(4 * sizeof(int) + sizeof(cpu_set_t));
}
WEFT_JOB("where", where)

/* The highest descriptor that is open. */
static ssize_t descriptors(const struct weft_job_args *a)
{
	int last = -1;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			last = fd;
	return put_int(a, last);
}
WEFT_JOB("descriptors", descriptors)

/* ---- what is granted -------------------------------------------------------------------- */

/* Grant 0 to grant 1, in capitals, a few bytes at a time. */
static ssize_t copy_granted(const struct weft_job_args *a)
{
	int64_t at = 0;
	char part[7];
	ssize_t n;

	(void)a;
	while ((n = weft_job_read(0, part, sizeof(part), at)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			part[i] -= part[i] >= 'a' && part[i] <= 'z' ? 32 : 0;
		ssize_t put = weft_job_write(1, part, (size_t)n, at);
		if (put != n)
			return put < 0 ? put : -EIO;
		at += n;
	}
	return n < 0 ? n : at;
}
WEFT_JOB("copy_granted", copy_granted)

/* The input: 'r', 'w' or 's', and the number of the grant. */
static ssize_t use_granted(const struct weft_job_args *a)
{
	const char *in = a->in;
	unsigned which = (unsigned)in[1] - '0';
	char byte = 'x';

	return in[0] == 'r'   ? weft_job_read(which, &byte, 1, -1)
	       : in[0] == 'w' ? weft_job_write(which, &byte, 1, -1)
			      : weft_job_sync(which);
}
WEFT_JOB("use_granted", use_granted)

static int try_on_ring(void (*prepare)(struct io_uring_sqe *))
{
	struct io_uring *ring = wf_grant_ring();
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;

	if (!sqe)
		return -EBUSY;
	prepare(sqe);
	if (io_uring_submit_and_wait(ring, 1) < 0 || io_uring_peek_cqe(ring, &cqe))
		return -EIO;
	int res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static char stolen[16];

/* Descriptors by their own numbers, even such as the job has. */
static void read_plain(struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, 0, stolen, sizeof(stolen), 0);
}

static void open_file(struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	sqe->flags = IOSQE_FIXED_FILE;
}

static void send_granted(struct io_uring_sqe *sqe)
{
	io_uring_prep_send(sqe, 0, stolen, 1, 0);
	sqe->flags = IOSQE_FIXED_FILE;
}

static void async_granted(struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, 0, stolen, 1, 0);
	sqe->flags = IOSQE_FIXED_FILE | IOSQE_ASYNC;
}

/* Drives the ring by itself: how many of its attempts were refused, of 5. */
static ssize_t break_out(const struct weft_job_args *a)
{
	int plain[1] = {2};

	(void)a;
	return (try_on_ring(read_plain) == -EACCES) +
	       (try_on_ring(open_file) == -EACCES) +
	       (try_on_ring(send_granted) == -EACCES) +
	       (try_on_ring(async_granted) == -EACCES) +
	       (io_uring_register_files_update(wf_grant_ring(), 0, plain, 1) == -EACCES);
}
WEFT_JOB("break_out", break_out)

int main(int argc, char **argv)
{
	weft_job_main(argc, argv);
	return 3;
}
