/* SPDX-License-Identifier: MIT */
/*
 * Stands in for Criterion under ThreadSanitizer, which Criterion cannot run under: it
 * maps memory at random fixed addresses, and TSan allows only some; and in emulated machines,
 * where its many libraries are slow to load. It offers what our
 * tests use (Test with init, fini, timeout, disabled, signal and exit_code; the
 * cr_assert_* and cr_expect_* of the classic interface; cr_skip_test), runs each test in
 * a forked child, and prints the lines that Criterion prints with --verbose. One test
 * program is one source file, so everything here is static.
 *
 *   --slow N   time limits are N times what the test says (default 3)
 */
#ifndef WF_PLAIN_CRITERION_H
#define WF_PLAIN_CRITERION_H

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct cr_test {
	const char *suite, *name;
	void (*fn)(void);
	void (*init)(void);
	void (*fini)(void);
	double timeout; /* seconds; 0: none */
	bool disabled;
	int signal, exit_code; /* how it is expected to end */
	const char *description;
	struct cr_test *next;
};

static struct cr_test *cr_tests, **cr_last = &cr_tests;
static bool cr_failed;
static double cr_slow = 3;

enum { CR_PASSED = 0, CR_FAILED = 101, CR_SKIPPED = 102 };

#define Test(suite_, name_, ...)                                                         \
	static void suite_##_##name_##_body(void);                                       \
	__attribute__((constructor)) static void suite_##_##name_##_add(void)            \
	{                                                                                \
		static struct cr_test test = {.fn = suite_##_##name_##_body,             \
					      __VA_ARGS__};                              \
		test.suite = #suite_;                                                    \
		test.name = #name_;                                                      \
		*cr_last = &test;                                                        \
		cr_last = &test.next;                                                    \
	}                                                                                \
	static void suite_##_##name_##_body(void)

/* The default of every test of one file; only its fixtures and timeout are looked at. */
#define TestSuite(suite_, ...)                                                           \
	static struct cr_test suite_##_suite = {__VA_ARGS__};                            \
	__attribute__((constructor)) static void suite_##_suite_add(void)                \
	{                                                                                \
		suite_##_suite.suite = #suite_;                                          \
		suite_##_suite.next = cr_suites;                                         \
		cr_suites = &suite_##_suite;                                             \
	}
static struct cr_test *cr_suites;

#define cr_check(fatal, cond, text, ...)                                                 \
	do {                                                                             \
		if (!(cond)) {                                                           \
			fprintf(stderr, "[----] %s:%d: Assertion failed: %s\n",          \
				__FILE__, __LINE__, text);                               \
			fprintf(stderr, " " __VA_ARGS__);                                \
			fputc('\n', stderr);                                             \
			cr_failed = true;                                                \
			if (fatal)                                                       \
				_exit(CR_FAILED);                                        \
		}                                                                        \
	} while (0)

#define cr_assert(c, ...)            cr_check(1, (c), #c, __VA_ARGS__)
#define cr_assert_not(c, ...)        cr_check(1, !(c), "not " #c, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)      cr_check(1, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)     cr_check(1, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)      cr_check(1, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)     cr_check(1, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)      cr_check(1, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)     cr_check(1, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...)       cr_check(1, !(a), #a " is null", __VA_ARGS__)
#define cr_assert_not_null(a, ...)   cr_check(1, (a), #a " is not null", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)  cr_check(1, !strcmp(a, b), #a " == " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) cr_check(1, strcmp(a, b), #a " != " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)                                                   \
	cr_check(1, !memcmp(a, b, n), #a " == " #b, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...)                                                  \
	cr_check(1, memcmp(a, b, n), #a " != " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, d, ...)                                                 \
	cr_check(1, fabs((a) - (b)) <= (d), #a " == " #b, __VA_ARGS__)
#define cr_assert_fail(...) cr_check(1, false, "fail", __VA_ARGS__)
#define cr_fatal(...)       cr_check(1, false, "fatal", __VA_ARGS__)

#define cr_expect(c, ...)           cr_check(0, (c), #c, __VA_ARGS__)
#define cr_expect_not(c, ...)       cr_check(0, !(c), "not " #c, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)     cr_check(0, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)    cr_check(0, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)     cr_check(0, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)    cr_check(0, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)     cr_check(0, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)    cr_check(0, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_null(a, ...)      cr_check(0, !(a), #a " is null", __VA_ARGS__)
#define cr_expect_not_null(a, ...)  cr_check(0, (a), #a " is not null", __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) cr_check(0, !strcmp(a, b), #a " == " #b, __VA_ARGS__)
#define cr_expect_fail(...)         cr_check(0, false, "fail", __VA_ARGS__)

#define cr_log_info(...)  (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#define cr_log_warn(...)  cr_log_info(__VA_ARGS__)
#define cr_log_error(...) cr_log_info(__VA_ARGS__)

/* The reason travels to the parent through a pipe. */
static int cr_reason_fd = -1;
#define cr_skip_test(...)                                                                \
	do {                                                                             \
		dprintf(cr_reason_fd, " " __VA_ARGS__);                                  \
		_exit(CR_SKIPPED);                                                       \
	} while (0)
#define cr_skip(...) cr_skip_test(__VA_ARGS__)

static void cr_child(const struct cr_test *t, const struct cr_test *suite)
{
	if (t->timeout > 0 || suite->timeout > 0)
		alarm((unsigned)ceil(cr_slow *
				     (t->timeout > 0 ? t->timeout : suite->timeout)));
	if (t->init || suite->init)
		(t->init ? t->init : suite->init)();
	t->fn();
	if (t->fini || suite->fini)
		(t->fini ? t->fini : suite->fini)();
	exit(cr_failed ? CR_FAILED
		       : CR_PASSED); /* not _exit: the sanitizer reports here */
}

/* Runs one test; returns whether it did not fail. */
static bool cr_run(const struct cr_test *t)
{
	static const struct cr_test none;
	const struct cr_test *suite = cr_suites;
	char reason[256];
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	while (suite && strcmp(suite->suite, t->suite) != 0)
		suite = suite->next;
	if (pipe(pipes) < 0)
		abort();
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		cr_reason_fd = pipes[1];
		cr_child(t, suite ? suite : &none);
	}
	close(pipes[1]);
	n = read(pipes[0], reason, sizeof(reason) - 1);
	reason[n > 0 ? n : 0] = '\0';
	close(pipes[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == CR_SKIPPED) {
		fprintf(stderr, "[SKIP] %s::%s: %s\n", t->suite, t->name, reason + 1);
		return true;
	}
	if (t->signal ? WIFSIGNALED(status) && WTERMSIG(status) == t->signal
		      : WIFEXITED(status) && WEXITSTATUS(status) == t->exit_code) {
		fprintf(stderr, "[PASS] %s::%s: \n", t->suite, t->name);
		return true;
	}
	fprintf(stderr, "[FAIL] %s::%s: wait status 0x%x\n", t->suite, t->name,
		(unsigned)status);
	return false;
}

/* Options of Criterion are let pass. */
int main(int argc, char **argv)
{
	bool good = true;

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--slow") == 0)
			cr_slow = atof(argv[++i]);
	for (const struct cr_test *t = cr_tests; t; t = t->next)
		if (!t->disabled)
			good &= cr_run(t);
	return good ? 0 : 1;
}

#endif
