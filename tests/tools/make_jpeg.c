/* SPDX-License-Identifier: MIT */
/* make_jpeg WIDTH HEIGHT: a JPEG of noise, which takes a decoder long, on stdout. */
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

int main(int argc, char **argv)
{
	struct jpeg_compress_struct c = {0};
	struct jpeg_error_mgr err;
	unsigned seed = 1;

	if (argc != 3)
		return 2;
	c.err = jpeg_std_error(&err);
	jpeg_create_compress(&c);
	jpeg_stdio_dest(&c, stdout);
	c.image_width = (JDIMENSION)atoi(argv[1]);
	c.image_height = (JDIMENSION)atoi(argv[2]);
	c.input_components = 3;
	c.in_color_space = JCS_RGB;
	jpeg_set_defaults(&c);
	jpeg_start_compress(&c, TRUE);
	JSAMPLE *row = malloc(3 * (size_t)c.image_width);
	while (row && c.next_scanline < c.image_height) {
		for (size_t i = 0; i < 3 * (size_t)c.image_width; i++)
			row[i] = (JSAMPLE)(rand_r(&seed) >> 4);
		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	free(row);
	return 0;
}
