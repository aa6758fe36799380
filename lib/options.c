/* SPDX-License-Identifier: MIT */
/* Part of each of our libraries: their option structs begin alike. */
#include "options.h"

#include <errno.h>
#include <string.h>

int weft__options_copy(void *dst, size_t known, const void *src)
{
	size_t size;

	memset(dst, 0, known);
	if (!src)
		return 0;
	memcpy(&size, src, sizeof(size));
	if (size < sizeof(size))
		return -EINVAL;
	for (size_t i = known; i < size; i++)
		if (((const char *)src)[i])
			return -E2BIG;
	memcpy(dst, src, size < known ? size : known);
	return 0;
}

int weft__result_copy(void *dst, const void *src, size_t known)
{
	size_t size;

	if (!dst)
		return -EINVAL;
	memcpy(&size, dst, sizeof(size));
	if (size < sizeof(size))
		return -EINVAL;
	memset((char *)dst + sizeof(size), 0, size - sizeof(size));
	size_t n = size < known ? size : known;
	memcpy((char *)dst + sizeof(size), (const char *)src + sizeof(size),
	       n - sizeof(size));
	return 0;
}
