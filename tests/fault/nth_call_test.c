/* SPDX-License-Identifier: MIT */
/*
 * The n-th call fails: for each entry of the table of system calls and each error that it
 * may give, n = 1, 2, ... until a run does not get so far. Each run either works or returns
 * that error; it leaves no mapping, descriptor or thread behind, and the next run works.
 */
#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../check.h"
#include "sched/base/sys.h"

enum entry {
#define WF_SYS(type, name, params, args) CALL_##name,
#include "sched/base/sys.def"
	CALLS,
};

static const char *const names[CALLS] = {
#define WF_SYS(type, name, params, args) #name,
#include "sched/base/sys.def"
};

static struct wf_sys real;
static struct {
	enum entry entry;
	int error;
	bool all; /* the n-th and all later ones */
	uint32_t n;
	_Atomic uint32_t count;
} fault;
static _Atomic long mapped; /* bytes */
static int threads;         /* between runs */

static bool fails(enum entry entry)
{
	if (entry != fault.entry || !fault.n)
		return false;
	uint32_t i = atomic_fetch_add(&fault.count, 1) + 1;
	return i == fault.n || (fault.all && i > fault.n);
}

#define WF_SYS(type, name, params, args)                                                 \
	static type faulty_##name params                                                 \
	{                                                                                \
		if (fails(CALL_##name))                                                  \
			return (type)(intptr_t)fault.error;                              \
		return real.name args;                                                   \
	}
#include "sched/base/sys.def"

/* Those that are not just replaced by the error. */

static void *counted_mmap(size_t len, int prot, int flags)
{
	void *p = faulty_mmap(len, prot, flags);

	if (!wf_sys_ptr_err(p))
		atomic_fetch_add(&mapped, (long)((len + 4095) & ~(size_t)4095));
	return p;
}

static int counted_munmap(void *addr, size_t len)
{
	int rc = real.munmap(addr, len);

	if (rc == 0)
		atomic_fetch_sub(&mapped, (long)((len + 4095) & ~(size_t)4095));
	return rc;
}

static void *null_calloc(size_t n, size_t size)
{
	return fails(CALL_calloc) ? NULL : real.calloc(n, size);
}

/* The kernel closes first and tells of an error then. */
static int late_close(int fd)
{
	int rc = real.close(fd);

	return rc == 0 && fails(CALL_close) ? fault.error : rc;
}

static void replace_calls(void)
{
	if (real.mmap)
		return;
	real = wf_sys;
	wf_sys = (struct wf_sys){
#define WF_SYS(type, name, params, args) .name = faulty_##name,
#include "sched/base/sys.def"
	};
	wf_sys.mmap = counted_mmap;
	wf_sys.munmap = counted_munmap;
	wf_sys.calloc = null_calloc;
	wf_sys.close = late_close;
}

/* What a run does: a little of everything. The first error ends it, and is its result. */

#define TRY(call)                                                                        \
	do {                                                                             \
		long long rc_ = (long long)(call);                                       \
		if (rc_ < 0)                                                             \
			return (int)rc_;                                                 \
	} while (0)

static int answer(void *arg)
{
	int fd = *(int *)arg;
	char c;

	TRY(weft_recv(fd, &c, 1, 0));
	TRY(weft_send_all(fd, &c, 1, 0));
	return 0;
}

static int talk(int a, int b)
{
	struct weft_co_attr attr = {.size = sizeof(attr), .worker = 2};
	struct weft_co *co;
	char c = 0;
	int rc, status = 0;

	TRY(weft_spawn(answer, &b, &attr, &co));
	rc = (int)weft_send_all(a, "x", 1, 0);
	if (rc > 0)
		rc = (int)weft_recv(a, &c, 1, 0);
	if (rc < 0)
		weft_cancel(co);
	TRY(weft_join(co, &status));
	TRY(rc);
	TRY(status);
	return c == 'x' ? 0 : __LINE__;
}

static int with_pair(int (*fn)(int a, int b))
{
	int l = weft_tcp_listen("127.0.0.1", 0, NULL), a, b, rc;

	TRY(l);
	a = weft_tcp_dial("127.0.0.1", (uint16_t)weft_tcp_port(l), NULL);
	b = a < 0 ? a : weft_accept(l, NULL);
	rc = b < 0 ? b : fn(a, b);
	int closed = weft_close(l);
	if (a >= 0)
		closed |= weft_close(a);
	if (b >= 0)
		closed |= weft_close(b);
	return rc ? rc : closed ? fault.error : 0;
}

static int files(int a, int b)
{
	int file = weft_open("/proc/self/exe", O_RDONLY, 0), rc;
	off_t offset = 0;
	char buf[4096];

	TRY(file);
	rc = (int)weft_pread(file, buf, 16, 0);
	if (rc >= 0)
		rc = (int)weft_sendfile(a, file, &offset, sizeof(buf));
	if (rc >= 0)
		rc = (int)weft_recv_all(b, buf, sizeof(buf));
	if (rc >= 0)
		rc = rc == (int)sizeof(buf) ? weft_shutdown(a, SHUT_WR) : __LINE__;
	int closed = weft_close(file);
	return rc ? rc : closed;
}

static int sleeper(void *arg)
{
	(void)arg;
	return weft_sleep_ns(WEFT_NEVER);
}

static int coroutines(void)
{
	struct weft_co_attr large = {.size = sizeof(large), .stack_size = 1 << 20};
	struct weft_deadline d;
	struct weft_co *co;
	int status = 0, rc;

	TRY(weft_spawn(sleeper, NULL, &large, &co));
	TRY(weft_deadline_open(&d, weft_now() + 100 * WEFT_US));
	rc = weft_join(co, NULL);
	weft_deadline_close(&d);
	weft_cancel(co);
	TRY(weft_join(co, &status));
	return rc == -ETIMEDOUT && status == -ECANCELED ? 0 : __LINE__;
}

static int everything(void *done)
{
	int rc = with_pair(talk);

	if (!rc)
		rc = coroutines();
	if (!rc)
		rc = with_pair(files);
	*(bool *)done = rc == 0;
	return rc;
}

/* What is left of a run. */

static int entries(const char *path, int want)
{
	int n = 0;

	for (int tries = 0; tries < 1000; tries++) {
		DIR *dir = opendir(path);
		for (n = 0; readdir(dir);)
			n++;
		closedir(dir);
		if (n == want || !want)
			return n;
		usleep(1000); /* a thread that was joined may still be listed */
	}
	return n;
}

/* The sanitizers may have one of their own since the first run; ours have gone. */
static int threads_at_rest(void)
{
	int n = 0;

	for (int same = 0; same < 50; same++) {
		int now = entries("/proc/self/task", 0);

		if (now != n)
			same = 0;
		n = now;
		usleep(1000);
	}
	return n;
}

static int rings_mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "io_uring") != NULL;
	fclose(f);
	return n;
}

