/* SPDX-License-Identifier: MIT */
#include "waiting.h"

#include "frames.h"
#include "worker.h"

/* Held, so what it waits in is there. */
static void look_in_queue(const struct wf_waiter *first, struct wf_waiting *ret)
{
	ret->what = first->what;
	if (ret->what && ret->what->holder)
		ret->holder = ret->what->holder(first->q);
}

bool wf_waiting_look(struct wf_co *co, uint64_t word, bool frames, struct wf_waiting *ret)
{
	ret->kind = wf_park_kind(word);
	ret->what = NULL;
	ret->holder = 0;
	ret->n = 0;
	if (ret->kind == WF_RUNNING || !wf_co_hold(co, word))
		return false;
	if (ret->kind == WF_WAIT_JOIN)
		ret->holder = (uintptr_t)co->wait_obj;
	else if (ret->kind == WF_WAIT_QUEUE || ret->kind == WF_WAIT_HARD_QUEUE)
		look_in_queue(co->wait_obj, ret);
	if (frames)
		ret->n = wf_frames_parked(co, ret->frame, WF_WAITING_FRAMES);
	wf_co_release(co, word);
	return true;
}

/* It was asked to stop, or will be when its time has come. */
static bool will_stop(const struct wf_co *co)
{
	return wf_kick_stops(wf_atomic_load_seq(&co->kick)) || /* PK2 */
	       wf_atomic_load_relaxed(&co->due) != WF_NEVER;   /* TM1 relaxed: a look */
}

static bool from_outside(const struct wf_waiting *it)
{
	return !it->what || it->what->outside ||
	       (it->holder && !wf_co_of_address((const void *)it->holder));
}

bool wf_waiting_for_others(const struct wf_co *co, const struct wf_waiting *it)
{
	switch (it->kind) {
	case WF_WAIT_JOIN:
		return !will_stop(co);
	case WF_WAIT_QUEUE:
		return !from_outside(it) && !will_stop(co);
	case WF_WAIT_HARD_QUEUE:
		return !from_outside(it);
	default:
		return false;
	}
}

static const char *const texts[] = {
	[WF_WAIT_SLEEP] = "a time",
	[WF_WAIT_OP] = "an operation on a descriptor",
	[WF_WAIT_STREAM] = "bytes or connections",
	[WF_WAIT_JOIN] = "the end of another one",
	[WF_WAIT_QUEUE] = "a thing of the program",
	[WF_WAIT_HARD] = "the end of something",
	[WF_WAIT_HARD_QUEUE] = "a thing of the program",
};

const char *wf_waiting_verb(const struct wf_waiting *it)
{
	return it->kind == WF_RUNNING      ? "is runnable, or runs"
	       : wf_wait_is_hard(it->kind) ? "waits, and cannot be cancelled, for "
					   : "waits for ";
}

const char *wf_waiting_what(const struct wf_waiting *it)
{
	return it->kind == WF_RUNNING ? "" : it->what ? it->what->text : texts[it->kind];
}
