/* SPDX-License-Identifier: MIT */
/*
 * weft - stackful coroutines on io_uring, one pinned worker thread per core.
 *
 * This is the umbrella: include it and link with `pkg-config --cflags --libs weft`.
 * The headers below are the manual, one concept each; read them in this order.
 */
#ifndef WEFT_H
#define WEFT_H

#include "weft/base.h"  /* what is true of every call */
#include "weft/rt.h"    /* start and stop the runtime; options; counters */
#include "weft/place.h" /* where workers run and their memory lies */
#include "weft/co.h"    /* coroutines: spawn, join, cancel, pin */
#include "weft/stack.h" /* what stacks cost: high-water marks, limits */
#include "weft/time.h"  /* clock, sleep, deadline scopes */
#include "weft/scope.h" /* cancelling a part, shields for cleaning up */
#include "weft/local.h" /* values, cleanups and context of a coroutine */
#include "weft/group.h" /* coroutines that end together */
#include "weft/sync.h"  /* mutex, condition, semaphore, event, barrier, ... */
#include "weft/chan.h"  /* channels, select */
#include "weft/exec.h"  /* futures; pools of threads that may block; executors */
#include "weft/shm.h"   /* between processes: memory, queue, mutex, semaphore, event */
#include "weft/net.h"   /* sockets */
#include "weft/file.h"  /* files, and close() for every descriptor */
#include "weft/sim.h"   /* one thread, virtual time, every choice from a seed */
#include "weft/errno.h" /* makes `errno` follow the coroutine; include it last */

#endif
