/* SPDX-License-Identifier: MIT */
/*
 * LK1  n_keys: add under the lock, store_release after destroy is written  <->  load_acquire by who
 *      uses a key.
 */
#include "weft/local.h"

#include <errno.h>
#include <stdlib.h>

#include "../../sched/sched.h"

enum { ROUNDS = 4 };

static struct {
	struct wf_spin lock;
	uint32_t n; /* LK1 */
	void (*destroy[WEFT_LOCAL_MAX])(void *value);
} keys;

/* A coroutine's, from its first value on. */
struct locals {
	struct wf_cleanup cleanup; /* first */
	void *value[WEFT_LOCAL_MAX];
};

int weft_local_key_new(void (*destroy)(void *value), unsigned *ret_key)
{
	wf_spin_lock(&keys.lock);
	uint32_t key = keys.n;
	bool some = key < WEFT_LOCAL_MAX;
	if (some) {
		keys.destroy[key] = destroy;
		wf_atomic_store_release(&keys.n, key + 1); /* LK1 */
	}
	wf_spin_unlock(&keys.lock);
	if (!some)
		return -EAGAIN;
	*ret_key = key;
	return 0;
}

/* Whether there was anything to destroy. */
static bool destroy_all(struct locals *l)
{
	bool any = false;

	for (uint32_t i = wf_atomic_load_acquire(&keys.n); i-- > 0;) { /* LK1 */
		void *value = l->value[i];
		l->value[i] = NULL;
		if (!value || !keys.destroy[i])
			continue;
		any = true;
		keys.destroy[i](value);
	}
	return any;
}

static void end_locals(struct wf_cleanup *c)
{
	struct locals *l = (struct locals *)c;

	for (int i = 0; i < ROUNDS && destroy_all(l); i++)
		;
	*wf_locals() = NULL;
	free(l);
}

static int make_locals(void **ret)
{
	struct locals *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->cleanup.run = end_locals;
	wf_cleanup_push(&l->cleanup);
	*ret = l;
	return 0;
}

int weft_local_set(unsigned key, void *value)
{
	void **mine = wf_locals();

	if (!mine)
		return wf_self() ? -EOWNERDEAD : -EPERM;
	if (key >= wf_atomic_load_acquire(&keys.n)) /* LK1 */
		return -EINVAL;
	int rc = *mine ? 0 : make_locals(mine);
	if (!rc)
		((struct locals *)*mine)->value[key] = value;
	return rc;
}

void *weft_local_get(unsigned key)
{
	void **mine = wf_locals();

	return mine && *mine && key < WEFT_LOCAL_MAX
		       ? ((struct locals *)*mine)->value[key]
		       : NULL;
}

/* Cleanups. */

struct at_end {
	struct wf_cleanup cleanup; /* first */
	void (*fn)(void *arg);
	void *arg;
};

static void run_at_end(struct wf_cleanup *c)
{
	const struct at_end a = *(struct at_end *)c;

	free(c);
	a.fn(a.arg);
}

int weft_at_end(void (*fn)(void *arg), void *arg)
{
	if (!fn)
		return -EINVAL;
	struct at_end *a = malloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct at_end){.cleanup.run = run_at_end, .fn = fn, .arg = arg};
	int rc = wf_cleanup_push(&a->cleanup);
	if (rc)
		free(a);
	return rc;
}