/* Not one of Criterion's: a hang names what it was about. */
static void hung(int sig)
{
	(void)sig;
	fprintf(stderr, "hangs when call %u of %s fails with %d\n", fault.n,
		names[fault.entry], fault.error);
	_exit(1);
}

static int run(void)
{
	struct weft_options o = {
		.size = sizeof(o), .workers = 2, .faults = 1, .stall_ms = 1000};

	bool done = false;
	int rc = weft_run(everything, &done, &o);

	return rc || done ? rc : __LINE__;
}

static bool allowed(int rc)
{
	if (rc == 0 || rc == fault.error)
		return true;
	return fault.entry == CALL_calloc ? rc == -ENOMEM || rc == -EMFILE : false;
}

/* One entry, one error, every n. Returns the number of calls that a whole run makes. */
static uint32_t each_call(enum entry entry, int error, bool all)
{
	int fds = entries("/proc/self/fd", 0);

	fault.entry = entry;
	fault.error = error;
	fault.all = all;
	for (uint32_t n = 1;; n++) {
		fault.n = n;
		atomic_store(&fault.count, 0);
		alarm(30);
		int rc = run();
		cr_assert(allowed(rc),
			  "call %u of %s fails with %d: status or line %d, %s", n,
			  names[entry], error, rc, weft_start_error());
		bool hit = atomic_load(&fault.count) >= n;
		fault.n = 0;
		cr_assert_eq(atomic_load(&mapped), 0, "call %u of %s: %ld bytes are left",
			     n, names[entry], atomic_load(&mapped));
		cr_assert_eq(rings_mapped(), 0);
		cr_assert_eq(entries("/proc/self/fd", fds), fds, "call %u of %s", n,
			     names[entry]);
		cr_assert_eq(entries("/proc/self/task", threads), threads);
		if (!hit)
			return n - 1;
		cr_assert_eq(run(), 0);
	}
}

static void begin(void)
{
	signal(SIGALRM, hung);
	replace_calls();
	cr_assert_eq(run(), 0, "%s", weft_start_error());
	threads = threads_at_rest();
	atomic_store(&mapped, 0); /* the table of descriptors stays */
}

static void fail_each(enum entry entry, const int *errors, int n)
{
	begin();
	for (int i = 0; i < n; i++) {
		uint32_t calls = each_call(entry, errors[i], false);
		cr_assert_gt(calls, 0, "%s is never called", names[entry]);
		cr_log_info("%s: %u calls failed with %d", names[entry], calls,
			    errors[i]);
	}
}

#define EACH(entry, ...)                                                                 \
	fail_each(CALL_##entry, (const int[]){__VA_ARGS__},                              \
		  (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))

TestSuite(nth_call, .timeout = 100);

Test(nth_call, memory)
{
	EACH(mmap, -ENOMEM);
	each_call(CALL_mmap, -ENOMEM, true);
	EACH(calloc, -ENOMEM);
	each_call(CALL_calloc, -ENOMEM, true);
}

/* Advice that is not taken is no failure, but a guard that cannot be made is. */
Test(nth_call, guards)
{
	EACH(madvise, -ENOMEM);
	EACH(name_mapping, -EINVAL, -ENOMEM);
	setenv("WEFT_DISABLE", "GUARD_INSTALL", 1);
	EACH(mprotect, -ENOMEM);
}

Test(nth_call, rings)
{
	EACH(ring_init, -EPERM, -ENOSYS, -ENOMEM, -EMFILE);
	each_call(CALL_ring_init, -EPERM, true);
}

Test(nth_call, registering_and_waking)
{
	EACH(ring_register, -ENOMEM);
}

Test(nth_call, entering)
{
	EACH(ring_enter, -EINTR, -EAGAIN, -EBUSY);
}

Test(nth_call, eventfd)
{
	setenv("WEFT_DISABLE", "MSG_RING_SYNC", 1);
	EACH(eventfd, -EMFILE, -ENOMEM);
	each_call(CALL_eventfd, -ENFILE, true);
}

Test(nth_call, threads)
{
	EACH(thread_create, -EAGAIN, -ENOMEM);
	each_call(CALL_thread_create, -EAGAIN, true);
	EACH(futex_wait, -EINTR, -EAGAIN);
}

Test(nth_call, descriptors)
{
	EACH(close, -EINTR, -EIO);
	EACH(shutdown, -ENOTCONN);
	EACH(sendfile, -EINTR, -EAGAIN, -EIO);
}
