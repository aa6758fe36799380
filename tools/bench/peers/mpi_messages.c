/* SPDX-License-Identifier: MIT */
/* `mpi_messages N BYTES`: a message of BYTES to another rank of MPI and back, N times; both look all the time. */
#include <mpi.h>

#include "../micro.h"
#include "../mpirun.h"

int main(int argc, char **argv)
{
	bench_on_two_ranks(argv);
	MPI_Init(&argc, &argv);
	const long n = bench_count(argc, argv, 1000);
	const int bytes = argc > 2 ? atoi(argv[2]) : 0;
	char *data = calloc(1, (size_t)bytes + 1);
	int me;

	MPI_Comm_rank(MPI_COMM_WORLD, &me);
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++) {
		if (!me)
			MPI_Send(data, bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
		MPI_Recv(data, bytes, MPI_BYTE, !me, 0, MPI_COMM_WORLD,
			 MPI_STATUS_IGNORE);
		if (me)
			MPI_Send(data, bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
	}
	if (!me)
		bench_per_op(start, n);
	free(data);
	return MPI_Finalize();
}
