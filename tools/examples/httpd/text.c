/* SPDX-License-Identifier: MIT */
/* See text.h. */
#include "text.h"

#include <stdlib.h>

static bool text_room(struct text *t, size_t len)
{
	size_t cap = t->cap ? t->cap : 4096;
	char *data;

	if (len <= t->cap - t->len)
		return true;
	while (cap - t->len < len)
		cap *= 2;
	data = t->grows && !t->lost ? realloc(t->data, cap) : NULL;
	t->lost |= !data;
	if (!data)
		return false;
	t->data = data;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const void *data, size_t len)
{
	if (!text_room(t, len))
		return;
	memcpy(t->data + t->len, data, len);
	t->len += len;
}

void text_num(struct text *t, uint64_t value, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	text_add(t, digits + i, sizeof(digits) - i);
}

static void text_two(struct text *t, int value, char after)
{
	char s[3] = {(char)('0' + value / 10 % 10), (char)('0' + value % 10), after};

	text_add(t, s, 3);
}

void text_date(struct text *t, time_t at)
{
	static const char days[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ";
	static const char months[] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
	struct tm tm = {0};

	gmtime_r(&at, &tm);
	text_add(t, days + 5 * tm.tm_wday, 5);
	text_two(t, tm.tm_mday, ' ');
	text_add(t, months + 4 * tm.tm_mon, 4);
	text_num(t, 1900 + (unsigned)tm.tm_year, 10);
	text_add(t, " ", 1);
	text_two(t, tm.tm_hour, ':');
	text_two(t, tm.tm_min, ':');
	text_two(t, tm.tm_sec, ' ');
	text_add(t, "GMT", 3);
}

void text_html(struct text *t, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<':
			text_str(t, "&lt;");
			break;
		case '>':
			text_str(t, "&gt;");
			break;
		case '&':
			text_str(t, "&amp;");
			break;
		case '"':
			text_str(t, "&quot;");
			break;
		case '\'':
			text_str(t, "&#39;");
			break;
		default:
			text_add(t, s, 1);
		}
	}
}

void text_url(struct text *t, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		char hex[3] = {'%', "0123456789ABCDEF"[c >> 4],
			       "0123456789ABCDEF"[c & 15]};

		if (strchr(plain, c))
			text_add(t, s, 1);
		else
			text_add(t, hex, 3);
	}
}

time_t date_parse(const char *s, size_t len)
{
	static const char *const formats[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %d %H:%M:%S %Y",
	};
	char copy[40];

	if (len >= sizeof(copy))
		return -1;
	memcpy(copy, s, len);
	copy[len] = '\0';
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		struct tm tm = {0};
		const char *end = strptime(copy, formats[i], &tm);

		if (end && !*end)
			return timegm(&tm);
	}
	return -1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int url_decode(char *to, const char *from, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = from[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(from[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(from[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return -1;
		to[n++] = c;
	}
	to[n] = '\0';
	return n;
}
