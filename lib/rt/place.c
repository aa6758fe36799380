/* SPDX-License-Identifier: MIT */
#include "weft/place.h"

#include <errno.h>
#include <string.h>

#include "../../sched/sched.h"

int weft_place_get(unsigned worker, struct weft_place *place)
{
	struct wf_place p;

	if (!place || place->size < sizeof(place->size))
		return -EINVAL;
	int rc = wf_place_get(worker, &p);
	if (rc)
		return rc;
	const struct weft_place all = {.size = place->size,
				       .cpu = p.cpu,
				       .node = p.node,
				       .core = (int)p.core,
				       .cache = (int)p.cache,
				       .package = (int)p.package};
	size_t n = place->size < sizeof(all) ? place->size : sizeof(all);

	memset((char *)place + sizeof(size_t), 0, place->size - sizeof(size_t));
	memcpy(place, &all, n);
	return 0;
}

int weft_place_text(char *buf, size_t size)
{
	return wf_place_text(buf, size);
}
