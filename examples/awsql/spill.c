/* SPDX-License-Identifier: MIT */
/*
 * spill.c - rows that may have to be dropped again.
 *
 * Of several commands the last result is the answer, and which one is the
 * last shows when it is over.  With --stream its rows wait in a file without
 * a name meanwhile:
 *
 *	out    {"id":7 | ,"columns": ... rows ... --> file, once it is much
 *	               ^ begun: what is behind it belongs to the result
 *
 * File and output are written in helper threads, since both may block.
 */
#include <errno.h>
#include <string.h>

#include "awsql.h"

struct piece_of_file {
	FILE **file;
	char *data;
	size_t n;
};

static int
write_piece(void *arg)
{
	const struct piece_of_file *p = arg;

	if (!*p->file)
		*p->file = tmpfile();
	if (!*p->file || fwrite(p->data, 1, p->n, *p->file) != p->n ||
	    fflush(*p->file) != 0)
		return -errno;
	return 0;
}

static int
read_piece(void *arg)
{
	struct piece_of_file *p = arg;

	p->n = fread(p->data, 1, p->n, *p->file);
	return ferror(*p->file) ? -errno : 0;
}

static int
begin_again(void *arg)
{
	return fseek(arg, 0, SEEK_SET) != 0 ? -errno : 0;
}

int
spill_add(struct line *line)
{
	struct out *out = &line->out;
	struct piece_of_file p = { &line->spill, out->data + line->begun,
				   out->n - line->begun };
	int r = aw_offload(write_piece, &p);

	out->n = line->begun;
	return r < 0 ? aw_fail(r, "rows cannot be kept in a temporary file: "
			       "%s", aw_strerror(r)) : 0;
}

void
spill_drop(struct line *line)
{
	line->out.n = line->begun;
	spill_close(line);
}

/* The last result was it. */
int
spill_end(struct line *line)
{
	struct piece_of_file p = { .file = &line->spill };
	char data[16384];
	int r;

	if (!line->spill)
		return 0;
	r = aw_offload(begin_again, line->spill);
	do {
		p.data = data;
		p.n = sizeof(data);
		if (r == 0)
			r = aw_offload(read_piece, &p);
		if (r < 0)
			return aw_fail(r, "rows in a temporary file are lost: "
				       "%s", aw_strerror(r));
		out_put(&line->out, data, p.n);
		r = line->flush(line);
	} while (r == 0 && p.n > 0);
	return r;
}

static int
close_file(void *arg)
{
	fclose(arg);
	return 0;
}

void
spill_close(struct line *line)
{
	AW_SHIELD(10.0);

	/* What was written may be much, and freeing it takes its time. */
	if (line->spill && aw_offload(close_file, line->spill) < 0)
		fclose(line->spill);
	line->spill = NULL;
}
