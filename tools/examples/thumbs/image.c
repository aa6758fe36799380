/* SPDX-License-Identifier: MIT */
/* From a picture to a small one, by libjpeg. */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "thumbs.h"

struct failure {
	struct jpeg_error_mgr mgr; /* first */
	jmp_buf out;
};

static void fail(j_common_ptr codec)
{
	longjmp(((struct failure *)codec->err)->out, 1);
}

static void say_nothing(j_common_ptr codec)
{
	(void)codec;
}

static struct jpeg_error_mgr *quietly(struct failure *f)
{
	struct jpeg_error_mgr *mgr = jpeg_std_error(&f->mgr);

	mgr->error_exit = fail;
	mgr->output_message = say_nothing;
	return mgr;
}

/* Sums of the pixels that become one of the thumbnail. */
struct canvas {
	unsigned width, height;
	struct cell {
		unsigned rgb[3], n;
	} * cell;
};

static void add_row(struct canvas *c, const struct jpeg_decompress_struct *d,
		    const JSAMPLE *row)
{
	unsigned y = (unsigned)((unsigned long)(d->output_scanline - 1) * c->height /
				d->output_height);

	for (unsigned x = 0; x < d->output_width; x++) {
		struct cell *to =
			&c->cell[y * c->width + (unsigned)((unsigned long)x * c->width /
							   d->output_width)];
		for (int i = 0; i < 3; i++)
			to->rgb[i] += row[3 * x + (unsigned)i];
		to->n++;
	}
}

static bool make_canvas(struct canvas *c, unsigned width, unsigned height)
{
	const unsigned side = width > height ? width : height;
	const unsigned most = side > THUMB_SIDE ? THUMB_SIDE : side;

	c->width = (unsigned)((unsigned long)width * most / side);
	c->height = (unsigned)((unsigned long)height * most / side);
	c->width += !c->width;
	c->height += !c->height;
	c->cell = calloc((size_t)c->width * c->height, sizeof(*c->cell));
	return c->cell;
}

/* 0 with *c to be freed, or -errno. */
static int shrink(const void *jpeg, size_t len, struct canvas *c)
{
	struct jpeg_decompress_struct d = {0};
	struct failure failure;

	d.err = quietly(&failure);
	if (setjmp(failure.out)) {
		jpeg_destroy_decompress(&d);
		return -EBADMSG;
	}
	jpeg_create_decompress(&d);
	jpeg_mem_src(&d, jpeg, (unsigned long)len);
	jpeg_read_header(&d, TRUE);
	d.out_color_space = JCS_RGB;
	jpeg_start_decompress(&d);
	JSAMPARRAY row =
		d.mem->alloc_sarray((j_common_ptr)&d, JPOOL_IMAGE, d.output_width * 3, 1);
	int rc = make_canvas(c, d.output_width, d.output_height) ? 0 : -ENOMEM;
	while (!rc && d.output_scanline < d.output_height) {
		jpeg_read_scanlines(&d, row, 1);
		add_row(c, &d, row[0]);
	}
	jpeg_destroy_decompress(&d);
	return rc;
}

static void write_rows(struct jpeg_compress_struct *e, const struct canvas *c)
{
	JSAMPLE row[3 * THUMB_SIDE];
	JSAMPROW rows = row;

	for (unsigned y = 0; y < c->height; y++) {
		for (unsigned x = 0; x < c->width; x++) {
			const struct cell *from = &c->cell[y * c->width + x];
			for (unsigned i = 0; i < 3; i++)
				row[3 * x + i] =
					(JSAMPLE)(from->n ? from->rgb[i] / from->n : 0);
		}
		jpeg_write_scanlines(e, &rows, 1);
	}
}

static ssize_t encode(const struct canvas *c, void *out, size_t cap)
{
	struct jpeg_compress_struct e = {0};
	unsigned char *made = NULL;
	unsigned long len = 0;
	struct failure failure;

	e.err = quietly(&failure);
	if (setjmp(failure.out)) {
		jpeg_destroy_compress(&e);
		return -ENOMEM;
	}
	jpeg_create_compress(&e);
	jpeg_mem_dest(&e, &made, &len);
	e.image_width = c->width;
	e.image_height = c->height;
	e.input_components = 3;
	e.in_color_space = JCS_RGB;
	jpeg_set_defaults(&e);
	jpeg_start_compress(&e, TRUE);
	write_rows(&e, c);
	jpeg_finish_compress(&e);
	jpeg_destroy_compress(&e);
	if (len <= cap)
		memcpy(out, made, len);
	free(made);
	return len <= cap ? (ssize_t)len : -EMSGSIZE;
}

ssize_t thumbnail(const void *jpeg, size_t len, void *out, size_t cap)
{
	struct canvas c = {0};
	ssize_t rc = shrink(jpeg, len, &c);

	if (!rc)
		rc = encode(&c, out, cap);
	free(c.cell);
	return rc;
}
