/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "../co/stack.h"
#include "frames.h"

enum { TEXT_BYTES = 4096 };

static const char *name_of(const struct wf_co *co, char *buf)
{
	size_t i = 0;

	while (i < sizeof(co->name) - 1 &&
	       (buf[i] = wf_atomic_load_relaxed(&co->name[i]))) /* CU1 relaxed: a look */
		i++;
	buf[i] = '\0';
	return i ? buf : "(no name)";
}

/* Without memory for the text it goes to stderr at once. */
void wf_report_begin(struct wf_report_draft *d, enum wf_report_kind kind,
		     const char *title)
{
	*d = (struct wf_report_draft){.kind = kind};
	d->out = open_memstream(&d->text, &d->size);
	if (!d->out)
		d->out = stderr;
	fprintf(d->out, "weft: %s:\n", title);
}

static void say_holder(FILE *out, const struct wf_waiting *it)
{
	struct wf_co *holder = wf_co_of_address((const void *)it->holder);
	char name[sizeof(holder->name)];

	if (!it->holder)
		return;
	if (it->kind == WF_WAIT_JOIN)
		fprintf(out, ": \"%s\"", name_of(holder, name));
	else if (holder)
		fprintf(out, " that \"%s\" holds", name_of(holder, name));
	else
		fputs(" that a thread holds", out);
}

/* Each line of text, indented. */
static void say_lines(FILE *out, char *text)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		fprintf(out, "\t%s\n", line);
}

static void say_where(FILE *out, const struct wf_co *co, const struct wf_waiting *it)
{
	char text[TEXT_BYTES];

	wf_frames_describe_parked(it->frame, it->n, text, sizeof(text));
	say_lines(out, text);
	if (wf_frame_describe(co->from, text, sizeof(text)))
		fprintf(out, "     spawned by\t%s", text);
}

static bool has_ended(struct wf_co *co)
{
	wf_spin_lock(&co->join_lock);
	bool done = co->done;
	wf_spin_unlock(&co->join_lock);
	return done;
}

void wf_report_add(struct wf_report_draft *d, struct wf_co *co)
{
	struct wf_waiting it;
	char name[sizeof(co->name)];

	if (++d->n > WF_REPORT_MOST)
		return;
	fprintf(d->out, "  %u: \"%s\" ", d->n, name_of(co, name));
	wf_waiting_look(co, wf_co_word(co), true, &it); /* PK1 PK2 */
	if (it.kind == WF_RUNNING && has_ended(co)) {
		fputs("has ended, and was neither joined nor detached", d->out);
	} else {
		fprintf(d->out, "%s%s", wf_waiting_verb(&it), wf_waiting_what(&it));
		say_holder(d->out, &it);
	}
	fputc('\n', d->out);
	say_where(d->out, co, &it);
}

void wf_report_end(struct wf_report_draft *d, const struct wf_report_sink *sink)
{
	if (d->n > WF_REPORT_MOST)
		fprintf(d->out, "  and %u more\n", d->n - WF_REPORT_MOST);
	if (d->out == stderr)
		return;
	if (!fclose(d->out) && d->text) {
		const struct wf_co_report r = {
			.kind = d->kind, .n = d->n, .text = d->text};

		if (sink->fn)
			sink->fn(&r, sink);
		else
			fputs(d->text, stderr);
	}
	free(d->text);
}

static void add(struct wf_co *co, void *draft)
{
	wf_report_add(draft, co);
}

void wf_report_all(const char *title, const struct wf_report_sink *sink)
{
	struct wf_report_draft d;

	wf_report_begin(&d, WF_REPORT_STANDSTILL, title);
	wf_co_for_each(add, &d);
	wf_report_end(&d, sink);
}

static void count(struct wf_co *co, void *n)
{
	(void)co;
	++*(unsigned *)n;
}

void wf_report_left(const struct wf_report_sink *sink)
{
	struct wf_report_draft d;
	unsigned n = 0;

	wf_co_for_each(count, &n);
	if (!n)
		return;
	wf_report_begin(&d, WF_REPORT_LEFT, "coroutines that are left at the end");
	wf_co_for_each(add, &d);
	wf_report_end(&d, sink);
}
