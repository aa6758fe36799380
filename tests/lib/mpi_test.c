/* SPDX-License-Identifier: MIT */
/*
 * Jobs on several ranks of this machine: each test is a run of mpirun with mpi_ranks.c, which goes through the
 * course of that name.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "sched/co/fiber.h"

/* Root may start it, and on fewer cores than there are ranks; ranks share memory the plain way. */
static void tolerate(void)
{
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
	setenv("OMPI_MCA_btl", "self,vader", 1);
	setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1);
#ifdef WF_ASAN
	/* what MPI itself keeps until the end is not ours */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
#endif
}

static FILE *start(int ranks, const char *course)
{
	char command[512];

	tolerate();
	if (ranks)
		snprintf(command, sizeof(command), "mpirun -n %d %s %s 2>&1", ranks,
			 MPI_RANKS, course);
	else
		snprintf(command, sizeof(command), "%s %s 2>&1", MPI_RANKS, course);
	return popen(command, "r");
}

/* Its exit status; what it said is shown if that is not 0. */
static void run(int ranks, const char *course)
{
	static char said[8192];
	FILE *f = start(ranks, course);

	cr_assert_not_null(f);
	size_t n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	cr_assert_eq(pclose(f), 0, "%s", said);
}

#define COURSE(name, ranks)                                                              \
	Test(mpi, name, .timeout = 60)                                                   \
	{                                                                                \
		run(ranks, #name);                                                       \
	}

COURSE(results, 3)
COURSE(shares, 3)
COURSE(faults, 3)
COURSE(stopping, 3)
COURSE(streaming, 2)
COURSE(closing, 3)
COURSE(one_fails, 3)
COURSE(too_large, 2)
COURSE(by_itself, 2)
COURSE(single, 2)
COURSE(alone, 0)

/* How many processes run the program, with their workers. */
static int alive(void)
{
	FILE *f = popen("pgrep -c -f '^" MPI_RANKS "'", "r");
	int n = -1;

	if (fscanf(f, "%d", &n) != 1)
		n = -1;
	pclose(f);
	return n;
}

/* One rank is killed: all ends, with an error, and nobody is left behind. */
Test(mpi, dying, .timeout = 60)
{
	char line[256] = "";
	FILE *f = start(3, "dying");

	while (strcmp(line, "up\n") != 0)
		cr_assert_not_null(fgets(line, sizeof(line), f));
	cr_assert_geq(alive(), 3);
	cr_assert_eq(system("kill -KILL $(pgrep -n -f '^" MPI_RANKS " dying')"), 0);
	while (fgets(line, sizeof(line), f)) {
	}
	cr_assert_neq(pclose(f), 0);
	for (int i = 0; i < 1000 && alive(); i++)
		usleep(10000);
	cr_assert_eq(alive(), 0);
}
