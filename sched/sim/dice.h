/* SPDX-License-Identifier: MIT */
/*
 * Where all choices of a simulation come from, and where all its events go: numbers from the
 * seed, and a hash of what happened. Nothing that differs between two runs of one program may
 * decide or be noted: addresses, real time, numbers of processes.
 */
#ifndef WF_SIM_DICE_H
#define WF_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

/* How often something happens, drawn anew for each seed: a seed that never cuts results short
 * and always reorders finds what the mean of all would not. */
enum wf_odds {
	WF_ODDS_PREEMPT,  /* a worker that looks at its ring lets others go first */
	WF_ODDS_FREEZE,   /* and does not run for a while */
	WF_ODDS_LATER,    /* a request, or its completion, takes its time */
	WF_ODDS_SHORT,    /* a result is cut short */
	WF_ODDS_STARVE,   /* a stream finds no buffer */
	WF_ODDS_LOST,     /* a stream ends for no reason */
	WF_ODDS_SPURIOUS, /* a plain thread is woken for nothing */
	WF_ODDS_SHUFFLE,  /* what is runnable changes its order */
	WF_ODDS_ERROR,    /* level 2: a call fails */
	WF_ODDS_COUNT,
};

void wf_dice_open(uint64_t seed, unsigned level);

/* A number below n, n > 0. */
uint64_t wf_dice(uint64_t n);

/* Whether it happens this time. */
bool wf_odds(enum wf_odds what);

/* A delay in nanoseconds: most are short, few are long. */
uint64_t wf_dice_delay(void);

/* What happened. */
enum wf_event { WF_EV_THREAD = 1, WF_EV_TRY, WF_EV_POST, WF_EV_REAP, WF_EV_TIME };
void wf_note(enum wf_event event, uint64_t a, int64_t b);

uint64_t wf_dice_hash(void);
uint64_t wf_dice_events(void);

#endif
