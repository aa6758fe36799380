/* SPDX-License-Identifier: MIT */
#include "dice.h"

static struct {
	uint64_t state, hash, events;
	unsigned one_in[WF_ODDS_COUNT]; /* 0: never */
} d;

/* splitmix64: any seed will do, also small ones in a row. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t wf_dice(uint64_t n)
{
	d.state += 0x9e3779b97f4a7c15u;
	return mix(d.state) % n;
}

void wf_dice_open(uint64_t seed, unsigned level)
{
	static const struct {
		unsigned level; /* from this one on */
		uint16_t one_in[4];
	} table[WF_ODDS_COUNT] = {
		[WF_ODDS_PREEMPT] = {0, {1, 2, 4, 16}},
		[WF_ODDS_FREEZE] = {0, {0, 16, 64, 256}},
		[WF_ODDS_LATER] = {0, {0, 2, 4, 16}},
		[WF_ODDS_SHORT] = {1, {0, 2, 4, 16}},
		[WF_ODDS_STARVE] = {1, {0, 4, 16, 64}},
		[WF_ODDS_LOST] = {1, {0, 4, 16, 64}},
		[WF_ODDS_SPURIOUS] = {1, {0, 4, 16, 64}},
		[WF_ODDS_SHUFFLE] = {0, {0, 1, 2, 8}},
		[WF_ODDS_ERROR] = {2, {0, 16, 64, 256}},
	};

	d.state = mix(seed + 1);
	d.hash = d.events = 0;
	for (unsigned i = 0; i < WF_ODDS_COUNT; i++) {
		unsigned one_in = table[i].one_in[wf_dice(4)];
		d.one_in[i] = level >= table[i].level ? one_in : 0;
	}
}

bool wf_odds(enum wf_odds what)
{
	return d.one_in[what] && wf_dice(d.one_in[what]) == 0;
}

uint64_t wf_dice_delay(void)
{
	static const uint64_t most[] = {1000,      1000,       20 * 1000,
					20 * 1000, 400 * 1000, 3 * 1000 * 1000};

	return wf_dice(most[wf_dice(sizeof(most) / sizeof(most[0]))]);
}

void wf_note(enum wf_event event, uint64_t a, int64_t b)
{
	d.events++;
	d.hash = mix(d.hash ^ mix((uint64_t)event << 56 ^ a << 32 ^ (uint64_t)b));
}

uint64_t wf_dice_hash(void)
{
	return d.hash;
}

uint64_t wf_dice_events(void)
{
	return d.events;
}
