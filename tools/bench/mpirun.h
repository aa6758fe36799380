/* SPDX-License-Identifier: MIT */
/* A benchmark of two ranks starts itself again under mpirun; root may, and on fewer cores than that. */
#ifndef BENCH_MPIRUN_H
#define BENCH_MPIRUN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void bench_on_two_ranks(char **argv)
{
	char *command[16] = {"mpirun", "--oversubscribe", "-n", "2"};
	int n = 4;

	if (getenv("OMPI_COMM_WORLD_RANK"))
		return;
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	setenv("OMPI_MCA_btl", "self,vader", 1); /* shared memory, */
	setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1); /* the plain way */
	for (; *argv && n < 15; argv++)
		command[n++] = *argv;
	execvp(command[0], command);
	perror("mpirun");
	exit(1);
}

#endif
