/* SPDX-License-Identifier: MIT */
/* The life of a connection: wait, read, answer, again. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "httpd.h"

#define SPARE_MAX 256 /* struct works that a worker keeps */

/* What an idle connection holds; it lies on its coroutine's stack. */
struct conn {
	int fd;
	bool old;      /* has had a request */
	weft_time now; /* as of the last wait */
	atomic_bool idle;
	struct local *home; /* in whose list it is */
	struct conn *next, **link;
};

static struct work *work_get(int fd)
{
	struct local *here = local_get();
	struct work *w = here->spare;

	if (w) {
		here->spare = w->next;
		here->n_spare--;
	} else {
		w = malloc(sizeof(*w));
	}
	if (!w)
		return NULL;
	w->fd = fd;
	w->base = w->pos = w->len = 0;
	w->out_len = 0;
	w->now = weft_now();
	w->due = 0;
	w->req.close = false;
	return w;
}

static void work_put(struct work *w)
{
	struct local *here = local_get();

	if (here->n_spare == SPARE_MAX) {
		free(w);
		return;
	}
	w->next = here->spare;
	here->spare = w;
	here->n_spare++;
}

/* [parks] Receive more of the request in hand. -ECONNRESET: the peer has ended. */
static ssize_t conn_receive(struct work *w)
{
	struct weft_deadline scope;
	ssize_t r = send_flush(w);

	if (r < 0)
		return r;
	if (!w->due)
		w->due = w->now + config.header;
	weft_deadline_open(&scope, w->due);
	r = weft_recv(w->fd, w->in + w->len, sizeof(w->in) - w->len, 0);
	weft_deadline_close(&scope);
	w->now = weft_now();
	if (r > 0)
		w->len += (unsigned)r;
	if (r == -ETIMEDOUT && w->pos > w->base)
		return request_late(w);
	return r ? r : -ECONNRESET;
}

/* [parks] Wait a while for the peer to stop sending. Closing on unread bytes would reset
 * the connection, and the peer might lose the answer that says why. */
static void linger(int fd, char *buf, size_t len)
{
	struct weft_deadline scope;
	size_t most = 1 << 20;
	ssize_t n = 1;

	weft_deadline_open(&scope, weft_now() + WEFT_SEC);
	weft_shutdown(fd, SHUT_WR);
	while (n > 0 && most >= len) {
		n = weft_recv(fd, buf, len, 0);
		most -= n > 0 ? (size_t)n : 0;
	}
	weft_deadline_close(&scope);
}

/* [parks] Answer all requests that have arrived. */
static ssize_t work_run(struct work *w)
{
	ssize_t r = weft_recv(w->fd, w->in, sizeof(w->in), MSG_DONTWAIT);

	if (r == -EAGAIN) /* nothing after all */
		return 0;
	if (r <= 0)
		return r ? r : -ECONNRESET;
	w->len = (unsigned)r;
	while (r >= 0) {
		if (request_parse(w)) {
			r = respond(w);
			if (w->req.close)
				break;
			request_next(w);
		} else if (w->len > w->base) {
			r = conn_receive(w);
		} else {
			break;
		}
	}
	return r < 0 ? r : send_flush(w);
}

/* [parks] There is input. Returns whether the connection is to be kept. */
static bool conn_serve(struct conn *c)
{
	struct work *w = work_get(c->fd);
	bool keep = false;

	if (!w)
		return false;
	c->old = true;
	if (work_run(w) >= 0) {
		keep = !w->req.close;
		c->now = w->now;
		if (!keep && (w->req.status || w->pos < w->len))
			linger(c->fd, w->in, sizeof(w->in));
	}
	work_put(w);
	return keep;
}

/* [parks] Wait for a request, with nothing in hand. */
static bool conn_wait(struct conn *c)
{
	weft_time span = c->old ? config.idle : config.header;
	struct weft_deadline scope;
	int r = 0;

	/* Either we see `draining`, or conns_wake() sees `idle`. */
	atomic_store(&c->idle, true);
	if (!atomic_load(&draining)) {
		weft_deadline_open(&scope, c->now + span);
		r = weft_poll(c->fd, POLLIN);
		weft_deadline_close(&scope);
	}
	atomic_store_explicit(&c->idle, false, memory_order_relaxed);
	return r > 0;
}

static void conn_link(struct conn *c)
{
	c->home = local_get();
	pthread_mutex_lock(&c->home->lock);
	c->next = c->home->conns;
	c->link = &c->home->conns;
	if (c->next)
		c->next->link = &c->next;
	c->home->conns = c;
	pthread_mutex_unlock(&c->home->lock);
}

static void conn_unlink(struct conn *c)
{
	pthread_mutex_lock(&c->home->lock);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	pthread_mutex_unlock(&c->home->lock);
}

int conn_run(void *arg)
{
	struct conn c = {.fd = (int)(intptr_t)arg, .now = weft_now()};

	local_get()->count.connections++;
	conn_link(&c);
	while (conn_wait(&c) && conn_serve(&c))
		;
	conn_unlink(&c);
	weft_close(c.fd);
	atomic_fetch_sub(&open_conns, 1);
	return 0;
}

int conn_refuse(void *arg)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
				     "Content-Length: 0\r\n"
				     "Retry-After: 1\r\n"
				     "Connection: close\r\n\r\n";
	char buf[512];
	int fd = (int)(intptr_t)arg;

	local_get()->count.refused++;
	if (weft_send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0)
		linger(fd, buf, sizeof(buf));
	weft_close(fd);
	atomic_fetch_sub(&open_conns, 1);
	return 0;
}

void conns_wake(struct local *all, int n)
{
	for (int i = 0; i < n; i++) {
		pthread_mutex_lock(&all[i].lock);
		for (struct conn *c = all[i].conns; c; c = c->next)
			if (atomic_load(&c->idle))
				shutdown(c->fd, SHUT_RD); /* reads as the peer's end */
		pthread_mutex_unlock(&all[i].lock);
	}
}
