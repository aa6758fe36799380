/* SPDX-License-Identifier: MIT */
/*
 * Text under construction. Used instead of snprintf() because it needs almost no stack:
 * the one page that a connection keeps while it is idle is its stack.
 */
#ifndef HTTPD_TEXT_H
#define HTTPD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

/* Either over a caller's buffer of cap bytes, or (grows) over malloc'ed memory. */
struct text {
	char *data;
	size_t len, cap;
	bool grows;
	bool lost; /* something did not fit: the text must not be used */
};

#define DATE_LEN 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

void text_add(struct text *t, const void *data, size_t len);
void text_num(struct text *t, uint64_t value, unsigned base);
void text_date(struct text *t, time_t at);
void text_html(struct text *t, const char *s); /* with < > & " ' escaped */
void text_url(struct text *t, const char *s);  /* percent-encoded, one path segment */

static inline void text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

/* Any of the three formats of RFC 9110; -1 when it is none of them. */
time_t date_parse(const char *s, size_t len);

/* Undo percent-encoding, once. Returns the length, or -1: malformed, or a NUL byte. */
int url_decode(char *to, const char *from, size_t len);

#endif
