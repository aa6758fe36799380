/* SPDX-License-Identifier: MIT */
#include "signal.h"

#include <errno.h>
#include <signal.h>

#include "rescue.h"
#include "trace.h"

enum { SIGNAL = SIGURG };

static struct sigaction before;
static bool installed;

static void chain(int sig, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO && before.sa_sigaction)
		before.sa_sigaction(sig, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(sig);
}

/* A request may have been withdrawn before it was seen: then the signal tells whose it is. */
static bool is_ours(const siginfo_t *info)
{
	return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &installed;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct wf_worker *w = wf_worker_self();
	int err = errno;

	if (w) {
		wf_trace_note(w, context);
		wf_rescue_lend(w);
	}
	if (!is_ours(info))
		chain(sig, info, context);
	errno = err;
}

int wf_signal_open(void)
{
	struct sigaction act = {.sa_sigaction = on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGNAL, &act, &before))
		return -errno;
	installed = true;
	return 0;
}

void wf_signal_close(void)
{
	if (!installed)
		return;
	sigaction(SIGNAL, &before, NULL);
	installed = false;
}

void wf_signal_thread_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool wf_signal_send(const struct wf_worker *w)
{
	return installed && !pthread_sigqueue(w->thread, SIGNAL,
					      (union sigval){.sival_ptr = &installed});
}
