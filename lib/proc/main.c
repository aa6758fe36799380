/* SPDX-License-Identifier: MIT */
/* The first line of main: whose process is this? */
#include <string.h>
#include <sys/socket.h>

#include "child.h"

static bool seen;

bool wf_job_main_seen(void)
{
	return seen;
}

static bool is_zygote(int argc, char **argv)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return argc == 1 && !strcmp(argv[0], WF_ZYGOTE_NAME) &&
	       !getsockopt(WF_ZYGOTE_FD, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_SEQPACKET;
}

void weft_job_main_with(int argc, char **argv, const struct weft_job_entry *begin,
			const struct weft_job_entry *end)
{
	if (is_zygote(argc, argv))
		wf_zygote_run(begin, end);
	seen = true;
}
